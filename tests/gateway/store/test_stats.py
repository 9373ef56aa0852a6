"""What became of messages, counted: exact numbers on a small set, against a clock that stands still."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.messages import Lane, Message
from gateway.store import ChallengeState, percentile

from .bench import ANY, CODE, ONE, TWO, Bench

DAY = 86_400.0


@pytest.fixture
def references() -> Iterator[int]:
    return count(1)


def journey(bench: Bench, mr: int, sent: float, delivered: float | None = None, message: Message | None = None) -> None:
    """A message that is sent after so many seconds, and delivered so many after its acceptance."""
    if message is None:
        bench.add()
    bench.clock.advance(sent)
    bench.send(mr)
    if delivered is not None:
        bench.clock.advance(delivered - sent)
        bench.report(mr)


def test_nothing_was_sent(bench: Bench) -> None:
    found = bench.store.stats.window(DAY, bench.now)
    assert (found.every.total, found.every.delivered_share, found.challenges, found.sampled) == (0, None, 0, False)
    assert (found.modems, found.countries, found.purposes) == ({}, {}, {})


def test_states_times_and_shares(bench: Bench, references: Iterator[int]) -> None:
    for seconds in (1, 2, 3):
        journey(bench, next(references), seconds, seconds + 10)
    journey(bench, next(references), 4)
    bench.add()
    found = bench.store.stats.window(DAY, bench.now)
    assert found.every.states == Counter(delivered=3, sent=1, queued=1)
    assert found.every.delivered_share == 0.6
    assert sorted(found.every.to_sent) == [1000, 2000, 3000, 4000]
    assert sorted(found.every.to_delivered) == [11_000, 12_000, 13_000]


def test_by_modem_country_and_purpose(bench: Bench) -> None:
    bench.add(replace(ANY, country="FR"))
    bench.send(1, ONE)
    bench.add(replace(ANY, country=None))
    bench.send(1, TWO)
    bench.add_code(purpose="login")
    bench.add_code(replace(CODE, to="+447700900102"), purpose="transaction")
    found = bench.store.stats.window(DAY, bench.now)

    def totals(groups: dict[str, object]) -> dict[str, int]:
        return {name: group.total for name, group in groups.items()}  # type: ignore[attr-defined]

    assert totals(found.modems) == {"one": 1, "two": 1, None: 2}
    assert totals(found.countries) == {"FR": 1, None: 1, "GB": 2}
    assert totals(found.purposes) == {"message": 2, "login": 1, "transaction": 1}
    assert found.modems["one"].states == Counter(sent=1)


def test_codes_and_how_many_of_them_came_to_something(bench: Bench) -> None:
    first, *_ = [bench.add_code(replace(CODE, to=f"+4477009001{place:02}")) for place in range(4)]
    bench.add(replace(CODE, challenge_id=first.challenge_id))  # the same code once more
    bench.add(replace(ANY, lane=Lane.OTP))  # a code that its client made
    with bench.store.database.mark() as cx:
        assert first.challenge_id is not None
        bench.store.challenges.close(cx, first.challenge_id, ChallengeState.APPROVED, bench.now)
    found = bench.store.stats.window(DAY, bench.now)
    assert (found.challenges, found.code_sends, found.approved) == (4, 5, 1)


def test_the_window_and_whose_it_is(bench: Bench) -> None:
    bench.add()
    bench.clock.advance(60)
    bench.add(replace(ANY, client="bank"))
    bench.add()
    window = bench.store.stats.window
    assert window(60, bench.now).every.total == 3
    assert window(59.999, bench.now).every.total == 2
    assert window(60, bench.now, "shop").every.total == 2
    assert window(59.999, bench.now, "shop").every.total == 1
    assert window(60, bench.now, "nobody").every.total == 0
    bench.clock.advance(DAY)
    assert window(60, bench.now).every.total == 0


def test_time_begins_when_a_message_may_go(bench: Bench) -> None:
    message = bench.add(replace(ANY, not_before=bench.now.wall + 100))
    bench.wake(100)
    journey(bench, 1, 3, 5, message)
    found = bench.store.stats.window(DAY, bench.now)
    assert (list(found.every.to_sent), list(found.every.to_delivered)) == ([3000], [5000])


def test_a_clock_that_was_set_back_gives_no_negative_times(bench: Bench) -> None:
    bench.add()
    bench.clock.step_wall(-30)
    bench.send(1)
    bench.clock.step_wall(30)
    assert bench.store.stats.window(DAY, bench.now).every.to_sent.tolist() == [0]


def test_the_newest_are_counted_where_there_are_too_many(bench: Bench) -> None:
    for _ in range(5):
        bench.clock.advance(1)
        bench.add()
    window = bench.store.stats.window
    whole = window(DAY, bench.now, most=5)
    assert (whole.every.total, whole.sampled) == (5, False)
    part = window(DAY, bench.now, most=2)
    assert (part.every.total, part.sampled, part.until - part.since) == (2, True, 1000)


@given(st.lists(st.integers(0, 50), min_size=1), st.sampled_from([1, 50, 90, 95, 99, 100]))
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(values: list[int], percent: int) -> None:
    found = percentile(sorted(values), percent)
    need = percent * len(values)
    assert sum(value <= found for value in values) * 100 >= need
    assert sum(value < found for value in values) * 100 < need


def test_there_is_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 50)
