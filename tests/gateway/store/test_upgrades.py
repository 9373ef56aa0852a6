"""Databases of every earlier schema, with rows in all tables: brought up to date whatever happens meanwhile, and never
taken by an older program.
"""

from __future__ import annotations

import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database as SchemaDatabase
from sqlite_utils.migrations import Migrations

from gateway.store import Database, Store, StoreLocked, StoreNewer, back_up, examine, restore
from gateway.store.files import claim, sign
from gateway.store.migrations import migrations, names
from hardware.clock import FakeClock

from .bench import ONE
from .test_database import SCHEMA_1, SCHEMA_2, SCHEMA_3, of_schema, rows_of, tables_of

SCHEMAS = {
    1: (SCHEMA_1, SCHEMA_1.with_name("schema_1_rows.sql")),
    2: (SCHEMA_2,),
    3: (SCHEMA_3,),
}
"""What each earlier schema was made of, by how many migrations it had."""
MOMENT = {"boot": 1010.0, "wall": 1_767_225_610.0}
"""Clocks ten seconds after what is in these databases."""
CUTS = 6
Rows = dict[str, list[tuple[object, ...]]]


def old(folder: Path, schema: int) -> Rows:
    """A database of that schema on the disk, with its key file; its rows by table."""
    first, *more = SCHEMAS[schema]
    of_schema(folder, first)
    with closing(sqlite3.connect(folder / "simwire.db")) as cx:
        for told in more:
            cx.executescript(told.read_text(encoding="utf-8"))
        return {name: rows_of(cx, name, "*") for name in tables_of(cx)}


def opened(folder: Path) -> Store:
    clock = FakeClock(**MOMENT)
    return Store.open(folder / "simwire.db", folder / "simwire.key", clock, checked=True)


def columns_of(folder: Path) -> dict[str, str]:
    with closing(sqlite3.connect(folder / "simwire.db")) as cx:
        return {name: ", ".join(row[1] for row in cx.execute(f"PRAGMA table_info({name})")) for name in tables_of(cx)}


def kept(folder: Path, before: Rows, columns: dict[str, str]) -> None:
    """Every row is there as it was: what a migration adds are columns, and rows of its own."""
    with closing(sqlite3.connect(folder / "simwire.db")) as cx:
        for table, rows in before.items():
            now = rows_of(cx, table, columns[table])
            if table == "meta":  # the boot is another one
                rows = [row for row in rows if not str(row[0]).startswith("boot_")]
            if table in {"messages", "challenges", "attempts", "deliveries", "guesses"}:
                assert len(now) == len(rows), table  # times on the boot clock are moved onto this boot's
                continue
            assert set(rows) <= set(now), table


def test_there_is_one_of_every_schema_before_this_one() -> None:
    """Whoever adds a migration adds the database that it finds."""
    assert list(SCHEMAS) == list(range(1, len(names())))


@pytest.mark.parametrize("schema", SCHEMAS)
def test_rows_of_every_table_are_kept_and_the_database_is_sound(tmp_path: Path, schema: int) -> None:
    before = old(tmp_path, schema)
    assert {table for table, rows in before.items() if not rows} == set(), "rows in every table"
    columns = columns_of(tmp_path)
    opened(tmp_path).close()

    kept(tmp_path, before, columns)
    found = examine(tmp_path / "simwire.db", tmp_path / "simwire.key")
    assert (found.schema, found.pending) == (names()[-1], ())


@pytest.mark.parametrize("schema", SCHEMAS)
def test_what_was_stored_is_read_and_worked_on(tmp_path: Path, schema: int) -> None:
    old(tmp_path, schema)
    store = opened(tmp_path)
    now = store.database.clock.now()
    assert store.keys.authenticate("sw_AOFdwqq_kIv5VGoqfKbabDhV8UdCmsagCnLjr7Tp2RM") is not None
    text = store.outbox.text("019b76da-a800-7083-8e35-54bbea187b8f")
    assert text is not None
    assert text.reveal() == "hello"
    assert store.outbox.recover(now) == (0, 1)
    assert store.challenges.get("019b76da-a800-7ea7-b773-d2db0363e01d").state == "pending"
    assert store.pins.attempted("card", b"1234")
    assert [one.text.reveal() for one in store.inbox.list()[0] if one.text] == ["whole"]
    with store.database.read() as cx:
        assert store.idempotency.find(cx, "shop", "order-7", b"request", now) is not None
    store.outbox.wake_due(now)
    assert store.outbox.claim(ONE, now) is not None
    assert store.audit.verify().broken is None
    store.close()


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_power_cut_at_any_point_of_it_loses_nothing_and_the_next_start_ends_it(tmp_path: Path, schema: int) -> None:
    """The log cut anywhere between the old database and the new one, torn, or with junk behind it."""
    run = tmp_path / "run"
    run.mkdir()
    before = old(run, schema)
    columns = columns_of(run)
    store = opened(run)
    main, log = (run / "simwire.db").read_bytes(), (run / "simwire.db-wal").read_bytes()
    store.close()
    size = int.from_bytes(main[16:18], "big")
    frames = range(32, len(log), size + 24)
    assert len(frames) > 1
    chance = random.Random(schema)
    at = sorted({0, 32, len(log), *chance.sample(frames, min(CUTS, len(frames)))})
    pending = set()
    for number, cut in enumerate([*at, *(chance.randrange(32, len(log)) for _ in range(CUTS // 2))]):
        folder = tmp_path / f"cut{number}"
        folder.mkdir()
        (folder / "simwire.key").write_bytes((run / "simwire.key").read_bytes())
        (folder / "simwire.db").write_bytes(main)
        junk = chance.choice((b"", chance.randbytes(5000), bytes(5000))) if cut else b""  # its header is there or not
        (folder / "simwire.db-wal").write_bytes(log[:cut] + junk)
        pending.add(examine(folder / "simwire.db", folder / "simwire.key").pending)
        opened(folder).close()
        kept(folder, before, columns)
        assert examine(folder / "simwire.db", folder / "simwire.key").pending == ()
    assert {(), names()[schema:]} <= pending, "some were cut before it, and some after it"


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_migration_that_a_fault_breaks_off_leaves_the_ones_before_and_is_made_again(
    tmp_path: Path, schema: int
) -> None:
    before = old(tmp_path, schema)
    columns = columns_of(tmp_path)
    faulty = Migrations("simwire")
    with closing(sqlite3.connect(":memory:")) as empty:
        *released, last = migrations.pending(SchemaDatabase(empty))
    for one in released:
        faulty(name=one.name)(one.fn)

    @faulty(name=last.name)
    def _half(db: SchemaDatabase) -> None:
        last.fn(db)
        raise OSError("the stick was pulled")

    with pytest.raises(OSError, match="pulled"):
        Database.open(tmp_path / "simwire.db", tmp_path / "simwire.key", FakeClock(**MOMENT), faulty)
    with closing(sqlite3.connect(tmp_path / "simwire.db")) as cx:
        applied = [row[0] for row in cx.execute("SELECT name FROM _sqlite_migrations ORDER BY id")]
    assert applied == list(names()[:-1]), "each migration by itself, whole or not at all"
    opened(tmp_path).close()
    kept(tmp_path, before, columns)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_way_back_is_the_copy_that_was_made_before(tmp_path: Path, schema: int) -> None:
    """An older program refuses the database, says what to do, and touches nothing; its own copy is whole."""
    before = old(tmp_path, schema)
    opened(tmp_path).close()
    copy = tmp_path / f"simwire.db.before-{names()[schema]}"
    with closing(sqlite3.connect(copy)) as cx:
        assert {name: rows_of(cx, name, "*") for name in tables_of(cx)} == before
    done = restore(
        copy,
        tmp_path / "simwire.db",
        tmp_path / "simwire.key",
        FakeClock(**MOMENT),
        "cli:root",
        lambda left, pages: None,
    )
    assert done.examined.pending == names()[schema:]


def test_a_database_of_a_newer_program_is_refused_with_what_to_do_and_left_as_it_is(tmp_path: Path) -> None:
    old(tmp_path, 1)
    opened(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "simwire.db", isolation_level=None)) as cx:
        cx.execute("INSERT INTO _sqlite_migrations VALUES (99, 'simwire', '0099_later', '')")
    octets = (tmp_path / "simwire.db").read_bytes()
    with pytest.raises(StoreNewer) as caught:
        opened(tmp_path)

    assert "0099_later" in str(caught.value)
    assert "install that version" in str(caught.value)
    assert f"simwire db restore {tmp_path / 'simwire.db.before-0002_trust'}" in str(caught.value)
    with pytest.raises(StoreNewer, match="0099_later"):
        back_up(tmp_path / "simwire.db", tmp_path / "simwire.key", tmp_path / "x.db", 0, lambda left, pages: None)
    assert (tmp_path / "simwire.db").read_bytes() == octets
    assert not (tmp_path / "x.db").exists()


def test_no_schema_changes_under_a_gateway_of_an_earlier_release(tmp_path: Path) -> None:
    """A newer program was installed, and somebody makes a key before the service is restarted."""
    old(tmp_path, 3)
    serving = claim(tmp_path / "simwire.db")
    sign(serving)
    before = columns_of(tmp_path)
    with pytest.raises(StoreLocked, match="restart that one first"):
        opened(tmp_path)
    with closing(sqlite3.connect(tmp_path / "simwire.db")) as cx:
        assert cx.execute("SELECT count(*) FROM _sqlite_migrations").fetchone() == (3,)
    assert columns_of(tmp_path) == before
    os.close(serving)
    opened(tmp_path).close()
