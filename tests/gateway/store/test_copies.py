"""Copies of the database: whole, of one moment, never in anybody's way; and put back so that nothing goes twice."""

from __future__ import annotations

import fcntl
import os
import random
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gateway.messages import MessageState, Reason
from gateway.store import (
    KeyFileError,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreNewer,
    back_up,
    copies,
    examine,
    restore,
    stamp,
    vacuum,
)
from gateway.store.cipher import create_key_file
from gateway.store.files import claim
from hardware.clock import FakeClock

from .bench import Bench
from .test_database import SCHEMA_2, of_schema

QUIET: Callable[[int, int], None] = lambda left, pages: None  # noqa: E731 - nobody watches


@pytest.fixture
def full(bench: Bench) -> Bench:
    """A database of more pages than are copied at once."""
    for _ in range(20):
        bench.add(count=60)
    return bench


def copied(bench: Bench, name: str = "copy.db", tell: Callable[[int, int], None] = QUIET) -> Path:
    target = bench.folder / "backups" / name
    target.parent.mkdir(exist_ok=True)
    back_up(bench.folder / "simwire.db", bench.folder / "simwire.key", target, 0, tell)
    return target


def ids(path: Path) -> set[str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as cx:
        return {row[0] for row in cx.execute("SELECT id FROM messages")}


def put_back(bench: Bench, copy: Path, *, send_queued: bool = False) -> copies.Restored:
    path, key_file = bench.folder / "simwire.db", bench.folder / "simwire.key"
    return restore(copy, path, key_file, bench.clock, "cli:root", QUIET, send_queued=send_queued)


def test_a_copy_is_of_one_moment_while_writing_goes_on(full: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written between two steps neither waits, nor gets into the copy, nor makes it begin anew."""
    monkeypatch.setattr(copies, "STEP", 8)
    before, steps = ids(full.folder / "simwire.db"), list[int]()

    def write(left: int, pages: int) -> None:
        steps.append(left)
        full.add()
        with full.store.database.mark() as cx:
            cx.execute("UPDATE messages SET client_ref = 'x' || ?", (left,))

    copy = copied(full, tell=write)

    assert len(steps) > 5
    assert steps == sorted(steps, reverse=True), "it never begins anew"
    assert ids(copy) == before
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [file.name for file in copy.parent.iterdir()] == ["copy.db"], "one file, and no half of one"
    assert len(ids(full.folder / "simwire.db")) == len(before) + len(steps)


def test_what_is_in_the_log_only_is_in_the_copy(bench: Bench) -> None:
    message = bench.add()
    assert (bench.folder / "simwire.db-wal").stat().st_size

    assert ids(copied(bench)) == {message.id}


def test_a_copy_is_on_the_disk_before_it_has_its_name(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, rename = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (done.append(Path(f"/proc/self/fd/{fd}").readlink().name), fsync(fd)))
    monkeypatch.setattr(Path, "replace", lambda self, to: (done.append(f"{self.name} → {to.name}"), rename(self, to)))
    copied(bench)

    assert done == [".copy.db.part", ".copy.db.part → copy.db", "backups"]


def test_what_a_killed_backup_left_is_gone_after_the_next_one(bench: Bench) -> None:
    folder = bench.folder / "backups"
    folder.mkdir()
    left = ".simwire-20260101T000000Z.db.part"
    others = {".other-20260101T000000Z.db.part", ".simwire-mine.db.part"}
    for name in (left, f"{left}-journal", *others):
        (folder / name).write_bytes(b"x")
    copied(bench)
    assert {path.name for path in folder.iterdir()} == {*others, "copy.db"}


def test_copies_into_one_folder_are_made_one_after_the_other(full: Bench) -> None:
    """Two with one name at once would take each other's half for their own."""
    tried: list[bool] = []

    def another(left: int, pages: int) -> None:
        folder = os.open(full.folder / "backups", os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tried.append(True)
        finally:
            os.close(folder)

    copied(full, tell=another)
    assert tried


def test_a_copy_that_cannot_be_made_leaves_what_was_there(full: Bench) -> None:
    copy = copied(full)
    before = copy.read_bytes()

    def fail(left: int, pages: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copied(full, tell=fail)
    assert copy.read_bytes() == before
    assert [file.name for file in copy.parent.iterdir()] == ["copy.db"]


def test_neither_the_database_nor_other_files_are_overwritten(bench: Bench) -> None:
    other = bench.folder / "letter.txt"
    other.write_text("Dear aunt")
    for target in (other, bench.folder / "simwire.key", bench.folder / "simwire.db"):
        with pytest.raises(StoreError, match="is no backup"):
            back_up(bench.folder / "simwire.db", bench.folder / "simwire.key", target, 0, QUIET)
    assert other.read_text() == "Dear aunt"


def test_a_copy_never_takes_what_is_kept_free_for_results(bench: Bench) -> None:
    with pytest.raises(StoreFull, match="must be free in"):
        back_up(bench.folder / "simwire.db", bench.folder / "simwire.key", bench.folder / "x.db", 1 << 62, QUIET)
    assert not (bench.folder / "x.db").exists()


def test_a_copy_is_examined_where_nothing_can_be_written(bench: Bench) -> None:
    copy = copied(bench)
    copy.chmod(0o400)
    copy.parent.chmod(0o500)
    try:
        assert examine(copy, bench.folder / "simwire.key").pending == ()
    finally:
        copy.parent.chmod(0o700)


# -- examining --------------------------------------------------------------------------------------------------------


def test_damage_anywhere_is_found(full: Bench) -> None:
    """Any page of tables and indexes: what its check says, or what SQLite cannot even read."""
    copy = copied(full)
    octets, chance = copy.read_bytes(), random.Random(1)
    with closing(sqlite3.connect(copy)) as cx:
        free = cx.execute("PRAGMA freelist_count").fetchone()[0]
    assert not free
    for page in range(0, len(octets) // 4096, 7):
        damaged = bytearray(octets)
        damaged[page * 4096 : page * 4096 + 200] = chance.randbytes(200)
        copy.write_bytes(damaged)
        with pytest.raises(StoreDamaged):
            examine(copy, full.folder / "simwire.key")


def test_an_index_that_lacks_a_row_and_a_row_that_points_nowhere_are_found(bench: Bench) -> None:
    """Neither is seen by the quick check of a start."""
    bench.add()
    copy = copied(bench)
    whole = copy.read_bytes()
    with closing(sqlite3.connect(copy, isolation_level=None)) as cx:
        cx.execute("DELETE FROM messages")  # without foreign_keys
    with pytest.raises(StoreDamaged, match="points to one of messages"):
        examine(copy, bench.folder / "simwire.key")
    copy.write_bytes(whole)
    with closing(sqlite3.connect(copy, isolation_level=None)) as cx:
        cx.execute("PRAGMA writable_schema = ON")
        (sql,) = cx.execute("SELECT sql FROM sqlite_master WHERE name = 'timeline_message'").fetchone()
        cx.execute("DELETE FROM sqlite_master WHERE name = 'timeline_message'")
        cx.execute("PRAGMA writable_schema = RESET")
        cx.execute("UPDATE timeline SET message = message + 0")
        (root,) = cx.execute("SELECT 1 FROM timeline").fetchone()
        assert root
        cx.execute("INSERT INTO timeline (message, at, state) VALUES (1, 1, 'queued')")
        cx.execute("PRAGMA writable_schema = ON")
        cx.execute(
            "INSERT INTO sqlite_master VALUES ('index', 'timeline_message', 'timeline', ?, ?)", (root_of(whole), sql)
        )
    with pytest.raises(StoreDamaged, match="timeline"):
        examine(copy, bench.folder / "simwire.key")


def root_of(octets: bytes) -> int:
    with closing(sqlite3.connect(":memory:")) as cx:
        cx.deserialize(octets)
        return int(cx.execute("SELECT rootpage FROM sqlite_master WHERE name = 'timeline_message'").fetchone()[0])


def test_a_key_file_that_does_not_belong_to_it_is_told(bench: Bench, tmp_path: Path) -> None:
    copy = copied(bench)
    create_key_file(tmp_path / "other.key")
    with pytest.raises(KeyFileError, match="does not belong"):
        examine(copy, tmp_path / "other.key")
    with pytest.raises(KeyFileError, match="missing"):
        examine(copy, tmp_path / "none.key")


@pytest.mark.parametrize("what", ["empty", "letter", "foreign"])
def test_what_is_no_database_of_ours_is_told(bench: Bench, what: str) -> None:
    path = bench.folder / "x.db"
    if what == "foreign":
        with closing(sqlite3.connect(path)) as cx:
            cx.execute("CREATE TABLE a (b)")
    else:
        path.write_bytes(b"" if what == "empty" else b"Dear aunt, " * 1000)
    with pytest.raises(StoreDamaged):
        examine(path, bench.folder / "simwire.key")


# -- putting back -----------------------------------------------------------------------------------------------------


def test_what_is_put_back_is_what_was_copied_and_what_was_there_is_kept(bench: Bench) -> None:
    kept = bench.add()
    bench.send(1)
    copy = copied(bench)
    lost = bench.add()
    bench.store.database._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    later = bench.add()  # in the log only
    bench.close()
    wal_lies_there(bench)
    done = put_back(bench, copy)

    assert ids(bench.folder / "simwire.db") == {kept.id}
    assert done.aside is not None
    assert ids(done.aside) == {kept.id, lost.id, later.id}
    assert stat.S_IMODE((bench.folder / "simwire.db").stat().st_mode) == 0o600
    bench.store = bench._open()
    assert bench.state(kept)[0] is MessageState.SENT
    assert bench.report(1).matched
    (row, *_), _ = bench.store.audit.list()
    assert (row.actor, row.action) == ("cli:root", "database.restore")
    assert bench.store.audit.verify().broken is None
    names = {file.name for file in bench.folder.iterdir()} - {"backups", f"{done.aside.name}-wal"}
    assert names <= {
        *("simwire.db", "simwire.db-wal", "simwire.db-shm", "simwire.db.lock", "simwire.key"),
        *(done.aside.name, f"{done.aside.name}-shm"),
    }


def wal_lies_there(bench: Bench) -> None:
    """As after a crash: what was stored last is in the log."""
    with closing(sqlite3.connect(bench.folder / "simwire.db", isolation_level=None)) as cx:
        cx.execute("PRAGMA wal_autocheckpoint = 0")
        cx.execute("UPDATE messages SET client_ref = 'in the log'")
        log = (bench.folder / "simwire.db-wal").read_bytes()
    (bench.folder / "simwire.db-wal").write_bytes(log)


def test_what_was_to_be_sent_then_is_not_sent_now_and_nothing_goes_twice(bench: Bench) -> None:
    queued, code, air = bench.add(), bench.add_code(), bench.add(count=2)
    begun = bench.begin()
    copy = copied(bench)
    bench.close()
    done = put_back(bench, copy)
    bench.store = bench._open()
    bench.store.outbox.recover(bench.now)

    assert done.withdrawn == 3
    assert begun.message_id == code.id, "codes go first: nobody knows whether it left"
    assert bench.state(code)[0] is MessageState.UNKNOWN
    assert bench.state(queued) == bench.state(air) == (MessageState.CANCELLED, Reason.RESTORED)
    assert bench.nothing_for()


def test_what_was_to_be_sent_is_sent_where_that_is_wanted(bench: Bench) -> None:
    queued = bench.add()
    copy = copied(bench)
    bench.close()
    done = put_back(bench, copy, send_queued=True)
    bench.store = bench._open()

    assert done.withdrawn == 0
    assert bench.send(1).message_id == queued.id


def test_ids_that_were_given_after_the_copy_never_come_to_mean_others(bench: Bench) -> None:
    bench.add()
    copy = copied(bench)
    bench.send(1)
    newest = bench.store.events.after(0)[-1].id
    bench.close()
    put_back(bench, copy)
    bench.store = bench._open()
    known = bench.store.events.after(0)[-1].id
    bench.add()
    bench.send(2)

    assert min(event.id for event in bench.store.events.after(known)) > newest


def test_nothing_is_put_back_while_a_gateway_serves(bench: Bench) -> None:
    copy = copied(bench)
    bench.store.database.lock()
    with pytest.raises(StoreLocked, match="stop that one first"):
        put_back(bench, copy)
    bench.close()
    assert put_back(bench, copy).aside is not None


@pytest.mark.parametrize("harm", ["damaged", "newer", "other key"])
def test_a_copy_that_cannot_be_used_changes_nothing(bench: Bench, harm: str) -> None:
    copy = copied(bench)
    bench.close()
    with closing(sqlite3.connect(copy, isolation_level=None)) as cx:
        if harm == "newer":
            cx.execute("INSERT INTO _sqlite_migrations VALUES (99, 'simwire', '0099_later', '')")
        elif harm == "other key":
            cx.execute("UPDATE meta SET value = 'another' WHERE name = 'key'")
    if harm == "damaged":
        copy.write_bytes(copy.read_bytes()[:20_000])
    before = {file.name: file.read_bytes() for file in bench.folder.iterdir() if file.is_file()}
    with pytest.raises((StoreDamaged, StoreNewer, KeyFileError)):
        put_back(bench, copy)
    after = {file.name: file.read_bytes() for file in bench.folder.iterdir() if file.is_file()}
    assert after == {**before, "simwire.db.lock": b""}


@pytest.mark.parametrize("renames", range(1, 5))
def test_a_power_cut_while_it_is_put_in_place_mixes_no_files_and_loses_none(
    bench: Bench, renames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut after so many renames: a start refuses or works, and another try puts the copy there."""
    kept = bench.add()
    copy = copied(bench)
    bench.add()
    bench.close()
    wal_lies_there(bench)
    left = [renames]
    rename, replace = Path.rename, Path.replace

    class Cut(BaseException):
        pass

    def counted(real: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
        def work(self: Path, to: Path) -> Path:
            if not left[0]:
                raise Cut
            left[0] -= 1
            return real(self, to)

        return work

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", counted(rename))
        patch.setattr(Path, "replace", counted(replace))
        try:
            put_back(bench, copy)
        except Cut:
            assert not (bench.folder / "simwire.db").exists()
            with pytest.raises(KeyFileError, match="put the database back"):
                bench._open()
    bench.clock.advance(1)
    put_back(bench, copy)
    assert not (bench.folder / "simwire.db-wal").exists()
    assert ids(bench.folder / "simwire.db") == {kept.id}
    aside = [file for file in bench.folder.iterdir() if file.name.startswith("simwire.db.before-restore-")]
    assert any(file.name.endswith("-wal") for file in aside)
    bench.store = bench._open()


def test_a_copy_of_an_earlier_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    old, path, key_file = tmp_path / "old", tmp_path / "simwire.db", tmp_path / "simwire.key"
    old.mkdir()
    of_schema(old, SCHEMA_2)
    (old / "simwire.key").rename(key_file)
    clock = FakeClock(boot=1010.0, wall=1_767_225_610.0)
    done = restore(old / "simwire.db", path, key_file, clock, "cli:root", QUIET)

    assert done.aside is None
    assert done.examined.pending
    assert not examine(path, key_file).pending
    assert sorted(file.name for file in tmp_path.iterdir()) == ["old", "simwire.db", "simwire.db.lock", "simwire.key"]


# -- room -------------------------------------------------------------------------------------------------------------


def test_room_goes_back_to_the_disk_while_nobody_serves(full: Bench) -> None:
    path = full.folder / "simwire.db"
    with full.store.database.mark() as cx:
        for table in ("attempts", "timeline", "messages"):
            cx.execute(f"DELETE FROM {table}")
    full.store.database.lock()
    with pytest.raises(StoreLocked):
        vacuum(path)
    full.close()
    before, after = vacuum(path)

    assert after < before - 100_000
    assert path.stat().st_size == after
    examine(path, full.folder / "simwire.key")


def test_a_claim_ends_with_its_descriptor(tmp_path: Path) -> None:
    descriptor = claim(tmp_path / "a.db")
    with pytest.raises(StoreLocked):
        claim(tmp_path / "a.db")
    os.close(descriptor)
    os.close(claim(tmp_path / "a.db"))


def test_times_in_names_sort() -> None:
    assert stamp(1_769_846_400.9) == "20260131T080001Z"
    assert stamp(1_769_846_400.0) == "20260131T080000Z"


def test_a_served_database_is_examined_without_a_trace(bench: Bench) -> None:
    bench.add()
    before = {file.name for file in bench.folder.iterdir()}
    examine(bench.folder / "simwire.db", bench.folder / "simwire.key")

    assert {file.name for file in bench.folder.iterdir()} == before
