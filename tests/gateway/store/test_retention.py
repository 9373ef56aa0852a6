"""What is old is erased, in small pieces and at a cost that does not grow; what is not final never is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.messages import Message, MessageState
from gateway.store import ChallengeState, Keep
from gateway.store.events import Subscription
from gateway.store.retention import CHUNK, LOOK_EVERY, LOOKED_AT, LOOKS, Retention

from .bench import ANY, CODE, Bench
from .test_inbox import deliver, receive

DAY = 86_400.0
YOUNG = 10_000_000
"""Where young rows lie, behind old ones that are made later."""
EVERYTHING = Keep(texts=30 * DAY, messages=90 * DAY, codes=30 * DAY, inbox=90 * DAY, events=7 * DAY, caught=7 * DAY)


def rows(bench: Bench, table: str) -> int:
    with bench.store.database.read() as cx:
        return int(cx.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def purge(bench: Bench, days: float = 0.0, keep: Keep = EVERYTHING) -> int:
    """Let days pass, then let the clockwork look until there is nothing left to do."""
    bench.clock.advance(days * DAY)
    bench.store.outbox.expire_due(bench.now)
    bench.store.retention.keep = keep
    total = 0
    bench.clock.advance(LOOK_EVERY)
    while done := bench.store.retention.purge(bench.now):
        total += done
    return total


def delivered(bench: Bench, mr: int = 1, **fields: Any) -> Message:
    """A message with everything that can hang on one."""
    message = bench.add(replace(ANY, tags=("a", "b"), **fields))
    bench.send(mr)
    assert bench.report(mr).matched
    assert bench.state(message)[0] is MessageState.DELIVERED
    return message


def test_a_text_goes_first_and_the_rest_stays_until_its_own_end(bench: Bench) -> None:
    message = delivered(bench)
    purge(bench, 29.9)
    assert bench.store.outbox.text(message.id) is not None
    purge(bench, 0.1)
    assert bench.store.outbox.text(message.id) is None
    assert bench.state(message) == (MessageState.DELIVERED, None)
    assert len(bench.timeline(message)) > 2
    purge(bench, 59.0)
    assert bench.store.outbox.get(message.id) is not None
    purge(bench, 1.0)
    for table in ("messages", "attempts", "timeline", "reports", "message_tags"):
        assert rows(bench, table) == 0, table


@pytest.mark.parametrize("how", ["queued", "on the air", "sent"])
def test_what_is_not_final_is_never_touched(bench: Bench, how: str) -> None:
    message = bench.add(replace(ANY, lifetime=63 * DAY))
    if how == "on the air":
        attempt = bench.begin()
    elif how == "sent":
        bench.send(1)
    keep = Keep(texts=3600.0, messages=3 * DAY, codes=2 * DAY)
    purge(bench, 62.0, keep)
    assert not bench.message(message).final
    assert bench.store.outbox.text(message.id) is not None
    if how == "on the air":
        bench.lose(attempt)
    purge(bench, 3.0, keep)
    assert bench.store.outbox.get(message.id) is None


def test_the_age_of_what_is_sent_later_counts_from_its_start(bench: Bench) -> None:
    message = bench.add(replace(ANY, not_before=bench.now.wall + 100 * DAY, lifetime=3 * DAY))
    younger = delivered(bench, 2)
    purge(bench, 99.0)
    assert bench.store.outbox.get(younger.id) is None, "what waits does not hold up what is done"
    bench.wake(1 * DAY)
    bench.send(3)
    bench.report(3)
    purge(bench, 29.0)
    assert bench.store.outbox.text(message.id) is not None
    purge(bench, 2.0)
    assert bench.store.outbox.text(message.id) is None
    purge(bench, 60.0)
    assert bench.store.outbox.get(message.id) is None


def test_a_challenge_goes_with_its_messages_and_not_before(bench: Bench) -> None:
    message = bench.add_code()
    bench.send(1)
    challenge = message.challenge_id
    purge(bench, 29.9, replace(EVERYTHING, messages=3 * DAY))
    assert bench.store.outbox.get(message.id) is not None, "its challenge is kept for longer"
    assert bench.store.challenges.get(challenge).state is not ChallengeState.PENDING
    purge(bench, 1.0)
    assert bench.store.challenges.get(challenge) is None
    assert rows(bench, "messages") == rows(bench, "attempts") == 0


def test_an_open_challenge_stays(bench: Bench) -> None:
    message = bench.add_code()
    bench.clock.advance(60 * DAY)
    bench.store.retention.keep = EVERYTHING
    assert bench.store.retention.purge(bench.now) == 0
    assert bench.store.challenges.get(message.challenge_id).state is ChallengeState.PENDING


def test_codes_of_a_clients_own_go_with_the_messages(bench: Bench) -> None:
    bench.add(CODE)
    bench.send(1)
    purge(bench, 31.0)
    assert rows(bench, "messages") == 1
    purge(bench, 60.0)
    assert rows(bench, "messages") == 0


def test_reports_whose_message_was_never_found_go_like_messages(bench: Bench) -> None:
    assert not bench.report(77).matched
    purge(bench, 89.0)
    assert rows(bench, "reports") == 1
    purge(bench, 1.0)
    assert rows(bench, "reports") == 0


def test_received_messages_go_with_their_parts_and_numbers_never_begin_anew(bench: Bench) -> None:
    receive(bench, deliver("a", part=(9, 2, 1)))
    receive(bench, deliver("b", part=(9, 2, 2)))
    receive(bench, deliver("waits", part=(8, 2, 1)))
    before = bench.store.inbox.newest()
    bench.store.inbox.release_incomplete(bench.now)
    purge(bench, 91.0)
    assert (rows(bench, "inbox"), rows(bench, "inbox_parts")) == (0, 1)
    receive(bench, deliver("later"))
    assert bench.store.inbox.newest() > before
    assert bench.store.inbox.next_after(before, 0) is not None


def test_events_go_with_their_finished_deliveries_and_the_newest_stays(bench: Bench) -> None:
    bench.store.events.subscriptions = (Subscription("hook"),)
    delivered(bench)
    newest = bench.store.events.span()[1]
    with bench.store.database.mark() as cx:
        cx.execute("UPDATE deliveries SET state = 'done' WHERE event <> 1")
        cx.execute("UPDATE deliveries SET state = 'dead' WHERE event = 2")
    purge(bench, 7.5)
    assert bench.store.events.span() == (1, newest), "the first one is still to be delivered"
    assert rows(bench, "events") == 2
    with bench.store.database.mark() as cx:
        cx.execute("UPDATE deliveries SET state = 'done'")
    purge(bench)
    assert bench.store.events.span() == (newest, newest)
    bench.add()
    bench.begin()
    assert bench.store.events.span()[1] > newest


def test_caught_messages_go(bench: Bench) -> None:
    with bench.store.database.mark() as cx:
        for age in (8, 6):
            at = round((bench.now.wall - age * DAY) * 1000)
            cx.execute("INSERT INTO caught (id, client, recipient, message_id, body, caught_at)"
                       " VALUES (?, 'shop', '+447700900101', 'm', x'00', ?)", (str(age), at))  # fmt: skip
    purge(bench)
    with bench.store.database.read() as cx:
        assert [row["id"] for row in cx.execute("SELECT id FROM caught")] == ["6"]


def test_forever_keeps(bench: Bench) -> None:
    message = delivered(bench)
    purge(bench, 4000.0, Keep())
    assert bench.store.outbox.text(message.id) is not None
    purge(bench, 0.0, Keep(texts=30 * DAY))
    assert bench.store.outbox.text(message.id) is None
    assert bench.store.outbox.get(message.id) is not None


def test_a_late_report_of_a_message_that_is_gone_is_kept_as_one_without(bench: Bench) -> None:
    delivered(bench)
    purge(bench, 91.0)
    assert not bench.report(1).matched


def test_a_backlog_takes_several_rounds_of_small_transactions(bench: Bench) -> None:
    fill(bench, 3 * LOOKS * LOOKED_AT // 2, days_ago=100.0)
    bench.clock.advance(LOOK_EVERY)
    bench.store.retention.keep = Keep(messages=90 * DAY)
    changes: list[int] = []
    original = bench.store.database.mark

    def counted(*, synced: bool = True) -> Any:
        assert not synced, "nothing is lost when a power cut undoes it"
        changes.append(1)
        return original(synced=synced)

    bench.store.database.mark = counted  # type: ignore[method-assign]
    assert bench.store.retention.purge(bench.now) == LOOKS * LOOKED_AT
    assert len(changes) == LOOKS * LOOKED_AT // CHUNK
    bench.clock.advance(15.0)
    assert bench.store.retention.purge(bench.now) == LOOKS * LOOKED_AT // 2, "the next round goes on at once"
    bench.clock.advance(15.0)
    assert bench.store.retention.purge(bench.now) == 0
    assert rows(bench, "messages") == 0


def test_with_nothing_to_do_not_even_a_look_is_taken_for_an_hour(bench: Bench) -> None:
    bench.store.retention.keep = EVERYTHING
    bench.store.retention.purge(bench.now)
    seen = steps(bench, lambda: bench.store.retention.purge(bench.now.after(LOOK_EVERY - 1)))
    assert seen == 0
    assert steps(bench, lambda: bench.store.retention.purge(bench.now.after(LOOK_EVERY))) > 0


def cost(bench: Bench, old: int) -> int:
    """Steps of SQLite's machine that it takes to erase so many old messages in front of the young ones."""
    fill(bench, old, days_ago=100.0)
    retention = Retention(bench.store.database, EVERYTHING)  # as after a start: it begins at the oldest row
    return steps(bench, lambda: retention.purge(bench.now))


@pytest.mark.parametrize("old", [0, 50])
def test_what_it_costs_does_not_depend_on_what_is_kept(bench: Bench, old: int) -> None:
    """Foreign keys included: no table is read to its end."""
    fill(bench, 2 * LOOKED_AT, days_ago=1.0, behind=YOUNG)
    cost(bench, old)
    few = cost(bench, old)
    assert rows(bench, "messages") == 2 * LOOKED_AT
    fill(bench, 18 * LOOKED_AT, days_ago=1.0, behind=YOUNG)
    assert cost(bench, old) < 1.3 * few


def test_a_clock_that_was_wrong_does_not_end_the_walk_for_ever(bench: Bench) -> None:
    fill(bench, LOOKED_AT, days_ago=-4000.0)
    fill(bench, 10, days_ago=100.0)
    assert purge(bench) > 0
    assert rows(bench, "messages") == LOOKED_AT


def test_rows_that_were_numbered_anew_are_found_again(bench: Bench) -> None:
    """VACUUM may do that to a table whose key is a text."""
    for number in range(5):
        bench.add_code(replace(CODE, to=f"+44770090011{number}"))
    with bench.store.database.mark() as cx:
        cx.execute("UPDATE challenges SET rowid = rowid + 100")
    purge(bench, 1.0)
    with bench.store.database.mark() as cx:
        cx.execute("UPDATE challenges SET rowid = rowid - 100")
    purge(bench, 31.0)
    purge(bench)
    assert rows(bench, "challenges") == 0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    made=st.lists(st.tuples(st.sampled_from(["sent", "queued", "code", "open"]), st.integers(0, 60)), max_size=12),
    kept=st.tuples(st.integers(3, 40), st.integers(2, 40)),
)
def test_whatever_there_is_exactly_what_is_old_and_done_goes(
    tmp_path_factory: pytest.TempPathFactory, made: list[tuple[str, int]], kept: tuple[int, int]
) -> None:
    bench = Bench(tmp_path_factory.mktemp("retention"))
    messages_days, codes_days = kept
    expected = set()
    try:
        for number, (kind, days) in enumerate(sorted(made, key=lambda one: -one[1])):
            stay = replace(ANY, to=f"+4477009{number:05}", lifetime=3600.0 if kind == "sent" else 63 * DAY)
            bench.clock.advance(0.001)
            message = bench.add_code(replace(CODE, to=stay.to)) if kind in ("code", "open") else bench.add(stay)
            age(bench, message, days)
            if kind == "sent":
                end(bench, message)
            elif kind == "code":
                close(bench, message)
            limit = {"sent": messages_days, "code": codes_days}.get(kind, 1000)
            if days < limit:
                expected.add(message.id)
        bench.store.retention.keep = Keep(messages=messages_days * DAY, codes=codes_days * DAY)
        bench.clock.advance(LOOK_EVERY)
        bench.store.retention.purge(bench.now.after(1.0))
        with bench.store.database.read() as cx:
            assert {row["id"] for row in cx.execute("SELECT id FROM messages")} == expected
            assert cx.execute("PRAGMA foreign_key_check").fetchall() == []
    finally:
        bench.close()


def age(bench: Bench, message: Message, days: float) -> None:
    """Make it that many days older."""
    with bench.store.database.mark() as cx:
        by = round(days * DAY * 1000)
        cx.execute("UPDATE messages SET created_at = created_at - ? WHERE id = ?", (by, message.id))
        cx.execute("UPDATE challenges SET created_at = created_at - ? WHERE id = ?", (by, message.challenge_id))


def end(bench: Bench, message: Message) -> None:
    """Cancelled before anything left."""
    assert bench.cancel(message).final


def close(bench: Bench, message: Message) -> None:
    """Its challenge was cancelled when it was made."""
    identity = message.challenge_id
    bench.store.database.accept(
        lambda cx: bench.store.challenges.close(cx, identity, ChallengeState.CANCELLED, bench.now)
    )
    with bench.store.database.mark() as cx:
        cx.execute("UPDATE challenges SET closed_at = created_at WHERE id = ?", (identity,))


def fill(bench: Bench, count: int, days_ago: float, *, behind: int = 0) -> None:
    """So many final messages with attempts, tags, reports, timelines and events, by SQL alone: for numbers' sake."""
    at = round((bench.now.wall - days_ago * DAY) * 1000)
    with bench.store.database.mark() as cx:
        query = "SELECT coalesce(max(seq), ?) + 1 FROM messages WHERE seq BETWEEN ? AND ?"
        first = cx.execute(query, (behind, behind, behind + 1_000_000)).fetchone()[0]
        for seq in range(first, first + count):
            _insert(cx, seq, at)


def _insert(cx: sqlite3.Connection, seq: int, at: int) -> None:
    cx.execute(
        "INSERT INTO messages (seq, id, client, recipient, lane, state, final, parts, encoding, report, flash, silent,"
        " on_unknown, home, created_at, expires_at, expires_boot, spare, check_boot, accepted_boot)"
        " VALUES (?, ?, 'shop', '+447700900101', 2, 'sent', 1, 1, 'gsm7', 1, 0, 0, 'hold', 'route:', ?, ?, 0, 0, 0, 1)",
        (seq, f"m{seq}", at, at),
    )
    cx.execute(
        "INSERT INTO attempts (id, message, part, generation, number, kind, lane, position, state, queue,"
        " concat_reference, recipient_tail) VALUES (?, ?, 1, 0, 1, 'first', 2, ?, 'accepted', 'route:', 7, '00900101')",
        (seq, seq, seq * 256),
    )
    cx.execute("INSERT INTO timeline (message, at, state) VALUES (?, ?, 'sent')", (seq, at))
    cx.execute("INSERT INTO message_tags VALUES ('a', ?)", (seq,))
    cx.execute(
        "INSERT INTO reports (digest, imsi, mr, recipient_tail, status, received_at, outcome, attempt, raw)"
        " VALUES (?, 'i', 1, '00900101', 0, ?, 'matched', ?, x'00')",
        (str(seq).encode(), at, seq),
    )
    cx.execute("INSERT INTO events (id, at, kind, subject, body) VALUES (?, ?, 'message.sent', 'm', x'00')", (seq, at))


def steps(bench: Bench, action: Callable[[], object]) -> int:
    """Steps of SQLite's machine that an action takes, on whichever connection."""
    database = bench.store.database
    with database.read():
        pass
    with database.read() as reader:
        connections = [database._connection, reader]
    taken = [0]

    def step() -> int:
        taken[0] += 1
        return 0

    for connection in connections:
        connection.set_progress_handler(step, 1)
    action()
    for connection in connections:
        connection.set_progress_handler(None, 0)
    return taken[0]


@pytest.mark.parametrize("index", ["reports_attempt", "tags_message", "timeline_message"])
def test_the_measure_sees_a_foreign_key_that_reads_a_table_to_its_end(bench: Bench, index: str) -> None:
    fill(bench, 3000, days_ago=1.0, behind=YOUNG)
    cost(bench, 50)
    few = cost(bench, 50)
    with bench.store.database.mark() as cx:
        cx.execute(f"DROP INDEX {index}")
    assert cost(bench, 50) > 3 * few
