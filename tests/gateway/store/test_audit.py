"""The audit log: whatever is done to its rows from outside is found, and the first bad row is named."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.policy import KeyPolicy
from gateway.store import Store

from .bench import Bench

HANDSET = "+447700900999"


def write(bench: Bench, count: int = 5) -> None:
    for number in range(1, count + 1):
        bench.clock.advance(1.0)
        bench.store.audit.record("cli:ann", "keys.create", f"key {number}", {"number": number}, bench.now)


def tamper(bench: Bench, *statements: str) -> None:
    """What somebody does who can write the file, and knows SQL."""
    with closing(sqlite3.connect(bench.folder / "simwire.db", isolation_level=None)) as cx:
        for verb in ("update", "delete", "replace"):
            cx.execute(f"DROP TRIGGER IF EXISTS audit_no_{verb}")
        for statement in statements:
            cx.execute(statement)


def verdict(bench: Bench) -> tuple[int, int | None]:
    found = bench.store.audit.verify()
    assert bool(found.why) == (found.broken is not None)
    return found.rows, found.broken


def test_what_was_recorded_is_listed_newest_first_page_by_page(bench: Bench) -> None:
    write(bench)
    first, more = bench.store.audit.list(limit=2)
    second, more = bench.store.audit.list(limit=2, cursor=more)
    third, end = bench.store.audit.list(limit=2, cursor=more)
    assert [row.id for row in (*first, *second, *third)] == [5, 4, 3, 2, 1]
    assert (third[0].actor, third[0].action, third[0].subject) == ("cli:ann", "keys.create", "key 1")
    assert (third[0].details, end) == ({"number": 1}, None)
    with pytest.raises(ValueError, match="cursor"):
        bench.store.audit.list(cursor="x")


def test_an_empty_log_and_an_untouched_one_are_good(bench: Bench) -> None:
    assert verdict(bench) == (0, None)
    write(bench)
    assert verdict(bench) == (5, None)
    bench.crash()
    write(bench)
    assert verdict(bench) == (10, None)


COPY = "SELECT id, at, 'forged', action, subject, details, hash FROM audit WHERE id = 2"


@pytest.mark.parametrize(
    "verb",
    [
        "UPDATE audit SET actor = 'x'",
        "UPDATE OR REPLACE audit SET id = 2 WHERE id = 3",
        "DELETE FROM audit",
        f"INSERT OR REPLACE INTO audit {COPY}",
        f"REPLACE INTO audit {COPY}",
        f"INSERT INTO audit {COPY} ON CONFLICT DO UPDATE SET actor = 'x'",
    ],
)
def test_the_gateway_itself_cannot_change_a_row(bench: Bench, verb: str) -> None:
    write(bench)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"), bench.store.database.mark() as cx:
        cx.execute(verb)
    with closing(sqlite3.connect(bench.folder / "simwire.db")) as other:  # nor does another program by a slip
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            other.execute(verb)
        other.rollback()
    assert verdict(bench) == (5, None)


COLUMNS = {"at": "1", "actor": "'cli:bob'", "action": "'keys.revoke'", "subject": "'other'", "details": "'{}'"}


@pytest.mark.parametrize("column", [*COLUMNS, "hash"])
@pytest.mark.parametrize("row", [1, 3, 5])
def test_a_changed_row_is_found(bench: Bench, column: str, row: int) -> None:
    write(bench)
    value = COLUMNS.get(column, "x'00'")
    tamper(bench, f"UPDATE audit SET {column} = {value} WHERE id = {row}")
    assert verdict(bench) == (5, row)


@pytest.mark.parametrize(("gone", "named"), [("id = 1", 1), ("id = 3", 3), ("id = 5", 5), ("id > 2", 3), ("1", 1)])
def test_removed_rows_are_missed_also_at_the_end(bench: Bench, gone: str, named: int) -> None:
    write(bench)
    tamper(bench, f"DELETE FROM audit WHERE {gone}")
    assert verdict(bench)[1] == named


def test_rows_that_close_the_gap_are_found(bench: Bench) -> None:
    write(bench)
    tamper(bench, "DELETE FROM audit WHERE id = 2", "UPDATE audit SET id = id - 1 WHERE id > 2")
    assert verdict(bench) == (4, 2)


def test_rows_that_changed_places_are_found(bench: Bench) -> None:
    write(bench)
    tamper(
        bench,
        "UPDATE audit SET id = 99 WHERE id = 2",
        "UPDATE audit SET id = 2 WHERE id = 4",
        "UPDATE audit SET id = 4 WHERE id = 99",
    )
    assert verdict(bench) == (5, 2)


def test_a_row_that_another_hand_added_is_found(bench: Bench) -> None:
    write(bench)
    tamper(bench, "INSERT INTO audit SELECT 6, at, actor, action, subject, details, hash FROM audit WHERE id = 5")
    assert verdict(bench) == (6, 6)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM meta WHERE name = 'audit_head'",
        "UPDATE meta SET value = '00' WHERE name = 'audit_head'",
        "UPDATE meta SET value = 'no hex' WHERE name = 'audit_head'",
    ],
)
def test_an_end_that_is_not_sealed_is_found(bench: Bench, statement: str) -> None:
    write(bench)
    tamper(bench, statement)
    assert verdict(bench) == (5, 1)


def test_a_log_that_was_taken_away_as_a_whole_is_missed_and_does_not_begin_anew(bench: Bench) -> None:
    write(bench)
    tamper(bench, "DELETE FROM audit", "DELETE FROM meta WHERE name = 'audit_head'")
    assert verdict(bench) == (0, 1)
    bench.crash()
    assert verdict(bench) == (0, 1)
    write(bench)
    assert verdict(bench) == (5, 1)


def test_a_log_of_which_nothing_was_written_yet_has_its_seal(bench: Bench) -> None:
    tamper(bench, "DELETE FROM meta WHERE name = 'audit_head'")
    assert verdict(bench) == (0, 1)


def test_the_end_that_is_told_outside_shows_a_step_back_that_the_database_cannot(bench: Bench) -> None:
    write(bench, 3)
    with bench.store.database.read() as cx:
        old = cx.execute("SELECT value FROM meta WHERE name = 'audit_head'").fetchone()[0]
    write(bench, 2)
    told = bench.store.audit.verify()
    assert (told.rows, told.hash) == bench.store.audit.end()
    tamper(bench, "DELETE FROM audit WHERE id > 3", f"UPDATE meta SET value = '{old}' WHERE name = 'audit_head'")
    assert bench.store.audit.end()[0] < told.rows
    write(bench, 2)
    assert bench.store.audit.end()[0] == told.rows
    assert bench.store.audit.end()[1] != told.hash


def test_an_older_seal_is_found(bench: Bench) -> None:
    write(bench, 3)
    with bench.store.database.read() as cx:
        old = cx.execute("SELECT value FROM meta WHERE name = 'audit_head'").fetchone()[0]
    write(bench, 2)
    tamper(bench, f"UPDATE meta SET value = '{old}' WHERE name = 'audit_head'")
    assert verdict(bench) == (5, 4)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DELETE FROM audit WHERE id = 5", 5),
        ("UPDATE audit SET actor = 'x' WHERE id = 5", 5),
        ("INSERT INTO audit SELECT 6, at, actor, action, subject, details, hash FROM audit WHERE id = 5", 6),
        ("UPDATE meta SET value = '00' WHERE name = 'audit_head'", 1),
        ("DELETE FROM meta WHERE name = 'audit_head'", 1),
    ],
)
def test_a_log_that_was_meddled_with_is_written_on_and_stays_broken(bench: Bench, statement: str, named: int) -> None:
    write(bench)
    tamper(bench, statement)
    info, _ = bench.store.keys.create("shop", ["otp:send"])
    assert info in bench.store.keys.list()
    write(bench)
    assert verdict(bench)[1] == named


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5), st.text(max_size=5)), min_size=1, max_size=6),
    data=st.data(),
)
def test_any_change_of_any_value_is_found(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, str, str]], data: st.DataObject
) -> None:
    bench = Bench(tmp_path_factory.mktemp("audit"))
    try:
        for actor, action, subject in lines:
            storable = [text.replace("\0", "").encode("utf-8", "replace").decode() for text in (actor, action, subject)]
            bench.store.audit.record(*storable, {"said": storable}, bench.now)
        assert bench.store.audit.verify().broken is None
        row = data.draw(st.integers(1, len(lines)))
        column = data.draw(st.sampled_from(["actor", "action", "subject", "details"]))
        tamper(bench, f"UPDATE audit SET {column} = {column} || ' ' WHERE id = {row}")
        assert bench.store.audit.verify().broken == row
    finally:
        bench.close()


def test_two_writers_make_one_chain(bench: Bench) -> None:
    """The command line writes while the gateway serves."""
    other = Store.open(bench.folder / "simwire.db", bench.folder / "simwire.key", bench.clock)

    def work(store: Store) -> None:
        for number in range(20):
            store.audit.record("cli:ann", "keys.create", str(number), {}, bench.now)

    threads = [threading.Thread(target=work, args=(store,)) for store in (bench.store, other, bench.store, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdict(bench) == (80, None)
    other.close()


def test_a_row_is_stored_with_what_it_tells_or_not_at_all(bench: Bench) -> None:
    def fail(cx: sqlite3.Connection) -> None:
        bench.store.audit.append(cx, "cli:ann", "numbers.erase", "+447…101", {}, bench.now)
        raise LookupError

    with pytest.raises(LookupError):
        bench.store.database.accept(fail)
    assert verdict(bench) == (0, None)


def test_numbers_are_masked_and_long_words_cut_whoever_wrote_them(bench: Bench) -> None:
    details = {"said": f"call {HANDSET}", "list": [{"inner": HANDSET}], "long": "x" * 5000, "count": 447700900999}
    bench.store.audit.record(f"key:7 ({HANDSET})", "webhooks.replay", f"{'x' * 90} {HANDSET}", details, bench.now)
    bench.store.audit.record("cli:ann", "webhooks.replay", f"{HANDSET} {'x' * 1000}", {}, bench.now)
    rows = bench.store.audit.list()[0]
    assert HANDSET not in str(rows)
    assert HANDSET[:9] not in str(rows), "nor the greater part of it, where the words were cut"
    assert [len(row.subject) for row in rows] == [100, 99]
    assert len(rows[1].details["long"]) == 500
    assert (rows[1].details["count"], rows[1].details["list"]) == (447700900999, [{"inner": "+447…999"}])
    assert verdict(bench) == (2, None)


def actions(bench: Bench) -> list[tuple[str, str, str]]:
    return [(row.actor, row.action, row.subject) for row in reversed(bench.store.audit.list()[0])]


def test_what_is_done_to_keys_is_recorded_and_never_the_key(bench: Bench) -> None:
    policy = KeyPolicy.model_validate({"delivery": "redirect", "redirect_to": HANDSET})
    info, key = bench.store.keys.create("shop", ["otp:send"], policy=policy, actor="cli:ann")
    new, new_key = bench.store.keys.rotate(info.id, actor="key:1 (boss)")
    bench.store.keys.revoke(new.id)
    assert not bench.store.keys.revoke(new.id), "what changed nothing is not recorded"
    assert actions(bench) == [
        ("cli:ann", "keys.create", info.id),
        ("key:1 (boss)", "keys.rotate", new.id),
        ("gateway", "keys.revoke", new.id),
    ]
    rows = bench.store.audit.list()[0]
    assert rows[1].details["replaces"] == info.id
    assert rows[2].details["scopes"] == ["otp:send"]
    for secret in (key.reveal(), new_key.reveal(), HANDSET, HANDSET[4:]):
        assert secret not in str(rows)


@pytest.fixture(params=[1, 7])
def long(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Bench]:
    def make() -> Bench:
        bench = Bench(tmp_path)
        write(bench, request.param)
        return bench

    return make


def test_the_last_row_is_looked_at_too(long: Callable[[], Bench]) -> None:
    bench = long()
    last = bench.store.audit.verify().rows
    tamper(bench, f"UPDATE audit SET subject = 'x' WHERE id = {last}")
    assert verdict(bench) == (last, last)
    bench.close()
