"""Sliding windows: never more than the rate in any window of its length, and hardly ever less than it allows."""

from __future__ import annotations

import threading
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from gateway.quantities import Rate
from gateway.windows import BUCKETS, Shares, Windows

LENGTHS = st.sampled_from([1.0, 1.5, 7.0, 60.0, 601.3])
RATES = st.lists(st.builds(Rate, st.integers(1, 6), LENGTHS), min_size=1, max_size=3)
STEPS = st.one_of(
    st.just(0.0),
    st.floats(0, 2),
    st.floats(0, 100),
    st.builds(lambda length, share: length * share, LENGTHS, st.floats(0.985, 1.015)),
)
EVENTS = st.lists(st.tuples(STEPS, st.sampled_from("ab"), st.integers(1, 3)), max_size=60)
START = 1234.5678


def moments(events: list[tuple[float, str, int]]) -> list[tuple[float, str, int]]:
    """The events with absolute times."""
    times = accumulate((step for step, _, _ in events), initial=START)
    return [(at, who, n) for at, (_, who, n) in zip(list(times)[1:], events, strict=True)]


@given(RATES, EVENTS)
def test_no_window_ever_holds_more_than_the_rate(rates: list[Rate], events: list[tuple[float, str, int]]) -> None:
    windows = Windows(rates)
    granted = [(at, who, n) for at, who, n in moments(events) if windows.reserve(who, at, n).exceeded is None]
    for rate in rates:
        for begin, who, _ in granted:
            inside = sum(n for at, other, n in granted if other == who and begin <= at <= begin + rate.window)
            assert inside <= rate.count


@given(st.floats(0, 1e7), LENGTHS, st.floats(0, 0.02))
def test_a_place_is_not_free_before_its_window_is_over(at: float, length: float, share: float) -> None:
    windows = Windows([Rate(2, length)])
    assert windows.reserve("a", at, 2).exceeded is None
    assert windows.reserve("a", at + length * (1 - share)).exceeded is not None
    assert windows.reserve("a", at + length * 1.01 + 0.002).exceeded is None


@given(RATES, EVENTS)
def test_what_a_window_that_is_a_hundredth_longer_allows_is_granted(
    rates: list[Rate], events: list[tuple[float, str, int]]
) -> None:
    windows = Windows(rates)
    granted: list[tuple[float, str, int]] = []
    for at, who, n in moments(events):
        allowed = all(
            n + sum(m for then, other, m in granted if other == who and then > at - rate.window * 1.01 - 0.102)
            <= rate.count
            for rate in rates
        )
        reservation = windows.reserve(who, at, n)
        assert not (allowed and reservation.exceeded)
        if reservation.exceeded is None:
            granted.append((at, who, n))


@given(RATES, EVENTS, st.integers(1, 6))
def test_whoever_waits_as_long_as_told_is_let_in_and_nobody_before(
    rates: list[Rate], events: list[tuple[float, str, int]], n: int
) -> None:
    windows = Windows(rates)
    now = START
    for at, who, count in moments(events):
        windows.reserve(who, at, count)
        now = at
    exceeded = windows.reserve("a", now, n).exceeded
    if exceeded is None or n > min(rate.count for rate in rates):
        return
    early = windows.reserve("a", now + exceeded.retry_after - 0.0015, n)
    assert early.exceeded is not None
    assert windows.reserve("a", now + exceeded.retry_after, n).exceeded is None


@given(RATES, EVENTS, st.sets(st.integers(0, 59)))
def test_what_is_given_back_was_never_there(
    rates: list[Rate], events: list[tuple[float, str, int]], extra: set[int]
) -> None:
    windows, twin = Windows(rates), Windows(rates)
    for place, (at, who, n) in enumerate(moments(events)):
        if place in extra:
            taken = windows.reserve(who, at, 1)
            taken.refund()
            taken.refund()
        assert windows.reserve(who, at, n).exceeded == twin.reserve(who, at, n).exceeded


@given(RATES, EVENTS)
def test_what_is_restored_counts_as_it_did(rates: list[Rate], events: list[tuple[float, str, int]]) -> None:
    before, after = Windows(rates), Windows(rates)
    now = START
    for at, who, n in moments(events):
        if before.reserve(who, at, n).exceeded is None:
            after.restore(who, at, n)
        now = at
    for who in "ab":
        assert before.reserve(who, now).exceeded == after.reserve(who, now).exceeded


def test_a_request_that_is_too_large_alone_waits_until_all_is_free() -> None:
    windows = Windows([Rate(3, 60.0)])
    exceeded = windows.reserve("a", 1000.0, 4).exceeded
    assert exceeded is not None
    assert exceeded.retry_after == 60.0
    for second in range(3):
        windows.reserve("a", 1000.0 + second)
    exceeded = windows.reserve("a", 1010.0, 4).exceeded
    assert exceeded is not None
    assert windows.reserve("a", 1010.0 + exceeded.retry_after, 3).exceeded is None


def test_the_same_places_are_given_back_once() -> None:
    windows = Windows([Rate(2, 60.0)])
    windows.reserve("a", 1000.0)
    second = windows.reserve("a", 1000.0)
    second.refund()
    second.refund()
    assert windows.reserve("a", 1000.0).exceeded is None
    assert windows.reserve("a", 1000.0).exceeded is not None


def test_places_are_taken_under_every_rate_or_under_none() -> None:
    windows = Windows([Rate(1, 1.0), Rate(2, 60.0)])
    assert windows.reserve("a", 1000.0).exceeded is None
    for _ in range(5):
        refused = windows.reserve("a", 1000.5).exceeded
        assert refused is not None
        assert refused.rate == Rate(1, 1.0)
    assert windows.reserve("a", 1002.0).exceeded is None
    assert windows.reserve("a", 1004.0).exceeded is not None


def test_threads_cannot_share_the_last_place() -> None:
    windows = Windows([Rate(20, 60.0)])
    granted: list[int] = []
    begin = threading.Barrier(8)

    def work() -> None:
        begin.wait()
        for place in range(50):
            reservation = windows.reserve("a", 1000.0 + place / 100)
            if reservation.exceeded is None and place % 2:
                reservation.refund()
            elif reservation.exceeded is None:
                granted.append(place)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == 20


def test_memory_is_bounded_by_subjects_and_buckets() -> None:
    windows = Windows([Rate(5, 100.0)], most=10)
    for place in range(10):
        assert windows.reserve(place, 1000.0 + place).exceeded is None
    full = windows.reserve("one more", 1010.0).exceeded
    assert full is not None
    assert len(windows) == 10
    assert windows.reserve("one more", 1010.0 + full.retry_after).exceeded is None
    assert len(windows) == 10
    busy = Windows([Rate(1_000_000, 100.0)])
    for place in range(20_000):
        assert busy.reserve("a", 1200.0 + place / 100).exceeded is None
    (window,) = busy._windows
    assert len(window._subjects["a"]) <= 2 * (BUCKETS + 1)


SENT = st.lists(st.tuples(st.floats(0, 300), st.booleans()), min_size=1, max_size=40)


@given(SENT, st.integers(1, 8), st.floats(0.1, 1.0))
def test_a_share_recovers_exactly_when_it_is_told(sent: list[tuple[float, bool]], enough: int, least: float) -> None:
    shares = Shares(3600.0, 300.0)
    at = START
    for step, good in sent:
        at += step
        shares.made("a", at)
        if good:
            shares.good("a", at)

    def low(now: float) -> bool:
        made, good = shares.share("a", now)
        return made >= enough and good < least * made

    wait = shares.wait("a", at, enough, least)
    assert not low(at + wait)
    assert wait == 0 or (low(at) and low(at + wait - 0.002))


def test_young_codes_are_not_judged_and_old_ones_are_forgotten() -> None:
    shares = Shares(3600.0, 300.0)
    for _ in range(4):
        shares.made("a", 1000.0)
    shares.good("a", 1010.0)
    assert shares.share("a", 1200.0) == (0, 0)
    assert shares.share("a", 1400.0) == (4, 1)
    assert shares.share("b", 1400.0) == (0, 0)
    assert shares.share("a", 4700.0) == (0, 0)


def test_more_goods_than_made_never_count() -> None:
    shares = Shares(3600.0, 300.0)
    shares.made("a", 1000.0, 2)
    for _ in range(5):
        shares.good("a", 1000.0)
    assert shares.share("a", 2000.0) == (2, 2)


def test_shares_forget_those_that_were_heard_of_least_lately() -> None:
    shares = Shares(3600.0, 300.0, most=2)
    for subject in "aba":
        shares.made(subject, 1000.0)
    shares.made("c", 1000.0)
    assert [shares.share(subject, 2000.0)[0] for subject in "abc"] == [2, 0, 1]
