"""One message that cannot be dealt with never keeps the others waiting."""

from __future__ import annotations

import logging
import sqlite3
from dataclasses import replace

import pytest

from gateway.messages import Message, MessageState
from gateway.store.upkeep import CHUNK

from .bench import ANY, CODE, NUMBER, ONE, PLANNED, TWO, Bench

S = MessageState
FIRST, MINUTE = replace(ANY, lifetime=3000.0), replace(ANY, lifetime=60.0)


def seal_again(bench: Bench, message: Message, content: bytes) -> bytes:
    return bench.store.cipher.seal(content, f"messages.body {message.id}")


def damage(bench: Bench, message: Message, column: str, value: object) -> None:
    with bench.store.database.mark() as cx:
        cx.execute(f"UPDATE messages SET {column} = ? WHERE id = ?", (value, message.id))


@pytest.mark.parametrize("harm", ["not sealed", "empty", "no pieces", "a part too few", "no text", "erased"])
def test_a_message_whose_content_is_damaged_fails_and_the_next_one_goes(
    bench: Bench, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = bench.add(FIRST, count=2), bench.add()
    content = {
        "not sealed": b"x" * 60,
        "empty": b"",
        "no pieces": seal_again(bench, bad, b"abc"),
        "a part too few": seal_again(bench, bad, b"\0\0\0\0"),
        "no text": seal_again(bench, bad, b"\0\0\0\2t\xff"),
        "erased": None,
    }[harm]
    damage(bench, bad, "body", content)
    with caplog.at_level(logging.ERROR):
        assert bench.claim().message_id == good.id
    assert bench.state(bad) == (S.FAILED, "refused")
    assert bench.message(bad).final
    assert bench.timeline(bad)[-1].result == "not sent: its stored content cannot be read"
    assert bad.id in caplog.text
    assert NUMBER not in caplog.text
    assert bench.nothing_for()


@pytest.mark.parametrize(("column", "value"), [("state", "no such state"), ("tags", "["), ("reason", "no such reason")])
def test_a_message_whose_row_is_damaged_in_the_queue_ends_and_the_next_one_goes(
    bench: Bench, column: str, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = bench.add(FIRST, count=2), bench.add()
    damage(bench, bad, column, value)
    assert bench.claim().message_id == good.id
    with bench.store.database.read() as cx:
        row = cx.execute("SELECT state, reason, final FROM messages WHERE id = ?", (bad.id,)).fetchone()
    assert tuple(row) == (S.FAILED, "refused", 1)
    assert bench.nothing_for()
    assert "its stored row is damaged" in caplog.text
    assert NUMBER not in caplog.text


def test_damage_after_the_first_part_was_sent_fails_the_message_too(bench: Bench) -> None:
    message = bench.add(count=3)
    bench.send(1)
    damage(bench, message, "body", b"x" * 60)
    assert bench.nothing_for()
    assert bench.state(message) == (S.FAILED, "refused")


def test_a_damaged_copy_takes_nothing_back(bench: Bench) -> None:
    message = bench.add(CODE)
    first = bench.begin(ONE)
    bench.clock.advance(15)
    bench.store.outbox.hedge_due(bench.now, 15, PLANNED)
    damage(bench, message, "body", b"x" * 60)
    assert bench.nothing_for(TWO)
    bench.store.outbox.accepted(first.id, 8, bench.now, "+CMGS: 8")
    assert bench.state(message) == (S.SENT, None)


def test_a_message_that_cannot_expire_lets_the_others_and_is_looked_at_again_later(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = bench.add(MINUTE), bench.add(MINUTE)
    damage(bench, bad, "withdrawn", "no such reason")
    with caplog.at_level(logging.ERROR):
        bench.wake(60)
    assert bench.state(good) == (S.EXPIRED, "expired_in_queue")
    assert bench.state(bad)[0] is S.QUEUED
    assert bench.store.outbox.next_due(0, 0) == bench.clock.boot() + 60
    assert len(caplog.records) == 1
    assert NUMBER not in caplog.text
    damage(bench, bad, "withdrawn", None)
    bench.wake(60)
    assert bench.state(bad) == (S.EXPIRED, "expired_in_queue")


def test_more_of_them_than_one_transaction_takes_do_not_keep_a_round_from_ending(bench: Bench) -> None:
    with bench.store.database.mark() as cx:
        for _ in range(CHUNK + 1):
            bench.store.outbox.enqueue(cx, MINUTE, bench.now)
        cx.execute("UPDATE messages SET withdrawn = 'no such reason'")
    good = bench.add(MINUTE)
    bench.wake(60)
    assert bench.state(good)[0] is S.EXPIRED


def test_a_code_that_cannot_get_a_second_way_lets_the_others(bench: Bench) -> None:
    bad, good = bench.add(CODE), bench.add(CODE)
    bench.begin(ONE)
    bench.begin(ONE)
    damage(bench, bad, "state", "no such state")
    bench.clock.advance(15)
    assert bench.store.outbox.hedge_due(bench.now, 15, PLANNED) == 1
    assert bench.claim(TWO).message_id == good.id


def test_a_challenge_that_cannot_be_read_lets_the_others_end(bench: Bench) -> None:
    bad, good = bench.add_code(purpose="a"), bench.add_code(purpose="b")
    with bench.store.database.mark() as cx:
        cx.execute("UPDATE challenges SET details = x'00' WHERE id = ?", (bad.challenge_id,))
    bench.wake(300)
    assert bench.store.challenges.get(good.challenge_id).state == "expired"
    assert bench.store.outbox.text(bad.id) is None
    assert bench.store.outbox.next_due(0, 0) is None


# -- at a start -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value"),
    [("state", "no such state"), ("withdrawn", "no such reason"), ("tags", "["), ("reason", "no such reason")],
)
def test_a_damaged_message_does_not_keep_a_start_from_recovering_the_others(
    bench: Bench, column: str, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends as what its attempts say: begun, so it may have left; only claimed, so it has not."""
    begun_bad, begun_good = bench.add(), bench.add()
    bench.begin()
    bench.begin()
    claimed_bad, claimed_good = bench.add(), bench.add()
    bench.claim()
    bench.claim()
    for message in (begun_bad, claimed_bad):
        damage(bench, message, column, value)
    with caplog.at_level(logging.ERROR):
        assert bench.crash() == (2, 2)
    assert bench.state(begun_good) == (S.UNKNOWN, "unknown_outcome")
    assert bench.claim().message_id == claimed_good.id
    with bench.store.database.read() as cx:
        rows = cx.execute("SELECT id, state, reason, final FROM messages").fetchall()
        open_ones = cx.execute("SELECT count(*) FROM attempts WHERE state IN ('submitting', 'claimed')").fetchone()[0]
    ended = {row["id"]: tuple(row)[1:] for row in rows if row["id"] in (begun_bad.id, claimed_bad.id)}
    assert ended[begun_bad.id] == (S.UNKNOWN, "unknown_outcome", 1)
    assert ended[claimed_bad.id] == (S.FAILED, "refused", 1)
    assert open_ones == 1
    assert bench.nothing_for()
    assert NUMBER not in caplog.text
    assert caplog.text.count("its stored row is damaged") == 2


@pytest.mark.parametrize(
    ("harm", "value", "error"),
    [
        ("messages.state", "no such state", "ValueError"),
        ("messages.withdrawn", "no such reason", "ValueError"),
        ("attempts.part", 9, "IndexError"),
    ],
)
def test_whoever_listens_is_told_that_a_damaged_message_ended(
    bench: Bench, harm: str, value: object, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = bench.add(), bench.add()
    bench.claim()
    bench.begin()
    table, column = harm.split(".")
    key = "id" if table == "messages" else "message = (SELECT seq FROM messages WHERE id"
    with bench.store.database.mark() as cx:
        cx.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?{')' * (table == 'attempts')}", (value, bad.id))
    newest = bench.store.events.span()[1]
    with caplog.at_level(logging.ERROR):
        assert bench.crash() == (1, 1)
    assert f"its stored row is damaged ({error})" in caplog.text
    told = {event.subject: (event.kind, event.body["final"]) for event in bench.store.events.after(newest)}
    assert told == {bad.id: ("message.failed", True), good.id: ("message.unknown", True)}
    assert bench.timeline(bad)[-1].result == "its stored row is damaged"
    assert bench.nothing_for()


def test_a_report_of_a_damaged_message_that_waits_keeps_no_other_outcome_from_being_stored(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bad = bench.add(replace(ANY, to="+447700900111"))
    lost = bench.begin()
    assert not bench.report(7, to="+447700900111").matched, "its answer would tell"
    damage(bench, bad, "tags", "[")
    bench.store.outbox.lose(lost.id, bench.now)
    assert bench.store.outbox.retry_unmatched(bench.now) == 0
    good = bench.add(CODE)
    bench.lose(bench.begin())
    assert bench.state(good) == (S.SENDING, None), "it is sent once more"
    assert caplog.text.count("is given up") == 1


def test_a_full_disk_at_a_start_is_not_taken_for_a_damaged_message(bench: Bench) -> None:
    message = bench.add()
    bench.begin()
    bench.store.close()
    bench.store = bench._open()
    cx = bench.store.database._connection
    cx.execute("CREATE TEMP TRIGGER full BEFORE INSERT ON timeline BEGIN SELECT raise(ROLLBACK, 'full'); END")
    with pytest.raises(sqlite3.IntegrityError):
        bench.store.outbox.recover(bench.now)
    cx.execute("DROP TRIGGER full")
    assert bench.state(message) == (S.SENDING, None)
    assert bench.store.outbox.recover(bench.now) == (0, 1)
