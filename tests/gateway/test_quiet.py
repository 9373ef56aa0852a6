"""Quiet hours over midnight and over the days on which a zone changes its clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.quiet import QuietHours, moment, quiet_hours

LONDON = ZoneInfo("Europe/London")
ZONES = [
    ZoneInfo(name)
    for name in (
        *("UTC", "Europe/London", "America/New_York"),
        *("Australia/Lord_Howe", "Africa/Cairo", "Pacific/Apia"),  # by half an hour; at midnight; a whole day in 2011
    )
]
MINUTES = st.integers(0, 24 * 60 - 1)
HOURS = st.tuples(MINUTES, MINUTES).filter(lambda pair: pair[0] != pair[1]).map(lambda pair: QuietHours(*pair))
MOMENTS = st.integers(1_290_000_000, 1_900_000_000).map(float) | st.sampled_from(
    [float(second) for base in (1_774_746_000, 1_792_890_000, 1_325_239_200) for second in range(base, base + 7200, 60)]
)


def at(written: str) -> float:
    return datetime.fromisoformat(written).replace(tzinfo=UTC).timestamp()


def reads(hours: QuietHours, wall: float, zone: ZoneInfo) -> bool:
    """Whether the clock on the wall shows a time between the two."""
    shown = datetime.fromtimestamp(wall, zone)
    minute = shown.hour * 60 + shown.minute
    if hours.begin < hours.end:
        return hours.begin <= minute < hours.end
    return minute >= hours.begin or minute < hours.end


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-01-15 20:59:59", None),
        ("2026-01-15 21:00:00", "2026-01-16 08:00:00"),
        ("2026-01-16 00:00:00", "2026-01-16 08:00:00"),
        ("2026-01-16 07:59:59", "2026-01-16 08:00:00"),
        ("2026-01-16 08:00:00", None),
        ("2026-03-28 21:00:00", "2026-03-29 07:00:00"),  # the clock is set forward that night: ten hours
        ("2026-10-24 20:00:00", "2026-10-25 08:00:00"),  # and back: twelve
        ("2026-10-24 19:59:59", None),
    ],
)
def test_a_night_in_london(now: str, until: str | None) -> None:
    assert quiet_hours("21:00-08:00").until(at(now), LONDON) == (until and at(until))


def test_an_hour_that_comes_twice_is_quiet_both_times_and_one_that_is_left_out_ends_at_the_jump() -> None:
    assert quiet_hours("00:30-01:30").until(at("2026-10-24 23:30"), LONDON) == at("2026-10-25 01:30")
    assert quiet_hours("00:30-01:30").until(at("2026-03-29 00:30"), LONDON) == at("2026-03-29 01:00")
    assert moment(date(2026, 3, 29), 90, LONDON) == at("2026-03-29 01:00")
    assert moment(date(2026, 10, 25), 90, LONDON) == at("2026-10-25 00:30")
    assert moment(date(2026, 10, 25), 90, LONDON, last=True) == at("2026-10-25 01:30")


@given(hours=HOURS, wall=MOMENTS, zone=st.sampled_from(ZONES))
def test_it_is_quiet_when_the_clock_says_so(hours: QuietHours, wall: float, zone: ZoneInfo) -> None:
    until = hours.until(wall, zone)
    if reads(hours, wall, zone):
        assert until is not None
    elif until is not None:  # only where the clock was, or is about to be, set back: those hours come twice
        offsets = {datetime.fromtimestamp(wall + hour * 3600, zone).utcoffset() for hour in (-3, 3)}
        assert len(offsets) == 2


@given(hours=HOURS, wall=MOMENTS, zone=st.sampled_from(ZONES), share=st.floats(0, 1, exclude_max=True))
def test_quiet_hours_end_when_they_said_and_not_before(
    hours: QuietHours, wall: float, zone: ZoneInfo, share: float
) -> None:
    until = hours.until(wall, zone)
    if until is None:
        return
    assert wall < until <= wall + 50 * 3600
    assert hours.until(until, zone) is None
    between = wall + share * (until - wall)
    assume(between < until)  # a share just below 1 is rounded up to it
    assert hours.until(between, zone) == until
    assert hours.cover(between, until, zone)
    assert not hours.cover(between, until + 1, zone)


@given(days=st.integers(0, 3650), minute=MINUTES, zone=st.sampled_from(ZONES))
def test_a_moment_is_the_first_at_which_the_clock_shows_that_time_or_more(
    days: int, minute: int, zone: ZoneInfo
) -> None:
    day = date(2020, 1, 1) + timedelta(days)
    found = moment(day, minute, zone)
    shown = datetime.combine(day, time(minute // 60, minute % 60))
    assert datetime.fromtimestamp(found, zone).replace(tzinfo=None) >= shown
    assert datetime.fromtimestamp(found - 1, zone).replace(tzinfo=None) < shown
    assert found <= moment(day, minute, zone, last=True) <= found + 3 * 3600


@given(hours=HOURS)
def test_what_is_written_is_read_back(hours: QuietHours) -> None:
    assert quiet_hours(str(hours)) == hours == quiet_hours(hours)


@pytest.mark.parametrize("written", ["", "21-8", "21:00", "24:00-08:00", "21:60-08:00", "08:00-08:00", 21, None])
def test_what_cannot_be_read(written: object) -> None:
    with pytest.raises(ValueError, match="quiet hours"):
        quiet_hours(written)
