"""`simwire send --csv` against the real API: what is sent, and what a second run adds to it."""

from __future__ import annotations

import csv
import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from gateway.cli import batch, bulk
from gateway.messages import MessageState
from tests.gateway.cli.conftest import Port, Shell
from tests.gateway.world import NUMBER, OTHER, World

THIRD = "+447700900125"
TEXT = "Dear {name}, your car is ready."


def table(folder: Path, *rows: str, name: str = "people.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(("to,name", *rows)) + "\n", encoding="utf-8")
    return path


def words(path: Path, *more: str) -> tuple[str, ...]:
    return ("send", "--csv", str(path), "--template", TEXT, *more)


def messages(shell: Shell) -> dict[str, list[str]]:
    """Ids by number, of everything that the gateway has."""
    found: dict[str, list[str]] = {}
    for message in shell.json("messages", "list", "--limit", "100")["items"]:
        found.setdefault(message["to"], []).append(message["id"])
    return found


def report(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_each_row_gets_its_text_in_the_bulk_lane_once(shell: Shell, world: World, tmp_path: Path) -> None:
    path = table(tmp_path, f"{NUMBER},Ann", f"{OTHER},Ben")
    first = shell.json(*words(path, "--tag", "cars"))
    again = shell.json(*words(path, "--tag", "cars"))

    assert (first["accepted"], first["earlier"], first["states"]) == (2, 0, {"accepted": 2})
    assert (again["accepted"], again["earlier"]) == (2, 2)
    sent = {message["to"]: message for message in shell.json("messages", "list")["items"]}
    assert world.sent_text(sent[NUMBER]["id"]) == "Dear Ann, your car is ready."
    assert {(one["priority"], tuple(one["tags"])) for one in sent.values()} == {("bulk", ("batch:people", "cars"))}
    assert {number: len(ids) for number, ids in messages(shell).items()} == {NUMBER: 1, OTHER: 1}


def test_a_number_that_stands_there_twice_gets_one_message(shell: Shell, tmp_path: Path) -> None:
    path = table(tmp_path, f"{NUMBER},Ann", "07700 900123,Bob", f"{OTHER},Ben")
    told = shell.json(*words(path))

    assert told["duplicate"] == [{"row": 3, "reason": "row 2 has the same number"}]
    assert {number: len(ids) for number, ids in messages(shell).items()} == {NUMBER: 1, OTHER: 1}
    assert shell.run(*words(path)).exit_code == 0


def test_a_number_may_get_several_texts_where_that_is_wanted(shell: Shell, tmp_path: Path) -> None:
    path = table(tmp_path, f"{NUMBER},Ann", f"{NUMBER},Bob", f"{NUMBER},Ann")
    told = shell.json(*words(path, "--repeat-numbers"))

    assert told["duplicate"] == [{"row": 4, "reason": "row 2 has the same number and text"}]
    assert len(messages(shell)[NUMBER]) == 2


def test_nothing_is_sent_while_a_row_is_bad_unless_that_is_wanted(shell: Shell, tmp_path: Path) -> None:
    path = table(tmp_path, f"{NUMBER},Ann", "12,Bob", f"{OTHER},", "+33123456789,Eve")
    result = shell.run(*words(path))

    assert result.exit_code == 1
    assert "nothing was sent, as 3 rows cannot be" in result.stderr
    assert "row 3: to: " in result.stderr
    assert "row 4: nothing in column 'name'" in result.stderr
    assert "row 5: to: " in result.stderr
    assert not messages(shell)
    told = shell.json(*words(path, "--skip-bad"))
    assert (told["accepted"], [one["row"] for one in told["bad"]]) == (1, [3, 4, 5])


def test_a_mended_row_is_all_that_the_next_run_sends(shell: Shell, tmp_path: Path) -> None:
    path = table(tmp_path, f"{NUMBER},Ann", "12,Bob")
    shell.json(*words(path, "--skip-bad"))
    table(tmp_path, f"{OTHER},Bob", f"{NUMBER},Anna")  # sorted anew, and a name was mended that was sent already
    told = shell.json(*words(path))

    assert (told["accepted"], told["earlier"]) == (2, 1)
    assert {number: len(ids) for number, ids in messages(shell).items()} == {NUMBER: 1, OTHER: 1}


def test_another_template_is_another_batch(shell: Shell, tmp_path: Path) -> None:
    path = table(tmp_path, f"{NUMBER},Ann")
    shell.json(*words(path))
    other = ("send", "--csv", str(path), "--template", "Hello {name}")
    result = shell.run(*other)

    assert result.exit_code == 1
    assert "batch people was begun with another template, and 1 messages of it were taken" in result.stderr
    assert shell.json(*other, "--batch", "second")["accepted"] == 1
    assert len(messages(shell)[NUMBER]) == 2


@pytest.mark.parametrize("harm", ["lost", "torn"])
def test_where_the_state_is_lost_the_gateway_is_asked(shell: Shell, world: World, tmp_path: Path, harm: str) -> None:
    """Also when the gateway has forgotten the Idempotency-Keys, a day later."""
    path = table(tmp_path, f"{NUMBER},Ann", f"{OTHER},Ben", f"{THIRD},Cem")
    shell.json(*words(table(tmp_path, f"{NUMBER},Ann", f"{OTHER},Ben")))
    table(tmp_path, f"{NUMBER},Ann", f"{OTHER},Ben", f"{THIRD},Cem")
    state = tmp_path / "people.csv.people.state"
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    octets = state.read_bytes()
    state.unlink() if harm == "lost" else state.write_bytes(octets[:-20])
    with world.store.database.mark() as cx:
        cx.execute("DELETE FROM idempotency")
    told = shell.json(*words(path))

    assert (told["accepted"], told["earlier"]) == (3, 2)
    assert {number: len(ids) for number, ids in messages(shell).items()} == {NUMBER: 1, OTHER: 1, THIRD: 1}


def test_a_key_that_may_not_look_goes_on_only_while_the_gateway_remembers(
    shell: Shell, world: World, tmp_path: Path
) -> None:
    shell.environment["SIMWIRE_KEY"] = world.key(scopes=("messages:send",))
    path = table(tmp_path, f"{NUMBER},Ann")
    assert shell.json(*words(path))["accepted"] == 1
    table(tmp_path, f"{NUMBER},Ann", f"{OTHER},Ben")
    assert shell.json(*words(path))["accepted"] == 2
    state = tmp_path / "people.csv.people.state"
    octets = state.read_bytes()
    state.unlink()
    assert shell.json(*words(path))["accepted"] == 2
    assert len(world.get("/v1/messages").get_json()["items"]) == 2, "the gateway knew their Idempotency-Keys"
    state.write_bytes(octets)
    old = state.stat().st_mtime - batch.REMEMBERED - 60
    os.utime(state, (old, old))
    result = shell.run(*words(path))

    assert result.exit_code == 1
    assert "messages:read" in result.stderr


def test_a_dry_run_sends_nothing_and_tells_parts_and_cost(shell: Shell, tmp_path: Path) -> None:
    path = table(tmp_path, f"{NUMBER},Ann", f"{OTHER},Łukasz {'x' * 60}", f"{NUMBER},Bob", "12,Eve")
    result = shell.run(*words(path, "--dry-run", "--price", "0.05", "--rate", "1/1m"))

    assert result.exit_code == 1, "one row is bad"
    assert "2 (1 in gsm7, 1 in ucs2)" in result.stdout
    assert "3, at most 2 a message" in result.stdout
    assert "0.15 at 0.05 a part" in result.stdout
    assert "forced by Ł" in result.stdout
    assert "about 2 min by 1 modem" in result.stdout
    assert "row 5: to: " in result.stderr
    told = json.loads(shell.run(*words(path, "--dry-run", "--skip-bad", "--json")).stdout)
    assert (told["messages"], told["parts"], told["cost"], told["seconds"]) == (2, 3, None, 12)
    assert not messages(shell)
    assert sorted(tmp_path.glob("people*")) == [path], "a dry run leaves nothing behind"


def test_the_price_comes_from_the_configuration_too(shell: Shell, tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    lines = '[gateway]\norganisation = "X"\ncountry = "GB"\n[[modem]]\nport = "simulator"\n[messages]\nprice = 0.09\n'
    config.write_text(lines, encoding="utf-8")
    path = table(tmp_path, f"{NUMBER},Ann")
    url = shell.environment["SIMWIRE_URL"]

    assert shell.json(*words(path, "--dry-run", "--config", str(config), "--url", url))["cost"] == 0.09


def test_the_report_names_every_row(shell: Shell, tmp_path: Path) -> None:
    path, told = table(tmp_path, f"{NUMBER},Ann", "12,Bob", f"{NUMBER},Cem"), tmp_path / "report.csv"
    shell.json(*words(path, "--skip-bad", "--report", str(told)))

    rows = report(told)
    assert [(one["row"], one["number"], one["state"]) for one in rows] == [
        ("2", NUMBER, "accepted"),
        ("3", "12", "bad"),
        ("4", NUMBER, "duplicate"),
    ]
    assert rows[0]["id"] == messages(shell)[NUMBER][0]
    assert "Ann" not in told.read_text()


def test_a_report_that_cannot_be_written_is_told_before_anything_is_sent(shell: Shell, tmp_path: Path) -> None:
    path = table(tmp_path, f"{NUMBER},Ann")
    before = path.read_bytes()
    result = shell.run(*words(path, "--report", str(tmp_path / "nowhere" / "report.csv")))
    assert (result.exit_code, "nothing was sent, as the report" in result.stderr) == (1, True)
    result = shell.run(*words(path, "--report", str(path)))
    assert (result.exit_code, "would replace the table" in result.stderr) == (2, True)
    assert path.read_bytes() == before
    assert not messages(shell)


def test_what_became_of_them_is_waited_for_and_kept(shell: Shell, world: World, tmp_path: Path) -> None:
    path = table(tmp_path, f"{NUMBER},Ann", f"{OTHER},Ben")
    shell.json(*words(path))
    for (identity,) in messages(shell).values():
        shell.run("messages", "cancel", identity)
    result = shell.run(*words(path, "--wait", "5", "--json"))

    assert result.exit_code == 1, "cancelled is not sent"
    assert json.loads(result.stdout)["states"] == {"cancelled": 2}
    kept = [json.loads(line) for line in (tmp_path / "people.csv.people.state").read_text().splitlines()]
    assert sum(line.get("state") == MessageState.CANCELLED for line in kept) == 2


def test_what_is_wrong_with_every_row_ends_it_at_the_first(shell: Shell, tmp_path: Path) -> None:
    path = table(tmp_path, f"{NUMBER},Ann", f"{OTHER},Ben")
    result = shell.run(*words(path, "--lifetime", "1s"))

    assert result.exit_code == 1
    assert "lifetime" in result.stderr
    assert not messages(shell)


def test_the_gateway_says_when_to_go_on(
    shell: Shell, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue that is full for a moment: 503 with Retry-After, and every row goes all the same."""
    rests: list[float] = []

    def rest(run: bulk.Run, seconds: float) -> None:
        rests.append(seconds)
        if seconds:
            world.store.database.reserve = 0
        world.store.database._space = (-10.0, True)

    monkeypatch.setattr(bulk.Run, "_rest", rest)
    world.store.database.reserve = 1 << 62
    told = shell.json(*words(table(tmp_path, f"{NUMBER},Ann", f"{OTHER},Ben")))

    assert told["accepted"] == 2
    assert any(seconds >= 5 for seconds in rests)


def test_messages_are_paced(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []
    monkeypatch.setattr(bulk.Run, "_rest", lambda run, seconds: rests.append(seconds))
    shell.json(*words(table(tmp_path, f"{NUMBER},Ann", f"{OTHER},Ben", f"{THIRD},Cem"), "--rate", "6/1m"))

    assert [round(seconds, -1) for seconds in rests] == [0, 10, 20]  # nobody rested: they add up


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ((NUMBER, "x", "--dry-run"), "--dry-run goes with --csv"),
        (("--csv", "{path}"), "--csv goes with --template"),
        (("--csv", "{path}", "--template", "x", NUMBER), "--csv takes numbers"),
        (("--csv", "{path}", "--template", "x", "--priority", "otp"), "codes are not sent from tables"),
        (("--csv", "{path}", "--template", "x", "--rate", "fast"), "write a rate"),
        (("--csv", "{path}", "--template", "x", "--delimiter", "::"), "one character"),
        ((), "say to whom"),
    ],
)
def test_wrong_usage_is_told(shell: Shell, tmp_path: Path, more: tuple[str, ...], told: str) -> None:
    path = table(tmp_path, f"{NUMBER},Ann")
    result = shell.run("send", *(word.format(path=path) for word in more))

    assert result.exit_code == 2
    assert told in result.stderr


def test_a_template_is_read_from_a_file_and_its_name_is_never_sent(shell: Shell, world: World, tmp_path: Path) -> None:
    path, text = table(tmp_path, f"{NUMBER},Ann"), tmp_path / "text.txt"
    text.write_text("Hello {name}\n", encoding="utf-8")
    result = shell.run("send", "--csv", str(path), "--template", str(text))

    assert result.exit_code == 1
    assert f"--template @{text}" in result.stderr
    shell.json("send", "--csv", str(path), "--template", f"@{text}")
    assert world.sent_text(messages(shell)[NUMBER][0]) == "Hello Ann"


def test_two_runs_of_one_batch_at_a_time_are_one_too_many(shell: Shell, tmp_path: Path) -> None:
    path = table(tmp_path, f"{NUMBER},Ann")
    with batch.opened(tmp_path / "people.csv.people.state", "people", {}):
        result = shell.run(*words(path))

    assert result.exit_code == 1
    assert "is being sent by another run" in result.stderr
    assert not messages(shell)


def test_a_file_that_is_no_state_is_left_alone(shell: Shell, tmp_path: Path) -> None:
    path, other = table(tmp_path, f"{NUMBER},Ann"), tmp_path / "letters.txt"
    other.write_text("Dear aunt,\nhow are you?\n", encoding="utf-8")
    result = shell.run(*words(path, "--state", str(other)))

    assert result.exit_code == 1
    assert "is not the state of batch people" in result.stderr
    assert other.read_text() == "Dear aunt,\nhow are you?\n"


@pytest.mark.parametrize("text", ["Dear aunt,\nhow are you?", "Dear aunt,\n", "{}", "Dear"])
def test_no_octet_of_such_a_file_is_lost(shell: Shell, tmp_path: Path, text: str) -> None:
    path, other = table(tmp_path, f"{NUMBER},Ann"), tmp_path / "letters.txt"
    other.write_text(text, encoding="utf-8")
    assert shell.run(*words(path, "--state", str(other))).exit_code == 1
    assert other.read_text() == text


def test_a_disk_that_is_full_when_a_message_is_noted_has_nobody_get_two(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, write = table(tmp_path, f"{NUMBER},Ann", f"{OTHER},Ben"), os.write

    def full(file: int, octets: bytes) -> int:
        return write(file, octets[:20]) if b'"ref"' in octets else write(file, octets)

    monkeypatch.setattr("gateway.cli.batch.os.write", full)
    result = shell.run(*words(path))
    assert (result.exit_code, "people.state cannot be written: No space" in result.stderr) == (1, True)
    monkeypatch.undo()
    told = shell.json(*words(path))
    assert (told["accepted"], told["earlier"]) == (2, 1)
    assert {number: len(ids) for number, ids in messages(shell).items()} == {NUMBER: 1, OTHER: 1}


@pytest.mark.parametrize("content", ["text/html", "application/json"])
def test_a_gateway_behind_a_proxy_is_waited_for_too(
    shell: Shell, port: Port, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    asked: list[str] = []

    def proxy(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked.append(environ["PATH_INFO"])
        if asked.count("/v1/messages") == 2:  # the first one looks for what is there already
            asked.append("away")
            start_response("502 Bad Gateway", [("Content-Type", content)])
            return [b"{}" if content == "application/json" else b"<html>Bad Gateway</html>"]
        return world.app(environ, start_response)

    monkeypatch.setattr(bulk.Run, "_rest", lambda *_: None)
    monkeypatch.setattr(port, "app", proxy)
    assert shell.json(*words(table(tmp_path, f"{NUMBER},Ann", f"{OTHER},Ben")))["accepted"] == 2
    assert "away" in asked
    assert {number: len(ids) for number, ids in messages(shell).items()} == {NUMBER: 1, OTHER: 1}
