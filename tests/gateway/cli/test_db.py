"""`simwire db` on the files of a gateway, beside it while it is open and after it has ended."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.store import Store
from gateway.store.retention import Retention
from hardware.clock import FakeClock, Instant, SystemClock
from tests.gateway.cli.conftest import Shell
from tests.gateway.store.bench import ANY

CONFIG = """
[gateway]
organisation = "Example Bank"
country = "GB"
[[modem]]
port = "simulator"
[limits]
disk_reserve = "1MB"
"""
BARE = Shell({})


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


@pytest.fixture
def store(config: Path) -> Store:
    """A database with one message, opened as a gateway does that serves it."""
    return filled(config)


def filled(config: Path, clock: SystemClock | FakeClock | None = None) -> Store:
    store = Store.open(config.with_name("simwire.db"), config.with_name("simwire.key"), clock or SystemClock())
    store.database.accept(lambda cx: store.outbox.enqueue(cx, ANY, store.database.clock.now()))
    return store


def messages(config: Path) -> int:
    with closing(sqlite3.connect(config.with_name("simwire.db"))) as cx:
        return int(cx.execute("SELECT count(*) FROM messages").fetchone()[0])


def db(*words: str, config: Path) -> tuple[int, str, str]:
    result = BARE.run("db", *words, "--config", str(config))
    return result.exit_code, result.stdout, result.stderr


def test_a_backup_is_made_beside_a_gateway_and_put_back_after_it(config: Path, store: Store, tmp_path: Path) -> None:
    store.database.lock()
    status, said, warned = db("backup", str(tmp_path / "copy.db"), config=config)
    assert (status, "whole and sound, schema 000" in said) == (0, True)
    assert f"Without {config.with_name('simwire.key')} it cannot be read" in warned
    store.database.accept(lambda cx: store.outbox.enqueue(cx, ANY, store.database.clock.now()))
    status, _, told = db("restore", str(tmp_path / "copy.db"), config=config)
    assert (status, "stop that one first" in told) == (1, True)
    store.close()
    assert messages(config) == 2
    status, said, _ = db("restore", str(tmp_path / "copy.db"), config=config)

    assert status == 0
    assert "what was there is" in said
    assert "1 messages that were to be sent then are cancelled (reason restored)" in said
    assert messages(config) == 1
    assert db("check", config=config)[0] == 0


def test_of_the_backups_in_a_folder_only_the_newest_stay(config: Path, store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    others = {"simwire-20200101T000000Z.db.gz", "other-20200101T000000Z.db", "simwire-mine.db"}
    for name in (*others, "simwire-20200101T000000Z.db", "simwire-20210101T000000Z.db"):
        (folder / name).touch()
    store.close()
    told = BARE.json("db", "backup", str(folder), "--keep", "2", "--config", str(config))

    assert told["removed"] == ["simwire-20200101T000000Z.db"]
    assert {file.name for file in folder.iterdir()} == {
        *others,
        *("simwire-20210101T000000Z.db", Path(told["file"]).name),
    }
    assert db("backup", str(tmp_path / "x.db"), "--keep", "2", config=config)[0] == 2
    assert "make it first" in db("backup", str(tmp_path / "nowhere" / "x.db"), config=config)[2]


def test_a_check_tells_what_is_wrong_and_ends_with_1(config: Path, store: Store, tmp_path: Path) -> None:
    assert db("check", config=config)[1].startswith(f"{config.with_name('simwire.db')}: sound, ")
    with store.database.mark() as cx:
        cx.execute("DROP TRIGGER audit_no_update")
        cx.execute("INSERT INTO audit VALUES (1, 1, 'a', 'b', 'c', '{}', x'00')")
    status, said, told = db("check", "--json", config=config)
    assert (status, json.loads(said)["code"]) == (1, "AuditBroken")
    assert "audit log is broken at row 1" in told
    store.close()
    octets = bytearray(config.with_name("simwire.db").read_bytes())
    octets[4096:8192] = b"\xff" * 4096
    (tmp_path / "damaged.db").write_bytes(octets)
    status, said, told = db("check", str(tmp_path / "damaged.db"), "--json", config=config)
    assert (status, json.loads(said)["code"]) == (1, "StoreDamaged")
    assert "damaged" in told


def test_what_is_old_is_erased_when_asked_for(config: Path) -> None:
    old = FakeClock(wall=SystemClock().now().wall - 40 * 86_400)
    store = filled(config, old)
    old.advance(7200)  # nothing claims it: it expires
    store.outbox.expire_due(old.now())
    store.close()
    words = ("purge", "--older-than", "30d", "--what", "messages", "--json", "--clock-is-right")
    told = json.loads(db(*words, "--dry-run", config=config)[1])
    assert (told["due"], told["erased"], messages(config)) == ({"messages": 1}, 0, 1)
    told = json.loads(db("purge", "--older-than", "60d", "--json", "--clock-is-right", config=config)[1])
    assert (sum(told["due"].values()), messages(config)) == (0, 1)
    told = json.loads(db(*words, "--vacuum", config=config)[1])

    assert (told["erased"], messages(config)) == (1, 0)
    assert told["vacuum"]["after"] <= told["vacuum"]["before"]
    (row,) = BARE.json("audit", "list", "--config", str(config), "--limit", "1")["items"]
    assert (row["action"], row["details"]) == ("database.purge", {"erased": 1, "older_than": {"messages": "30d"}})


def test_what_was_erased_is_in_the_audit_log_though_it_was_broken_off(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_off(_: Retention, __: Instant) -> Iterator[int]:
        yield 7
        raise KeyboardInterrupt

    filled(config).close()
    monkeypatch.setattr(Retention, "sweep", broken_off)
    assert db("purge", "--older-than", "30d", "--clock-is-right", config=config)[0] == 1
    (row,) = BARE.json("audit", "list", "--config", str(config), "--limit", "1")["items"]
    assert (row["action"], row["details"]["erased"]) == ("database.purge", 7)


def test_ages_below_what_the_gateway_needs_are_wrong_usage(config: Path, store: Store) -> None:
    store.close()
    status, _, told = db("purge", "--older-than", "1d", config=config)
    assert status == 2
    assert "messages: at least 3 days" in told
    assert "say --what for the others" in told
    assert db("purge", "--older-than", "long", config=config)[0] == 2


def test_a_clock_that_nothing_vouches_for_erases_nothing(
    config: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.close()
    monkeypatch.setattr(SystemClock, "synchronised", lambda self: False)
    status, _, told = db("purge", "--older-than", "30d", config=config)

    assert status == 1
    assert "--clock-is-right" in told
