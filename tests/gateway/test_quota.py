"""The arithmetic of quotas, against a count by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.messages import Lane
from gateway.quota import (
    PER_DAY,
    PER_HOUR,
    PER_MONTH,
    RECIPIENTS,
    Bounds,
    QuotaRules,
    QuotaUse,
    Sent,
    Tally,
    bounds,
    month,
    uses,
)
from hardware.clock import FakeClock

UTC_ZONE = ZoneInfo("UTC")
DAY = 86_400
LIMITS = st.none() | st.integers(1, 12)
RULES = st.builds(
    QuotaRules,
    per_hour=LIMITS,
    per_day=LIMITS,
    per_month=LIMITS,
    month_starts=st.integers(1, 31),
    otp_share=st.sampled_from([0.0, 0.1, 0.2, 0.25, 0.5, 1.0]),
)
PASSES = st.sampled_from([0.0, 1.0, 60.0, 1800.0, 3599.0, 3600.0, 6 * 3600.0, 86_400.0, 20 * 86_400.0])
STEPS = st.sampled_from([0.0, 0.0, 0.0, -2 * 86_400.0, -3600.0, 5.0, 3600.0, 86_400.0])
LANES = st.sampled_from(list(Lane))


def begin_by_hand(starts: int, wall: float) -> datetime:
    """Walk back to the day on which the plan renewed."""
    day = datetime.fromtimestamp(wall, UTC).date()
    while day.day != min(starts, ((day.replace(day=28) + timedelta(4)).replace(day=1) - timedelta(1)).day):
        day -= timedelta(1)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@settings(deadline=None)
@given(rules=RULES, story=st.lists(st.tuples(PASSES, STEPS, LANES, st.booleans()), max_size=40))
def test_use_is_what_a_count_by_hand_gives_whatever_the_wall_clock_does(
    rules: QuotaRules, story: list[tuple[float, float, Lane, bool]]
) -> None:
    clock, tally = FakeClock(), Tally(rules.looks_back)
    left: list[float] = []
    for number, (passes, step, lane, refused) in enumerate(story):
        clock.advance(passes)
        clock.step_wall(step)
        now = clock.now()
        tally.begun(number, lane, now.boot)
        if refused:
            tally.refused(number)
        else:
            left.append(now.boot)
        ages = [now.boot - one for one in left]
        today = now.wall % DAY
        this_month = now.wall - begin_by_hand(rules.month_starts, now.wall).timestamp()
        expected = {
            PER_HOUR: sum(age < 3600 for age in ages),
            PER_DAY: sum(age <= today for age in ages),
            PER_MONTH: sum(age <= this_month for age in ages),
        }
        found = uses(rules, tally, 0, now, UTC_ZONE)
        assert {use.rule: use.used for use in found} == {
            rule: count for rule, count in expected.items() if getattr(rules, rule) is not None
        }


@given(rules=RULES, story=st.lists(st.tuples(PASSES, LANES), max_size=60))
def test_who_keeps_to_the_bounds_never_passes_a_quota_and_leaves_room_for_codes(
    rules: QuotaRules, story: list[tuple[float, Lane]]
) -> None:
    clock, tally = FakeClock(), Tally(rules.looks_back)
    for number, (passes, lane) in enumerate(story):
        clock.advance(passes)
        now = clock.now()
        before = uses(rules, tally, 0, now, UTC_ZONE)
        may = bounds(before, paced=False, quiet=False, reserved=False, period=0)
        assert all(use.used <= use.limit for use in before)
        if may is not None and lane <= may.least:
            tally.begun(number, lane, now.boot)
            for use in uses(rules, tally, 0, now, UTC_ZONE):
                assert use.used <= (use.limit if lane is Lane.OTP else use.limit - use.otp_kept)
        else:
            assert any(not use.open_for(lane) for use in before)


@given(rules=RULES, story=st.lists(PASSES, min_size=1, max_size=30))
def test_more_may_be_sent_when_a_quota_said_that_it_renews(rules: QuotaRules, story: list[float]) -> None:
    clock, tally = FakeClock(), Tally(rules.looks_back)
    for number, passes in enumerate(story):
        clock.advance(passes)
        tally.begun(number, Lane.OTP, clock.boot())
    now = clock.now()
    for use in uses(rules, tally, 0, now, UTC_ZONE):
        assert use.renews_at is not None
        assert use.renews_at > now.wall
        later = {one.rule: one for one in uses(rules, tally, 0, now.after(use.renews_at - now.wall), UTC_ZONE)}
        assert later[use.rule].used < use.used
        if use.full:
            assert later[use.rule].open_for(Lane.OTP)
        elif not use.open_for(Lane.NORMAL) and use.otp_kept < use.limit:
            assert later[use.rule].open_for(Lane.NORMAL)


@given(limit=st.integers(1, 10_000), share=st.floats(0, 1))
def test_at_least_its_share_is_kept_for_codes_and_no_more_than_the_next_whole_part(limit: int, share: float) -> None:
    kept = QuotaRules(otp_share=share).kept(limit)
    assert limit * share - 0.001 <= kept <= limit * share + 1
    assert 0 <= kept <= limit


def test_eighty_of_a_hundred_are_for_everybody() -> None:
    assert [QuotaRules(otp_share=share).kept(100) for share in (0.0, 0.07, 0.2, 0.3, 1.0)] == [0, 7, 20, 30, 100]


@given(starts=st.integers(1, 31), days=st.integers(0, 4000), second=st.integers(0, DAY - 1))
def test_a_month_of_the_plan_holds_the_day_and_meets_the_next(starts: int, days: int, second: int) -> None:
    wall = datetime(2020, 1, 1, tzinfo=UTC).timestamp() + days * DAY + second
    begin, end = month(starts, wall, UTC_ZONE)
    assert begin == begin_by_hand(starts, wall).timestamp()
    assert begin <= wall < end
    assert month(starts, end, UTC_ZONE)[0] == end


def test_a_plan_that_renews_on_the_31st_renews_on_the_last_day_of_a_shorter_month() -> None:
    wall = datetime(2026, 2, 28, 12, tzinfo=UTC).timestamp()
    begin, end = (datetime.fromtimestamp(one, UTC).date() for one in month(31, wall, UTC_ZONE))
    assert (begin, end) == (date(2026, 2, 28), date(2026, 3, 31))


def test_days_begin_at_midnight_of_the_zone() -> None:
    clock = FakeClock(wall=datetime(2026, 7, 1, 22, 59, tzinfo=UTC).timestamp())  # 23:59 in London
    tally = Tally(2 * DAY)
    tally.begun(1, Lane.BULK, clock.boot())
    rules, london = QuotaRules(per_day=5), ZoneInfo("Europe/London")
    assert uses(rules, tally, 0, clock.now(), london)[0].used == 1
    clock.advance(60)
    assert uses(rules, tally, 0, clock.now(), london)[0].used == 0


def test_what_is_stored_counts_by_the_wall_clock_and_never_as_later_than_now() -> None:
    clock = FakeClock()
    now, tally = clock.now(), Tally(3600)
    tally.begun(3, Lane.OTP, now.boot)
    tally.load(
        [
            Sent(1, now.wall - 3500, Lane.BULK),
            Sent(2, now.wall + 1e6, Lane.OTP),  # the clock was ahead when it was sent
            Sent(3, now.wall - 1e6, Lane.OTP),  # counted here: its time is known better
        ],
        now,
    )
    assert tally.within(3600, now) == [now.boot - 3500, now.boot, now.boot]
    assert tally.last_other == now.boot - 3500
    assert len(tally.within(3600, now.after(100))) == 2
    assert tally.within(3600, now.after(3600)) == []


USE = QuotaUse(PER_DAY, 0, 10, 2, None)


@pytest.mark.parametrize(
    ("used", "flags", "expected"),
    [
        (0, {}, Bounds()),
        (7, {}, Bounds()),
        (8, {}, Bounds(Lane.OTP, finish=True)),
        (9, {"quiet": True}, Bounds(Lane.OTP, finish=True)),
        (10, {}, None),
        (11, {"quiet": True}, None),
        (0, {"quiet": True}, Bounds(Lane.NORMAL, finish=True)),
        (0, {"paced": True}, Bounds(Lane.OTP)),
        (8, {"paced": True}, Bounds(Lane.OTP)),
        (0, {"reserved": True}, Bounds(Lane.OTP)),
        (10, {"reserved": True}, None),
    ],
)
def test_what_may_be_claimed(used: int, flags: dict[str, bool], expected: Bounds | None) -> None:
    every = {"paced": False, "quiet": False, "reserved": False, **flags}
    assert bounds([replace(USE, used=used)], **every, period=0) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(("used", "known_from"), [(7, None), (8, Lane.HIGH), (9, Lane.HIGH), (10, Lane.OTP)])
def test_used_up_numbers_leave_those_that_are_known(used: int, known_from: Lane | None) -> None:
    use = replace(USE, rule=RECIPIENTS, used=used)
    assert bounds([use], paced=False, quiet=False, reserved=False, period=5) == Bounds(known_from=known_from, period=5)
