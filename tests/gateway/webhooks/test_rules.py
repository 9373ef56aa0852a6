"""What follows from an answer, by the rules alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.webhooks.rules import PAUSES, SCHEDULE, Verdict, again, judge, pause, seconds_asked

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z
DAY = 86_400.0
FAILED = Verdict("waiting", "answered 500")


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_done(status: int) -> None:
    assert judge(status, None, NOW) == Verdict("done")


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 404, 422, 429, 500, 502, 503, 599, 103])
def test_anything_else_is_tried_again(status: int) -> None:
    verdict = judge(status, None, NOW)
    assert (verdict.state, verdict.asked) == ("waiting", None)
    assert str(status) in (verdict.error or "")


def test_a_redirect_says_that_it_is_one() -> None:
    assert "redirects are not followed" in (judge(302, None, NOW).error or "")


def test_gone_ends_an_event_at_once() -> None:
    assert again(judge(410, None, NOW), 0, DAY, 0.5).state == "dead"


def test_the_waits_grow_by_the_schedule() -> None:
    waits = [again(FAILED, attempts, DAY, 0.5).wait for attempts in range(9)]
    assert waits == [1, 5, 30, 120, 600, 1800, 3600, 3600, 3600]


@given(st.integers(0, 100), st.floats(0, 1), st.floats(-10, DAY))
def test_a_wait_is_within_a_tenth_of_the_schedule_and_of_the_time_that_is_left(
    attempts: int, chance: float, left: float
) -> None:
    verdict = again(FAILED, attempts, left, chance)
    planned = SCHEDULE[min(attempts, len(SCHEDULE) - 1)]
    assert 0.9 * planned - 1e-9 <= verdict.wait <= 1.1 * planned + 1e-9
    assert (verdict.state == "waiting") == (verdict.wait <= left)


def test_a_day_of_failures_ends_with_a_dead_letter() -> None:
    left, attempts = DAY, 0
    while (verdict := again(FAILED, attempts, left, 0.5)).state == "waiting":
        left, attempts = left - verdict.wait, attempts + 1
    assert verdict.state == "dead"
    assert 25 < attempts < 40
    assert left < 3600


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60),
        ("Wed, 31 Dec 2025 23:59:00 GMT", 0),
        ("9" * 4000, DAY),
        ("Fri, 01 Jan 2027 00:00:00 GMT", DAY),
        ("Mon, 01 Jan 99999999999 00:00:00 GMT", None),
        ("Mon, 99999999999999999999 Jan 2026 00:00:00 GMT", None),
        ("Mon, 01 Jan 2026 00:00:00 +99999999999999", None),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
        ("Thu, 99 Foo 2026", None),
        (None, None),
    ],
)
def test_what_an_endpoint_asks_for(written: str | None, seconds: float | None) -> None:
    assert seconds_asked(written, NOW) == seconds


@given(st.text())
def test_no_header_breaks_the_rules(written: str) -> None:
    asked = seconds_asked(written, NOW)
    assert asked is None or 0 <= asked <= DAY


def test_retry_after_is_kept_to_with_429_and_503_only() -> None:
    for status in (429, 503):
        verdict = again(judge(status, "120", NOW), 0, DAY, 0.5)
        assert verdict.wait == 120
        assert pause(1, verdict, 0.5) == 120
    assert judge(500, "120", NOW).asked is None
    assert again(judge(503, "1", NOW), 3, DAY, 0.5).wait == 120, "a wait is never shortened"


def test_a_long_retry_after_leaves_one_last_try() -> None:
    verdict = again(judge(503, "7200", NOW), 0, 3600.0, 0.5)
    assert (verdict.state, verdict.wait) == ("waiting", 3600)


def test_an_endpoint_is_left_alone_after_three_events_that_failed() -> None:
    assert [pause(failed, FAILED, 0.5) for failed in range(1, 9)] == [0, 0, *PAUSES, PAUSES[-1], PAUSES[-1]]
