"""What the gateway records of itself: starts, stops, and each change of its configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import journal
from gateway.config import Config, load
from gateway.masking import redacted
from gateway.store import AuditRow, Store
from hardware.clock import FakeClock

PIN = "4711"
BASE = """
[gateway]
organisation = "Example Bank"
country = "GB"
[[modem]]
port = "simulator"
smsc = "+447700900555"
pin_file = "sim1.pin"
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "simwire.db", tmp_path / "simwire.key", FakeClock())
    yield opened
    opened.close()


def config(folder: Path, text: str) -> Config:
    (folder / "sim1.pin").write_text(f"{PIN}\n", encoding="ascii")
    path = folder / "simwire.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def start(store: Store, folder: Path, text: str) -> list[AuditRow]:
    """The rows that a start adds, oldest first."""
    before = store.audit.verify().rows
    journal.started(store.audit, config(folder, text), store.database.clock.now())
    assert store.audit.verify().broken is None
    return [row for row in reversed(store.audit.list(limit=1000)[0]) if row.id > before]


def test_a_start_and_a_stop_name_the_version(store: Store, tmp_path: Path) -> None:
    started = start(store, tmp_path, BASE)[0]
    journal.stopped(store.audit, store.database.clock.now())
    stopped = store.audit.list()[0][0]
    assert (started.actor, started.action, stopped.action) == ("gateway", "serve.start", "serve.stop")
    assert started.details == stopped.details
    assert started.details["version"]


def test_the_end_of_the_audit_log_is_told_in_the_programs_log(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="simwire.journal")
    for number in range(2):
        start(store, tmp_path, BASE) if number == 0 else journal.stopped(store.audit, store.database.clock.now())
        rows, newest = store.audit.end()
        assert caplog.records[-1].getMessage() == f"the audit log has {rows} rows, the newest with hash {newest}"
        assert redacted(caplog.records[-1].getMessage()) == caplog.records[-1].getMessage()


def test_a_configuration_is_recorded_once_and_then_only_what_changed(store: Store, tmp_path: Path) -> None:
    first = start(store, tmp_path, BASE)
    assert [row.action for row in first] == ["serve.start", "configuration"]
    whole = first[1].details["changed"]
    assert all(before is None for before, _ in whole.values())
    assert [whole[path][1] for path in ("gateway.country", "otp.length", "messages.lifetime")] == ["GB", 6, 86_400.0]
    assert whole["modem[0].smsc"] == [None, "+447…555"]
    assert [row.action for row in start(store, tmp_path, BASE)] == ["serve.start"]
    changed = start(store, tmp_path, BASE + "[otp]\nlength = 8\n[messages]\nlifetime = '2h'\n")[1]
    assert changed.details["changed"] == {"messages.lifetime": [86_400.0, 7200.0], "otp.length": [6, 8]}
    back = start(store, tmp_path, BASE)[1]
    assert back.details["digest"] == first[1].details["digest"] != changed.details["digest"]


def test_numbers_are_masked_and_still_seen_to_change(store: Store, tmp_path: Path) -> None:
    start(store, tmp_path, BASE)
    row = start(store, tmp_path, BASE.replace("+447700900555", "+447700911555"))[1]
    assert row.details["changed"] == {"modem[0].smsc": ["+447…555", "+447…555"]}
    assert "+44770" not in str(store.audit.list(limit=1000)[0])


def test_a_modem_that_is_added_is_told_by_its_keys(store: Store, tmp_path: Path) -> None:
    start(store, tmp_path, BASE)
    row = start(store, tmp_path, BASE + '[[modem]]\nport = "/dev/ttyUSB9"\n')[1]
    assert row.details["changed"]["modem[1].port"] == [None, "/dev/ttyUSB9"]


URL = "https://ann:sesame@hooks.example.com:8443/T0PATH?token=T0QUERY#T0END"
SECRETS = ("ann", "sesame", "T0PATH", "T0QUERY", "T0END")


def hooked(folder: Path, url: str) -> str:
    (folder / "hook.secret").write_text("a secret of sufficient length\n", encoding="ascii")
    return f'{BASE}[[webhook]]\nname = "hook"\nurl = "{url}"\nsecret_file = "hook.secret"\n'


def test_of_a_url_only_the_origin_is_shown_and_a_change_is_seen(store: Store, tmp_path: Path) -> None:
    first = hooked(tmp_path, "https://hooks.example.com:8443/T0PATH?token=T0QUERY")
    none, shown = start(store, tmp_path, first)[1].details["changed"]["webhook[0].url"]
    assert (none, shown.partition(" ")[0]) == (None, "https://hooks.example.com:8443")
    before, after = start(store, tmp_path, first.replace("T0QUERY", "T1QUERY"))[1].details["changed"]["webhook[0].url"]
    assert before == shown != after
    assert after.partition(" ")[0] == "https://hooks.example.com:8443"
    assert not any(secret in str(store.audit.list(limit=1000)[0]) for secret in (*SECRETS, "T1QUERY"))


@pytest.mark.parametrize(
    "url",
    [
        URL,
        URL.replace("/T0PATH", ""),
        URL.replace("?token", "token"),
        URL.upper(),
        "socket://ann:sesame@[::1]:7001/T0PATH",
        "rfc2217://ann:se@same@rack:7001?T0QUERY",
        "rfc2217://ann:sesame/T0PATH@rack:7001",
    ],
)
def test_nothing_but_the_origin_of_any_url_is_recorded(store: Store, tmp_path: Path, url: str) -> None:
    start(store, tmp_path, BASE)
    row = start(store, tmp_path, BASE.replace('"simulator"', f'"{url}"'))[1]
    shown = row.details["changed"]["modem[0].port"][1]
    assert "(hidden: x" in shown
    assert not any(secret.lower() in shown.lower() for secret in SECRETS)


def test_words_with_a_url_in_them_are_hidden(store: Store) -> None:
    class Pretended:
        def model_dump(self, mode: str) -> dict[str, Any]:
            return {"note": "see https://rack/T0PATH"}

    journal.started(store.audit, Pretended(), store.database.clock.now())  # type: ignore[arg-type]
    shown = store.audit.list()[0][0].details["changed"]["note"][1]
    assert shown.startswith("(hidden: x")
    assert "T0PATH" not in shown


@pytest.mark.parametrize("url", ["socket://rack:7001", "rfc2217://[fe80::1]:7001"])
def test_a_url_that_is_only_an_origin_is_shown(store: Store, tmp_path: Path, url: str) -> None:
    start(store, tmp_path, BASE)
    row = start(store, tmp_path, BASE.replace('"simulator"', f'"{url}"'))[1]
    assert row.details["changed"] == {"modem[0].port": ["simulator", url]}


def test_what_a_file_holds_is_not_recorded(store: Store, tmp_path: Path) -> None:
    start(store, tmp_path, BASE)
    assert PIN not in str(store.audit.list(limit=1000)[0])
    assert PIN not in str(store.audit.configuration())


@pytest.mark.parametrize("name", ["secret", "hooks[0].secret", "smtp.password", "api_key", "login.token", "sim.pin"])
def test_secrets_of_a_configuration_are_hidden(store: Store, name: str) -> None:
    class Pretended:
        def __init__(self, value: str) -> None:
            self.value = value

        def model_dump(self, mode: str) -> dict[str, Any]:
            return {name: self.value, f"{name}_file": "/etc/x"}

    now = store.database.clock.now()
    journal.started(store.audit, Pretended("first words"), now)  # type: ignore[arg-type]
    journal.started(store.audit, Pretended("other words"), now)  # type: ignore[arg-type]
    row = store.audit.list()[0][0]
    assert row.details["changed"] == {name: ["hidden", "hidden"]}
    assert "words" not in str(store.audit.configuration())


@pytest.mark.parametrize("what", ["start", "stop"])
def test_a_disk_that_is_full_does_not_keep_the_gateway_from_it(
    store: Store, tmp_path: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    with store.database.mark() as cx:
        pages = cx.execute("PRAGMA page_count").fetchone()[0]
        cx.execute(f"PRAGMA max_page_count = {pages}")
    for _ in range(200):
        if what == "start":
            journal.started(store.audit, config(tmp_path, BASE), store.database.clock.now())
        else:
            journal.stopped(store.audit, store.database.clock.now())
    assert store.audit.verify().broken is None
    assert store.audit.verify().rows < 200
    assert f"the {what} is not in the audit log" in caplog.text
