"""What was true when it was looked at, and is not any more when the lock is held."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from gateway.messages import MessageState

from .bench import CODE, ONE, PLANNED, TWO, Bench
from .test_outbox_time import MINUTE
from .test_outbox_unknown import sent_code

S = MessageState


@contextmanager
def held_up(bench: Bench, *calls: Callable[[], Any]) -> Iterator[list[Any]]:
    """The calls have looked and wait for the lock; they go on one after the other when the block ends."""
    results: list[Any] = []
    threads = [threading.Thread(target=lambda call=call: results.append(call())) for call in calls]
    with bench.store.database.mark():
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 30
        while bench.store.database._writer._lock.urgent_waiting < len(calls):
            assert time.monotonic() < deadline, "a call did not come to the lock"
            time.sleep(0.001)
        yield results
    for thread in threads:
        thread.join()


def test_two_rounds_at_once_open_one_second_way(bench: Bench) -> None:
    bench.add(CODE)
    bench.begin(ONE)
    bench.clock.advance(15)

    def hedge() -> int:
        return bench.store.outbox.hedge_due(bench.now, 15, PLANNED)

    with held_up(bench, hedge, hedge) as results:
        pass
    assert sorted(results) == [0, 1]
    bench.send(1, TWO)
    assert bench.nothing_for(TWO)


@pytest.mark.parametrize("since", ["kind = 'hedge'", "state = 'refused'"])
def test_no_second_way_where_one_is_on_the_air_or_the_first_is_over_by_then(bench: Bench, since: str) -> None:
    bench.add(CODE)
    bench.begin(ONE)
    bench.clock.advance(15)
    with held_up(bench, lambda: bench.store.outbox.hedge_due(bench.now, 15, PLANNED)) as results:
        bench.store.database._connection.execute(f"UPDATE attempts SET {since}")
    assert results == [0]


def test_two_rounds_at_once_send_an_unconfirmed_code_once_more(bench: Bench) -> None:
    sent_code(bench)
    bench.clock.advance(45)

    def again() -> int:
        return bench.store.outbox.unconfirmed_due(bench.now, 45, PLANNED)

    with held_up(bench, again, again) as results:
        pass
    assert sorted(results) == [0, 1]
    bench.send(2, TWO)
    assert bench.nothing_for(TWO)


def test_no_second_copy_where_the_report_comes_between_the_look_and_the_lock(bench: Bench) -> None:
    sent_code(bench)
    bench.clock.advance(45)
    with held_up(bench, lambda: bench.store.outbox.unconfirmed_due(bench.now, 45, PLANNED)) as results:
        bench.store.database._connection.execute("UPDATE attempts SET report_status = 48 WHERE mr = 1")  # still trying
    assert results == [0]


def test_a_lifetime_that_ends_while_the_lock_is_waited_for_begins_nothing(bench: Bench) -> None:
    message = bench.add(MINUTE)
    attempt, asked = bench.claim(), bench.now
    with held_up(bench, lambda: bench.store.outbox.begin(attempt.id, asked)) as results:
        bench.clock.advance(60)
    assert results == [False]
    bench.wake()
    assert bench.state(message) == (S.EXPIRED, "expired_in_queue")
    assert bench.message(message).attempts == 0


@pytest.mark.parametrize("seconds", [59, 60])
def test_a_lifetime_that_ends_while_the_mark_is_synced_counts_nothing_as_sent(bench: Bench, seconds: int) -> None:
    message = bench.add(MINUTE)
    attempt = bench.claim()
    connection = bench.store.database._connection

    def slow_sync(statement: str) -> None:
        if statement == "COMMIT":
            connection.set_trace_callback(None)
            bench.clock.advance(seconds)

    connection.set_trace_callback(slow_sync)
    begun = bench.store.outbox.begin(attempt.id, bench.now)
    assert begun is (seconds < 60)
    if not begun:
        assert bench.state(message) == (S.EXPIRED, "expired_in_queue")
        assert bench.message(message).attempts == 0
        assert bench.timeline(message)[-1].result == "not sent: its lifetime ended first"
        bench.store.outbox.release(attempt.id, bench.now)
        assert bench.crash() == (0, 0)
