"""The file itself: opening, keys, locks, migrations, transactions, and a disk that is full."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database as SchemaDatabase
from sqlite_utils.migrations import Migrations

from gateway.policy import KeyPolicy
from gateway.store import (
    Database,
    KeyFileError,
    Store,
    StoreBusy,
    StoreDamaged,
    StoreFailed,
    StoreFull,
    StoreLocked,
    StoreNewer,
    opening,
    problems_of_place,
)
from gateway.store.cipher import Cipher, create_key_file, read_key_file
from gateway.store.migrations import migrations
from gateway.store.two_lanes import TwoLaneLock
from hardware.clock import FakeClock

from .bench import ANY, ONE, Bench

SCHEMA_1 = Path(__file__).with_name("schema_1.sql")
SCHEMA_2 = Path(__file__).with_name("schema_2.sql")
SCHEMA_3 = Path(__file__).with_name("schema_3.sql")


def open_at(folder: Path, schema: Migrations = migrations) -> Database:
    return Database.open(folder / "simwire.db", folder / "simwire.key", FakeClock(), schema)


# -- files ------------------------------------------------------------------------------------------------------------


def test_a_new_database_comes_with_a_key_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    open_at(tmp_path).close()
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
    assert len(bytes.fromhex((tmp_path / "simwire.key").read_text())) == 32
    open_at(tmp_path).close()


def test_key_file_and_its_name_are_synced_before_anything_is_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key file that a power loss takes away takes everything with it that was sealed."""
    synced: list[str] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(str(Path(f"/proc/self/fd/{fd}").readlink())), fsync(fd)))
    create_key_file(tmp_path / "simwire.key")
    assert synced == [str(tmp_path / "simwire.key"), str(tmp_path)]


def test_the_log_is_private_too(tmp_path: Path) -> None:
    database = open_at(tmp_path)
    with database.mark() as cx:
        cx.execute("INSERT INTO meta VALUES ('a', 'b')")
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
    database.close()


@pytest.mark.parametrize("harm", ["missing", "another", "no key"])
def test_a_key_file_that_is_missing_or_not_the_right_one_is_named_with_the_database(tmp_path: Path, harm: str) -> None:
    open_at(tmp_path).close()
    key_file = tmp_path / "simwire.key"
    if harm == "missing":
        key_file.unlink()
    else:
        key_file.write_text("00" * 32 if harm == "another" else "hello")
    with pytest.raises(KeyFileError) as caught:
        open_at(tmp_path)
    assert str(key_file) in str(caught.value)
    assert str(tmp_path / "simwire.db") in str(caught.value)
    assert key_file.exists() is (harm != "missing")


def test_a_key_file_without_its_database_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    open_at(tmp_path).close()
    (tmp_path / "simwire.db").unlink()
    with pytest.raises(KeyFileError, match="put the database back"):
        open_at(tmp_path)


def test_a_start_that_was_cut_short_is_taken_up_again(tmp_path: Path) -> None:
    for _ in range(2):  # without a key file, and with one
        (tmp_path / "simwire.db").write_bytes(b"")
        database = open_at(tmp_path)
        with database.mark() as cx:
            cx.execute("INSERT INTO meta VALUES ('a', 'b')")
        database.close()


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    open_at(tmp_path).close()
    (tmp_path / "simwire.db").write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(StoreDamaged, match="restore a backup"):
        open_at(tmp_path)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match="check the folder"):
        open_at(tmp_path / "nowhere")


def test_one_server_at_a_time_while_others_may_write(tmp_path: Path) -> None:
    first, second = open_at(tmp_path), open_at(tmp_path)
    first.lock()
    with pytest.raises(StoreLocked, match="served by another simwire"):
        second.lock()
    with second.mark() as cx:
        cx.execute("INSERT INTO meta VALUES ('a', 'b')")
    first.close()
    second.lock()
    second.close()


def test_the_reserve_of_disk_stops_accepting(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "a.db", tmp_path / "a.key", FakeClock(), reserve=1 << 62)
    assert not store.database.accepting()
    store.close()
    store = Store.open(tmp_path / "a.db", tmp_path / "a.key", FakeClock(), reserve=1)
    assert store.database.accepting()
    store.close()


# -- schema -----------------------------------------------------------------------------------------------------------


def schema_of(connection: sqlite3.Connection) -> dict[str, str]:
    query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE '%sqlite%'"
    return {name: " ".join(sql.split()) for name, sql in connection.execute(query)}


def test_schema_1_is_frozen(tmp_path: Path) -> None:
    """A released migration never changes: databases in the field were made by it."""
    old = sqlite3.connect(":memory:")
    old.executescript(SCHEMA_1.read_text(encoding="utf-8"))
    new = SchemaDatabase(memory=True)
    migrations.apply(new, stop_before=[m.name for m in migrations.pending(new)][1:])
    assert schema_of(new.conn) == schema_of(old)
    old.close()
    new.close()


def test_a_database_of_the_first_release_is_migrated_and_works_on(tmp_path: Path) -> None:
    """Messages, keys and challenges of schema 1 are all there, and the new columns have their defaults."""
    create_key_file(tmp_path / "simwire.key")
    old = sqlite3.connect(tmp_path / "simwire.db")
    released = SchemaDatabase(old)
    migrations.apply(released, stop_before=[one.name for one in migrations.pending(released)][1:])
    old.execute(
        "INSERT INTO keys (id, client, name, hash, scopes, created_at) VALUES ('k', 'shop', 'shop', x'00', '[]', 1)"
    )
    old.commit()
    old.close()
    store = Store.open(tmp_path / "simwire.db", tmp_path / "simwire.key", FakeClock())
    (key,) = store.keys.list()
    assert (key.client, key.expires_at, key.policy) == ("shop", None, KeyPolicy())
    message = store.database.accept(lambda cx: store.outbox.enqueue(cx, ANY, store.database.clock.now()))
    assert store.outbox.get(message.id) == message
    assert store.audit.verify().broken is None
    store.close()


def of_schema(folder: Path, told: Path) -> dict[str, list[tuple[object, ...]]]:
    """The database that such a file tells of, on the disk, with its key file; and its rows, by table."""
    (folder / "simwire.key").touch(0o600)
    (folder / "simwire.key").write_text("20" * 32 + "\n")
    with closing(sqlite3.connect(folder / "simwire.db")) as cx:
        cx.executescript(told.read_text(encoding="utf-8"))
        return {name: rows_of(cx, name, "*") for name in tables_of(cx)}


def tables_of(cx: sqlite3.Connection) -> list[str]:
    return [row[0] for row in cx.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def rows_of(cx: sqlite3.Connection, table: str, columns: str) -> list[tuple[object, ...]]:
    return sorted((tuple(row) for row in cx.execute(f"SELECT {columns} FROM {table}")), key=repr)


@pytest.mark.parametrize(("told", "applied"), [(SCHEMA_2, 2), (SCHEMA_3, 3)])
def test_later_schemas_are_frozen_too(tmp_path: Path, told: Path, applied: int) -> None:
    of_schema(tmp_path, told)
    new = SchemaDatabase(memory=True)
    new.conn.create_function("sealed", 2, lambda plain, where: "")
    migrations.apply(new, stop_before=[m.name for m in migrations.pending(new)][applied:])
    with closing(sqlite3.connect(tmp_path / "simwire.db")) as old:
        assert schema_of(new.conn) == schema_of(old)
    new.close()


@pytest.mark.parametrize("told", [SCHEMA_2, SCHEMA_3])
def test_a_database_of_an_earlier_release_keeps_every_row_whatever_is_migrated(tmp_path: Path, told: Path) -> None:
    """Also by a migration that is still to be written: it may add columns, and rows of its own, and take nothing."""
    before = of_schema(tmp_path, told)
    assert {table for table, rows in before.items() if not rows} == set(), "rows in every table"
    with closing(sqlite3.connect(tmp_path / "simwire.db")) as cx:
        columns = {name: ", ".join(row[1] for row in cx.execute(f"PRAGMA table_info({name})")) for name in before}
    Store.open(tmp_path / "simwire.db", tmp_path / "simwire.key", FakeClock(), checked=True).close()
    with closing(sqlite3.connect(tmp_path / "simwire.db")) as cx:
        for table, rows in before.items():
            assert set(rows) <= set(rows_of(cx, table, columns[table])), table


@pytest.mark.parametrize("told", [SCHEMA_2, SCHEMA_3])
def test_a_database_of_an_earlier_release_is_read_and_works_on(tmp_path: Path, told: Path) -> None:
    of_schema(tmp_path, told)
    clock = FakeClock(boot=1010.0, wall=1_767_225_610.0)
    store = Store.open(tmp_path / "simwire.db", tmp_path / "simwire.key", clock, checked=True)
    assert store.keys.authenticate("sw_AOFdwqq_kIv5VGoqfKbabDhV8UdCmsagCnLjr7Tp2RM") is not None
    delivered = store.outbox.get("019b76da-a800-7083-8e35-54bbea187b8f")
    assert delivered is not None
    assert delivered.parts == 2
    text = store.outbox.text(delivered.id)
    assert text is not None
    assert text.reveal() == "hello"
    assert store.outbox.timeline(delivered.id)[0].state == "queued"
    assert store.outbox.recover(clock.now()) == (0, 1)
    challenge = store.challenges.get("019b76da-a800-7ea7-b773-d2db0363e01d")
    assert (challenge.state, challenge.failures) == ("pending", 1)
    assert store.blocked.get("+447700900177") is not None
    assert store.pins.attempted("card", b"1234")
    with store.database.read() as cx:
        remembered = store.idempotency.find(cx, "shop", "order-7", b"request", clock.now())
    assert remembered is not None
    assert remembered.answer == b"answer"
    assert [one.text.reveal() for one in store.inbox.list()[0] if one.text] == ["whole"]
    assert len(store.events.after(0)) == 13
    assert store.audit.verify().broken is None
    with store.database.read() as cx:
        (caught,) = cx.execute("SELECT message_id FROM caught").fetchone()
    assert store.caught.code_of(caught) == "123456"
    store.outbox.wake_due(clock.now())
    assert store.outbox.claim(ONE, clock.now()) is not None
    store.close()


def test_a_foreign_key_file_seals_nothing_in_a_database_that_it_does_not_belong_to(tmp_path: Path) -> None:
    create_key_file(tmp_path / "simwire.key")
    master = read_key_file(tmp_path / "simwire.key", tmp_path / "simwire.db")
    with closing(sqlite3.connect(tmp_path / "simwire.db")) as old:
        released = SchemaDatabase(old)
        migrations.apply(released, stop_before=[one.name for one in migrations.pending(released)][1:])
        old.execute("INSERT INTO meta VALUES ('key', ?)", (Cipher(master).fingerprint,))
        old.commit()
    create_key_file(tmp_path / "other.key")
    with pytest.raises(KeyFileError, match="does not belong"):
        Store.open(tmp_path / "simwire.db", tmp_path / "other.key", FakeClock())
    store = Store.open(tmp_path / "simwire.db", tmp_path / "simwire.key", FakeClock())
    assert store.audit.verify().broken is None
    store.close()


def test_an_older_database_is_copied_and_migrated_with_what_is_in_it(bench: Bench) -> None:
    message = bench.add()
    bench.close()
    later = _with_a_later_migration("ALTER TABLE messages ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'")
    database = open_at(bench.folder, later)
    with database.read() as cx:
        assert cx.execute("SELECT id, colour FROM messages").fetchone()[:] == (message.id, "red")
    database.close()
    copy = sqlite3.connect(bench.folder / "simwire.db.before-9999_later")
    assert copy.execute("SELECT id FROM messages").fetchall() == [(message.id,)]
    assert stat.S_IMODE((bench.folder / "simwire.db.before-9999_later").stat().st_mode) == 0o600
    copy.close()


@pytest.mark.parametrize("cut", [OSError("no such owner"), KeyboardInterrupt(), sqlite3.OperationalError("full")])
def test_a_copy_that_is_cut_short_leaves_nothing_and_is_made_anew(
    bench: Bench, cut: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.close()
    before = {file.name for file in bench.folder.iterdir()}
    (bench.folder / "simwire.db.before-9999_later.part").write_bytes(b"of a process that was killed in it")
    later = _with_a_later_migration("ALTER TABLE messages ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'")
    owner = opening.give_to_owner_of_folder

    def fails(*paths: Path) -> None:
        raise cut

    monkeypatch.setattr(opening, "give_to_owner_of_folder", fails)
    with pytest.raises((type(cut), StoreFailed)):
        open_at(bench.folder, later)
    assert {file.name for file in bench.folder.iterdir()} == before
    monkeypatch.setattr(opening, "give_to_owner_of_folder", owner)
    open_at(bench.folder, later).close()
    assert {file.name for file in bench.folder.iterdir()} == {*before, "simwire.db.before-9999_later"}


def test_what_a_migration_sets_aside_lies_in_a_file_and_not_in_memory(tmp_path: Path) -> None:
    """To sort ten million rows for an index would take a gigabyte of it, which a small machine does not have."""
    open_at(tmp_path).close()
    files: list[str] = []
    later = _with_a_later_migration()

    @later(name="9999_sorted")
    def _sorts(db: SchemaDatabase) -> None:
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)"
        rows = db.execute(f"{numbers} SELECT randomblob(1000) FROM n ORDER BY 1")
        rows.fetchone()  # all are sorted, and the sorter is there until the last one is read
        files.extend(str(file.readlink()) for file in Path("/proc/self/fd").iterdir() if file.is_symlink())
        rows.close()

    database = open_at(tmp_path, later)
    assert any("etilqs" in file for file in files)
    with database.mark() as cx:
        assert cx.execute("PRAGMA temp_store").fetchone()[0] == 2  # small sorts of the day cost no file
    database.close()


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    open_at(tmp_path).close()
    with pytest.raises(sqlite3.OperationalError):
        open_at(tmp_path, _with_a_later_migration("CREATE TABLE half (a)", "DROP TABLE no_such_table"))
    database = open_at(tmp_path)
    with database.read() as cx:
        assert cx.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone()[0] == 0
    database.close()


def test_a_database_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    open_at(tmp_path, _with_a_later_migration("CREATE TABLE newer (a)")).close()
    with pytest.raises(StoreNewer, match="9999_later"):
        open_at(tmp_path)


def _with_a_later_migration(*statements: str) -> Migrations:
    later = Migrations("simwire")
    with closing(sqlite3.connect(":memory:")) as empty:
        released = migrations.pending(SchemaDatabase(empty))
    for one in released:
        later(name=one.name)(one.fn)

    if statements:

        @later(name="9999_later")
        def _last(db: SchemaDatabase) -> None:
            for statement in statements:
                db.execute(statement)

    return later


# -- transactions -----------------------------------------------------------------------------------------------------


def note(name: str) -> Callable[[sqlite3.Connection], str]:
    def work(cx: sqlite3.Connection) -> str:
        cx.execute("INSERT INTO meta VALUES (?, '')", (name,))
        return name

    return work


def noted(database: Database) -> set[str]:
    with database.read() as cx:
        return {row["name"] for row in cx.execute("SELECT name FROM meta WHERE value = ''")}


def test_what_writing_needs_of_the_indexes_of_a_million_messages_is_read_once(tmp_path: Path) -> None:
    """Some three megabytes. Each read of the file is a page that the connection's cache did not hold."""
    database = open_at(tmp_path)
    with database.mark() as cx:
        cx.executemany("INSERT INTO meta VALUES (?, '')", [(f"{n:0500}",) for n in range(5000)])
    database.close()
    database = open_at(tmp_path)

    def look() -> int:
        before = _calls_that_read()
        with database.mark() as cx:
            assert cx.execute("SELECT count(*), max(value) FROM meta WHERE name < 'a'").fetchone()[:] == (5000, "")
        return _calls_that_read() - before

    look()
    assert look() < 100
    with database.mark() as cx:
        assert cx.execute("PRAGMA page_count").fetchone()[0] > 700
    database.close()


def _calls_that_read() -> int:
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)["syscr"])


def test_accepts_share_a_commit_and_fail_alone(tmp_path: Path) -> None:
    database = open_at(tmp_path)
    errors: list[Exception] = []

    def one(number: int) -> None:
        def work(cx: sqlite3.Connection) -> None:
            note(f"n{number}")(cx)
            if number % 3 == 0:
                raise LookupError(number)

        try:
            database.accept(work)
            assert f"n{number}" in noted(database), "answered before it was committed"
        except LookupError as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 20
    assert noted(database) == {f"n{number}" for number in range(60) if number % 3}
    database.close()


def test_the_first_of_a_batch_fails_alone_too(tmp_path: Path) -> None:
    """It has no savepoint: what it wrote is undone with the whole transaction, before anybody else's is in it."""
    database, told = open_at(tmp_path), list[str]()
    failed = threading.Event()

    def bad(cx: sqlite3.Connection) -> None:
        note("bad")(cx)
        database.after_commit(lambda: told.append("bad"))
        raise LookupError

    def good(cx: sqlite3.Connection) -> None:
        note("good")(cx)
        database.after_commit(lambda: told.append("good"))

    def ask_badly() -> None:
        with pytest.raises(LookupError):
            database.accept(bad)
        failed.set()

    threads = [threading.Thread(target=ask_badly), threading.Thread(target=lambda: database.accept(good))]
    with database.mark():  # both wait for this one, the bad one in front
        threads[0].start()
        while not database._writer._leading:
            pass
        threads[1].start()
        while len(database._writer._queue) < 2:
            pass
    for thread in threads:
        thread.join()
    assert failed.is_set()
    assert noted(database) == {"good"}
    assert told == ["good"]
    database.accept(note("later"))
    assert noted(database) == {"good", "later"}
    database.close()


def test_who_asks_for_the_same_is_served_in_one_call(tmp_path: Path) -> None:
    """In front of them, behind them and among them wait others; one of them is refused, and all are answered."""
    database, calls = open_at(tmp_path), list[list[str]]()

    def together(cx: sqlite3.Connection, names: Sequence[str]) -> list[str | Exception]:
        calls.append(list(names))
        for name in names:
            if name == "poison":
                raise LookupError(name)
            if name != "refused":
                note(name)(cx)
        return [KeyError(name) if name == "refused" else name.upper() for name in names]

    def ask(name: str) -> object:
        try:
            if name.startswith("other"):
                return database.accept(note(name))
            return database.accept_together(together, name)
        except LookupError as error:  # KeyError too
            return error

    def at_once(names: Sequence[str]) -> list[object]:
        with ThreadPoolExecutor(len(names)) as pool:
            with database.mark():
                asked = []
                for place, name in enumerate(names):
                    asked.append(pool.submit(ask, name))
                    while len(database._writer._queue) <= place:
                        pass
            return [one.result() for one in asked]

    told = at_once(["other1", "a", "b", "other2", "refused", "c"])
    assert [told[1], told[2], told[5]] == ["A", "B", "C"]
    assert isinstance(told[4], KeyError)
    assert calls == [["a", "b", "refused", "c"]]
    assert noted(database) == {"other1", "other2", "a", "b", "c"}

    calls.clear()
    told = at_once(["d", "other3", "poison", "e"])
    assert [told[0], told[3]] == ["D", "E"]
    assert str(told[2]) == "poison"
    assert calls == [["d", "poison", "e"], ["d"], ["poison"], ["e"]]
    assert noted(database) == {"other1", "other2", "other3", "a", "b", "c", "d", "e"}
    database.close()


def test_what_is_answered_survives_the_end_of_the_process(tmp_path: Path) -> None:
    """A process accepts from eight threads and is killed; every number it printed must be there."""
    program = """
import os, sys, threading
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from gateway.store import Database
from hardware.clock import FakeClock
folder = Path(sys.argv[1])
database = Database.open(folder / "simwire.db", folder / "simwire.key", FakeClock())
def run(start):
    for number in range(start, 10**6, 8):
        database.accept(lambda cx: cx.execute("INSERT INTO meta VALUES (?, '')", (f"n{number}",)))
        os.write(1, f"n{number}\\n".encode())
for start in range(8):
    threading.Thread(target=run, args=(start,)).start()
"""
    root = Path(__file__).parents[3]
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(root)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    answered = {process.stdout.readline().decode().strip() for _ in range(200)}
    process.kill()
    answered |= {
        line.strip() for line in process.stdout.read().decode().splitlines(keepends=True) if line.endswith("\n")
    }
    process.stdout.close()
    process.wait()
    database = open_at(tmp_path)
    assert answered <= noted(database)
    database.close()


def test_marks_go_before_waiting_accepts() -> None:
    lock = TwoLaneLock()
    order: list[str] = []
    lock.acquire(urgent=False)

    def take(name: str, urgent: bool) -> None:
        lock.acquire(urgent=urgent)
        order.append(name)
        lock.release()

    ordinary = [threading.Thread(target=take, args=("accept", False)) for _ in range(5)]
    for thread in ordinary:
        thread.start()
    urgent = threading.Thread(target=take, args=("mark", True))
    urgent.start()
    while not lock.urgent_waiting:
        urgent.join(0.001)
    lock.release()
    for thread in (urgent, *ordinary):
        thread.join(30)
    assert order == ["mark", *["accept"] * 5]


def test_a_mark_that_raises_stores_nothing_and_tells_nobody(tmp_path: Path) -> None:
    database = open_at(tmp_path)
    told: list[str] = []

    def broken() -> None:
        with database.mark() as cx:
            note("lost")(cx)
            database.after_commit(lambda: told.append("lost"))
            raise LookupError

    with pytest.raises(LookupError):
        broken()
    with database.mark() as cx:
        note("kept")(cx)
        database.after_commit(lambda: told.append("kept"))
    assert (noted(database), told) == ({"kept"}, ["kept"])
    database.close()


def test_who_trips_over_the_news_of_a_commit_keeps_nobody_waiting(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """It is stored, so whoever asked must hear so; and whoever comes later must get a turn."""

    def trips(*_: object) -> None:
        raise RuntimeError("a defect")

    outbox = bench.store.outbox
    outbox.on_accepted = trips
    bench.store.events.listeners.append(trips)
    first, second = bench.add(), bench.add()
    attempt = bench.begin()
    outbox.accepted(attempt.id, 1, bench.now, "+CMGS: 1")
    assert [bench.message(one).state for one in (first, second)] == ["sent", "queued"]
    assert "a defect of the program" in caplog.text


def test_a_reader_sees_one_state(tmp_path: Path) -> None:
    database = open_at(tmp_path)
    with database.read() as cx:
        before = cx.execute("SELECT count(*) FROM meta").fetchone()[0]
        database.accept(note("later"))
        assert cx.execute("SELECT count(*) FROM meta").fetchone()[0] == before
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            cx.execute("DELETE FROM meta")
    database.close()


def through(database: Database, door: str, work: Callable[[sqlite3.Connection], object]) -> None:
    """By one of the two ways to write."""
    if door == "accept":
        database.accept(work)
        return
    with database.mark() as cx:
        work(cx)


def test_what_is_answered_is_synced_also_after_an_unsynced_mark_that_could_not_begin(tmp_path: Path) -> None:
    database = open_at(tmp_path)
    other = sqlite3.connect(tmp_path / "simwire.db", isolation_level=None)
    database._connection.execute("PRAGMA busy_timeout = 1")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy), database.mark(synced=False):
        pass
    other.execute("COMMIT")
    other.close()
    assert database.accept(lambda cx: cx.execute("PRAGMA synchronous").fetchone()[0]) == 2  # FULL
    database.close()


def test_a_reader_that_cannot_open_the_file_is_told_in_words(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    database = open_at(folder)
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(StoreFailed, match="cannot be read or written"), database.read():
        pass
    database.close()


def test_a_piece_that_fails_is_undone_by_itself(tmp_path: Path) -> None:
    database = open_at(tmp_path)
    told: list[str] = []

    def piece(name: str) -> None:
        note(name)(database._connection)
        database.after_commit(lambda: told.append(name))

    def broken() -> None:
        with database.alone():
            piece("lost")
            raise LookupError

    with database.mark():
        piece("before")
        with pytest.raises(LookupError):
            broken()
        piece("after")
    assert (noted(database), told) == ({"before", "after"}, ["before", "after"])
    database.close()


@pytest.mark.parametrize("door", ["mark", "accept"])
def test_a_full_disk_is_said_in_words_and_nothing_is_half_stored(bench: Bench, door: str) -> None:
    before = bench.add()
    with bench.store.database.mark() as cx:
        pages = cx.execute("PRAGMA page_count").fetchone()[0]
    bench.store.database._connection.execute(f"PRAGMA max_page_count = {pages + 2}")

    def fill(cx: sqlite3.Connection) -> None:
        for _ in range(200):
            bench.store.outbox.enqueue(cx, ANY, bench.now)

    with pytest.raises(StoreFull, match="make room"):
        through(bench.store.database, door, fill)
    bench.store.database._connection.execute(f"PRAGMA max_page_count = {pages + 1000}")
    assert bench.send(1).message_id == before.id
    assert bench.nothing_for()


@pytest.mark.parametrize("door", ["mark", "accept"])
def test_a_database_that_another_program_holds_is_said_in_words(tmp_path: Path, door: str) -> None:
    database = open_at(tmp_path)
    database._connection.execute("PRAGMA busy_timeout = 10")
    other = sqlite3.connect(tmp_path / "simwire.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy, match="held by another program"):
        through(database, door, note("a"))
    other.execute("ROLLBACK")
    other.close()
    database.accept(note("b"))
    assert noted(database) == {"b"}
    database.close()


def test_what_root_makes_belongs_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, which alone may give files away")
    os.chown(tmp_path, 12345, 12345)
    open_at(tmp_path).close()
    assert {file.stat().st_uid for file in tmp_path.iterdir()} == {12345}


def test_a_disk_that_gets_full_and_empty_again_is_told_once_each(
    bench: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = bench.store.database
    monkeypatch.setattr("gateway.store.database.RESERVE_CHECK", 0.0)
    with caplog.at_level("INFO"):
        for reserve in (0, 10**18, 10**18, 0, 0):
            database.reserve = reserve
            assert database.accepting() is (reserve == 0)
    said = [record.getMessage() for record in caplog.records if "disk_reserve" in record.getMessage()]
    assert len(said) == 2
    assert "nothing is accepted until there is more" in said[0]
    assert said[1].endswith("accepted again")


@pytest.mark.parametrize(("mode", "told"), [(0o600, False), (0o640, True), (0o604, True)])
def test_a_key_file_that_others_can_read_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, told: bool
) -> None:
    open_at(tmp_path).close()
    (tmp_path / "simwire.key").chmod(mode)
    open_at(tmp_path).close()
    assert any("chmod 600" in record.getMessage() for record in caplog.records) is told


def test_what_keeps_a_database_from_being_opened_is_known_before(tmp_path: Path) -> None:
    path, key_file = tmp_path / "simwire.db", tmp_path / "simwire.key"
    assert problems_of_place(path, key_file) == []
    assert "folder" in problems_of_place(tmp_path / "no" / "x.db", key_file)[0]
    assert "folder" in problems_of_place(path, tmp_path / "no" / "x.key")[0]
    open_at(tmp_path).close()
    assert problems_of_place(path, key_file) == []
    key_file.rename(tmp_path / "lost")
    assert str(key_file) in problems_of_place(path, key_file)[0]
    (tmp_path / "lost").rename(key_file)
    path.unlink()
    assert str(path) in problems_of_place(path, key_file)[0]
