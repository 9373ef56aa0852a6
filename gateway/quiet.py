"""Quiet hours, and moments on the clock of a time zone: exact over midnight and over the days the clock is changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

_WRITTEN = re.compile(r"([01]\d|2[0-3]):([0-5]\d) ?- ?([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_NEAR = (-2, -1, 0, 1)  # days around a moment in which quiet hours that hold then may have begun


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one time of the day to another, over midnight where the second is not the later one."""

    begin: int
    """Minutes after midnight."""
    end: int
    """Minutes after midnight; not quiet any more."""

    def __str__(self) -> str:
        return f"{self.begin // 60:02}:{self.begin % 60:02}-{self.end // 60:02}:{self.end % 60:02}"

    def until(self, wall: float, zone: tzinfo) -> float | None:
        """When the quiet hours that hold at `wall` end, in Unix seconds; None where none do."""
        today = datetime.fromtimestamp(wall, zone).date()
        ends = None
        for days in _NEAR:
            begins, over = self._on(today + timedelta(days), zone)
            if begins <= wall < over:
                wall = ends = over  # the next ones may begin before these end, where an hour comes twice
        return ends

    def cover(self, begin: float, end: float, zone: tzinfo) -> bool:
        """Whether it is quiet from `begin` to `end` (Unix seconds) without a break."""
        until = self.until(begin, zone)
        return until is not None and until >= end

    def _on(self, day: date, zone: tzinfo) -> tuple[float, float]:
        last = day + timedelta(days=self.end <= self.begin)
        return moment(day, self.begin, zone), moment(last, self.end, zone, last=True)


def quiet_hours(value: object) -> QuietHours:
    """Quiet hours from a string like "21:00-08:00"; raises ValueError."""
    if isinstance(value, QuietHours):
        return value
    match = _WRITTEN.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError('write quiet hours like "21:00-08:00"')
    hours, minutes, end_hours, end_minutes = (int(number) for number in match.groups())
    found = QuietHours(60 * hours + minutes, 60 * end_hours + end_minutes)
    if found.begin == found.end:
        raise ValueError("quiet hours must end at another time than they begin; leave the key out for none")
    return found


def moment(day: date, minute: int, zone: tzinfo, *, last: bool = False) -> float:
    """When a clock of that zone shows `minute` (minutes after midnight) on `day`, in Unix seconds.

    Where the clock shows it twice that day, the first time, or the `last`; where it jumps over it, when it jumps.
    """
    shown = datetime.combine(day, time(minute // 60, minute % 60), zone)
    first, second = shown.timestamp(), shown.replace(fold=1).timestamp()
    if first > second:  # PEP 495: a time that does not exist
        return _jump(round(second), round(first), zone)
    return second if last else first


def _jump(before: int, after: int, zone: tzinfo) -> float:
    """The second between the two at which the zone's clock is changed."""
    offset = datetime.fromtimestamp(before, UTC).astimezone(zone).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if datetime.fromtimestamp(middle, UTC).astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return float(after)
