"""`simwire keys` and `simwire config`, which need no running gateway."""

from __future__ import annotations

import json
import os
import re
import shlex
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.messages import Lane
from tests.gateway.cli.conftest import Port, Shell
from tests.gateway.world import BASE, NUMBER, World

LOCAL = Shell({})


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "new.toml"
    path.write_text(BASE, encoding="utf-8")
    return str(path)


def test_a_key_may_do_what_an_application_needs(config: str) -> None:
    made = LOCAL.json("keys", "create", "shop", "--config", config)

    assert set(made) >= {"id", "client", "name", "key", "scopes"}
    assert (made["client"], made["name"]) == ("shop", "shop")
    assert set(made["scopes"]) == {"messages:send", "messages:read", "otp:send", "otp:check"}


def test_scopes_and_client_can_be_chosen(config: str) -> None:
    scopes = ("--scope", "modems:read", "--scope", "inbox:read")
    made = LOCAL.json("keys", "create", "phone", "--client", "shop", "--config", config, *scopes)

    assert (made["client"], set(made["scopes"])) == ("shop", {"modems:read", "inbox:read"})


def test_only_the_key_is_on_standard_output(config: str) -> None:
    result = LOCAL.run("keys", "create", "shop", "--config", config)

    assert len(result.stdout.split()) == 1
    assert result.stdout.strip() not in result.stderr


def test_a_key_made_while_the_gateway_runs_works_at_once(shell: Shell, world: World, tmp_path: Path) -> None:
    made = LOCAL.json("keys", "create", "later", "--config", str(tmp_path / "simwire.toml"))

    assert shell.run("messages", "list", SIMWIRE_KEY=made["key"]).exit_code == 0
    assert {info.name for info in world.store.keys.list()} >= {"later"}


def test_rotating_keeps_client_and_scopes(config: str) -> None:
    old = LOCAL.json("keys", "create", "shop", "--config", config)
    new = LOCAL.json("keys", "rotate", old["id"], "--config", config)

    assert (new["client"], new["scopes"]) == (old["client"], old["scopes"])
    assert new["key"] != old["key"]
    assert LOCAL.run("keys", "rotate", old["id"], "--config", config).exit_code == 1


def test_a_revoked_key_stays_in_the_list(config: str) -> None:
    made = LOCAL.json("keys", "create", "shop", "--config", config)

    assert LOCAL.run("keys", "revoke", made["id"], "--config", config).exit_code == 0
    (listed,) = LOCAL.json("keys", "list", "--config", config)["items"]
    assert listed["revoked_at"] is not None
    assert made["key"] not in json.dumps(listed)
    assert "revoked" in LOCAL.run("keys", "list", "--config", config).stdout
    assert LOCAL.run("keys", "revoke", made["id"], "--config", config).exit_code == 1


def test_an_unknown_scope_is_wrong_usage(config: str) -> None:
    assert LOCAL.run("keys", "create", "shop", "--config", config, "--scope", "everything").exit_code == 2


def test_without_a_configuration_is_wrong_usage() -> None:
    assert LOCAL.run("keys", "list").exit_code == 2


def test_a_lost_key_file_is_named(config: str, tmp_path: Path) -> None:
    LOCAL.json("keys", "create", "shop", "--config", config)
    (tmp_path / "simwire.key").unlink()

    result = LOCAL.run("keys", "list", "--config", config)
    assert result.exit_code == 1
    assert "simwire.key" in result.stderr
    assert "simwire.db" in result.stderr


LIMITS = (
    *("--network", "10.1.2.3/8", "--network", "2001:db8::/32", "--country", "GB", "--template", "login"),
    *("--max-lifetime", "5m", "--rate", "100/1h", "--short-codes", "--expires", "90d"),
    *("--delivery", "redirect", "--redirect-to", "+447700900199"),
)
LIMITED = {
    "networks": ["10.0.0.0/8", "2001:db8::/32"],
    "countries": ["GB"],
    "templates": ["login"],
    "longest_lifetime": 300.0,
    "rates": ["100/1h"],
    "short_codes": True,
    "delivery": "redirect",
    "redirect_to": "+447700900199",
}
FREE = {
    "networks": [],
    "countries": [],
    "templates": [],
    "longest_lifetime": None,
    "rates": [],
    "short_codes": False,
    "delivery": "live",
    "redirect_to": None,
}


def listed(config: str) -> list[dict[str, object]]:
    items: list[dict[str, object]] = LOCAL.json("keys", "list", "--config", config)["items"]
    return items


def test_a_key_can_be_limited_in_every_way(config: str) -> None:
    made = LOCAL.json("keys", "create", "shop", "--config", config, *LIMITS)

    assert {name: made[name] for name in LIMITED} == LIMITED
    (shown,) = listed(config)
    assert {name: shown[name] for name in LIMITED} == LIMITED
    lasts = datetime.fromisoformat(str(shown["expires_at"])) - datetime.fromisoformat(str(shown["created_at"]))
    assert lasts == timedelta(days=90)
    words = " ".join(LOCAL.run("keys", "list", "--config", config).stdout.split())
    for said in ("10.0.0.0/8", "lifetime up to 5m", "100/1h", "delivery redirect", "+447700900199"):
        assert said in words


def test_a_key_is_changed_where_it_is_said_and_nowhere_else(config: str) -> None:
    made = LOCAL.json("keys", "create", "shop", "--config", config, *LIMITS)

    changed = LOCAL.json("keys", "set", made["id"], "--config", config, "--delivery", "catch", "--name", "tests")
    assert (changed["delivery"], changed["redirect_to"], changed["name"]) == ("catch", None, "tests")
    assert (changed["rates"], changed["expires_at"]) == (made["rates"], made["expires_at"])
    none = [word for name in ("network", "country", "template", "rate", "max-lifetime", "expires")
            for word in (f"--{name}", "none")]  # fmt: skip
    freed = LOCAL.json("keys", "set", made["id"], "--config", config, *none, "--no-short-codes", "--delivery", "live")
    assert {name: freed[name] for name in FREE} == FREE
    assert freed["expires_at"] is None
    assert "no limits" in LOCAL.run("keys", "set", made["id"], "--config", config, "--scope", "otp:send").stdout
    assert [one["scopes"] for one in listed(config)] == [["otp:send"]]


@pytest.mark.parametrize(
    ("words", "said", "status"),
    [
        (("--network", "here"), "--network", 2),
        (("--rate", "many"), "--rate", 2),
        (("--max-lifetime", "5"), "--max-lifetime", 2),
        (("--expires", "tomorrow"), "--expires", 2),
        (("--expires", "2020-01-01T00:00:00Z"), "expires_at", 1),
        (("--expires", "9999-12-31T23:59:59-12:00"), "expires_at", 1),
        (("--delivery", "nowhere"), "--delivery", 2),
        (("--delivery", "redirect"), "redirect_to", 1),
        (("--delivery", "redirect", "--redirect-to", "+449098790000"), "redirect_to", 1),
        (("--redirect-to", "+447700900199"), "redirect_to", 1),
    ],
)
def test_a_limit_that_cannot_be_is_named(config: str, words: tuple[str, ...], said: str, status: int) -> None:
    result = LOCAL.run("keys", "create", "shop", "--config", config, *words)

    assert result.exit_code == status
    assert said in result.stderr
    assert listed(config) == []


@pytest.fixture(params=["UTC", "Pacific/Kiritimati", "Etc/GMT+12"])
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the command line is used."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


@pytest.mark.usefixtures("zone")
def test_an_end_beyond_the_calendar_is_listed(config: str, tmp_path: Path) -> None:
    made = LOCAL.json("keys", "create", "shop", "--config", config)
    with closing(sqlite3.connect(tmp_path / "simwire.db")) as cx, cx:  # as a release before this one stored it
        cx.execute("UPDATE keys SET expires_at = ?", (2**63 - 1,))

    assert [one["expires_at"] for one in listed(config)] == ["9999-12-30T23:59:59.999Z"]
    result = LOCAL.run("keys", "list", "--config", config)
    assert (result.exit_code, made["id"] in result.stdout) == (0, True)


def test_setting_nothing_or_an_unknown_key_is_told(config: str) -> None:
    assert LOCAL.run("keys", "set", "x", "--config", config).exit_code == 2
    assert LOCAL.run("keys", "set", "x", "--config", config, "--delivery", "catch").exit_code == 1


def test_a_rotated_key_can_go_on_for_a_while(config: str) -> None:
    old = LOCAL.json("keys", "create", "shop", "--config", config, *LIMITS[:4])
    new = LOCAL.json("keys", "rotate", old["id"], "--config", config, "--grace", "24h")

    assert new["networks"] == old["networks"]
    states = {one["id"]: (one["state"], one["expires_at"] is None) for one in listed(config)}
    assert states == {old["id"]: ("in_force", False), new["id"]: ("in_force", True)}
    assert LOCAL.run("keys", "rotate", old["id"], "--config", config, "--grace", "forever").exit_code == 2


def test_the_last_key_that_administers_can_be_ended_here(config: str) -> None:
    made = LOCAL.json("keys", "create", "boss", "--config", config, "--scope", "admin")
    assert LOCAL.run("keys", "revoke", made["id"], "--config", config).exit_code == 0


def test_what_a_catching_key_sends_is_shown(shell: Shell, world: World, tmp_path: Path) -> None:
    config = str(tmp_path / "simwire.toml")
    words = ("--delivery", "catch", "--scope", "messages:send", "--scope", "caught:read")
    key = LOCAL.json("keys", "create", "tests", "--config", config, *words)["key"]
    assert shell.run("caught", SIMWIRE_KEY=key).stdout == "nothing was caught\n"
    assert shell.run("caught", "--after", "x", SIMWIRE_KEY=key).exit_code == 2

    for place in range(2):
        assert shell.run("send", NUMBER, f"Use 48291{place} to log in", SIMWIRE_KEY=key).exit_code == 0
    found = json.loads(shell.run("caught", "--wait", "30", "--to", NUMBER, "--json", SIMWIRE_KEY=key).stdout)
    assert [one["code"] for one in found["items"]] == ["482911", "482910"]
    shown = shell.run("caught", "--limit", "1", SIMWIRE_KEY=key)
    assert "code 482911" in shown.stdout
    assert "Use 482911 to log in" in shown.stdout
    assert "--cursor" in shown.stderr
    after = ("--after", found["items"][1]["id"], "--wait", "30", "--json")
    assert [one["code"] for one in json.loads(shell.run("caught", *after, SIMWIRE_KEY=key).stdout)["items"]] == [
        "482911"
    ]
    assert world.woken == [("catch", Lane.NORMAL)] * 2


def test_the_test_suite_of_the_page_about_keys_passes(
    shell: Shell, port: Port, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "keys.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (words,) = re.findall(r"\$\(simwire (keys create tests .*?)\)$", page, re.MULTILINE | re.DOTALL)
    command = shlex.split(words.replace("\\\n", " ").replace("config.toml", str(tmp_path / "simwire.toml")))
    monkeypatch.setenv("SIMWIRE_KEY", LOCAL.json(*command)["key"])
    monkeypatch.setenv("SIMWIRE_URL", port.url)
    names: dict[str, Any] = {}
    exec(compile(snippet, "keys.md", "exec"), names)
    names["test_login"]()
    assert "login code" in shell.run("caught", SIMWIRE_KEY=os.environ["SIMWIRE_KEY"]).stdout


def test_a_good_configuration_is_good(config: str) -> None:
    result = LOCAL.run("config", "check", config)

    assert (result.exit_code, result.stdout) == (0, f"{config}: good, with 2 modems (sim1, sim2)\n")
    assert LOCAL.json("config", "check", config)["ok"] is True


def test_warnings_leave_a_configuration_good(config: str, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    text = "{code}: hasło, {organisation}. {time}, {until}. Nie podawaj nikomu."
    (tmp_path / "templates" / "pl.toml").write_text(f'[login]\ntexts = ["{text}"]\n', encoding="utf-8")
    with Path(config).open("a", encoding="utf-8") as file:
        file.write('[otp]\ntemplates = "templates"\n')
    expected = 'otp.templates: pl.login[0]: "ł" (U+0142) forces UCS-2: 70 characters a part'

    result = LOCAL.run("config", "check", config)
    assert (result.exit_code, result.stdout) == (0, f"{config}: good, with 2 modems (sim1, sim2)\n")
    assert f"warning: {expected}\n" in result.stderr
    assert expected in LOCAL.json("config", "check", config)["warnings"]


def test_problems_of_templates_are_told(config: str, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "en.toml").write_text('[login]\ntexts = ["{code} {nme}"]\n', encoding="utf-8")
    with Path(config).open("a", encoding="utf-8") as file:
        file.write('[otp]\ntemplates = "templates"\n')

    result = LOCAL.run("config", "check", config)
    assert result.exit_code == 1
    assert "otp.templates: en.login[0]: there is no field {nme}" in result.stderr


def test_every_problem_of_a_configuration_is_told(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('[gateway]\ncountry = "England"\n[otp]\nlenght = 6\n', encoding="utf-8")

    result = LOCAL.run("config", "check", str(path), "--json")
    problems = json.loads(result.stdout)["problems"]
    assert result.exit_code == 1
    assert len(problems) == 4
    for key in ("gateway.organisation", "gateway.country", "otp.lenght", "modem"):
        assert any(problem.startswith(key) for problem in problems)
    assert result.stderr.count("\n") == 5


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert LOCAL.run("config", "check", str(tmp_path / "none.toml")).exit_code == 1
    assert LOCAL.run("config", "check").exit_code == 2
