"""What a SIM may send: quotas, what of them is kept for codes, and the least time between two parts. Pure.

Parts count that the network took or may have taken. Their age is measured on the boot clock, and the calendar is read
from the wall clock as it is now: a wall clock that is stepped dates everything anew, and forgets nothing.
"""

from __future__ import annotations

import calendar
import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from gateway.messages import Lane
from gateway.quiet import moment
from hardware.clock import Instant

HOUR = 3600.0
_DAY_AT_MOST = 26 * HOUR  # seconds: a day on which the clock is set back, and some
_MONTH_AT_MOST = 33 * 24 * HOUR
PER_HOUR, PER_DAY, PER_MONTH, RECIPIENTS = "per_hour", "per_day", "per_month", "recipients_per_month"


@dataclass(frozen=True, slots=True)
class QuotaRules:
    """The quotas of one SIM; None: unlimited."""

    per_hour: int | None = None
    """Parts in any 3600 s."""
    per_day: int | None = None
    """Parts in a calendar day."""
    per_month: int | None = None
    """Parts in a month of the plan."""
    recipients_per_month: int | None = None
    """Different numbers in a month of the plan."""
    month_starts: int = 1
    """Day on which the plan's month begins; in a shorter month its last day."""
    otp_share: float = 0.2
    """Of each quota, kept for codes."""
    every: float = 0.0
    """Least seconds between two parts that are no codes."""

    def kept(self, limit: int) -> int:
        """How much of a quota is kept for codes."""
        return math.ceil(round(limit * self.otp_share, 6))

    @property
    def looks_back(self) -> float:
        """For how many seconds parts count at most."""
        spans = {PER_HOUR: HOUR, PER_DAY: _DAY_AT_MOST, PER_MONTH: _MONTH_AT_MOST}
        return max([self.every, *(span for rule, span in spans.items() if getattr(self, rule) is not None)])


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """How much of one quota is used."""

    rule: str
    """Name of the quota in the configuration."""
    used: int
    limit: int
    otp_kept: int
    """Of the limit, kept for codes."""
    renews_at: float | None
    """When more may be sent than now, in Unix seconds; None where nothing is used."""

    def open_for(self, lane: Lane) -> bool:
        """Whether it leaves room for a message of that lane."""
        return self.used < (self.limit if lane is Lane.OTP else self.limit - self.otp_kept)

    @property
    def full(self) -> bool:
        """Whether not even a code may be sent."""
        return not self.open_for(Lane.OTP)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a modem may claim now."""

    least: Lane = Lane.BULK
    """The least urgent lane of which messages may be begun."""
    finish: bool = False
    """Less urgent ones that this SIM has begun may be finished: the handset must join their parts."""
    known_from: Lane | None = None
    """From this lane on only to numbers that the SIM has sent to in `period`; None: to any."""
    period: int = 0
    """Begin of the plan's month, Unix milliseconds."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A part that has left, or may have."""

    attempt: int
    at: float
    """Unix seconds by the clock as it was then."""
    lane: Lane


class Tally:
    """When the parts of one SIM left, on the boot clock; those of an earlier boot have times below zero."""

    def __init__(self, looks_back: float) -> None:
        self._looks_back = looks_back
        self._times: list[float] = []
        self._own: dict[int, float] = {}
        self.last_other = -math.inf
        """When the newest part left that is no code, in boot-clock seconds."""

    def load(self, stored: Iterable[Sent], now: Instant) -> None:
        """Take in what is stored. One dated in the future counts as sent now, one counted here keeps its time."""
        times = list(self._own.values())
        for sent in stored:
            if sent.attempt not in self._own:
                left = now.boot - max(0.0, now.wall - sent.at)
                times.append(left)
                if sent.lane is not Lane.OTP:
                    self.last_other = max(self.last_other, left)
        self._times = sorted(times)

    def begun(self, attempt: int, lane: Lane, boot: float) -> None:
        """A part leaves now."""
        self._own[attempt] = boot
        insort(self._times, boot)
        if lane is not Lane.OTP:
            self.last_other = boot
        while self._times[0] < boot - self._looks_back:
            del self._times[0]
        while (oldest := next(iter(self._own))) != attempt and self._own[oldest] < boot - self._looks_back:
            del self._own[oldest]

    def refused(self, attempt: int) -> None:
        """It was refused after all: it does not count."""
        left = self._own.pop(attempt, None)
        if left is not None and (place := bisect_left(self._times, left)) < len(self._times):
            del self._times[place]

    def within(self, seconds: float, now: Instant) -> list[float]:
        """The boot-clock times of the parts that left less than so long ago, oldest first."""
        return self._times[bisect_right(self._times, now.boot - seconds) :]

    def since(self, wall: float, now: Instant) -> int:
        """How many parts left since that moment of the wall clock as it is now."""
        return len(self._times) - bisect_left(self._times, now.boot - (now.wall - wall))


def uses(rules: QuotaRules, tally: Tally, recipients: int, now: Instant, zone: tzinfo) -> tuple[QuotaUse, ...]:
    """How much is used of every quota that is set; `recipients`: different numbers in this month of the plan."""
    found = []
    if rules.per_hour is not None:
        found.append(_hour(rules, rules.per_hour, tally, now))
    if rules.per_day is not None:
        today = datetime.fromtimestamp(now.wall, zone).date()
        used, tomorrow = tally.since(moment(today, 0, zone), now), moment(today + timedelta(days=1), 0, zone)
        found.append(_calendar(rules, PER_DAY, used, rules.per_day, tomorrow))
    if rules.per_month is not None or rules.recipients_per_month is not None:
        begin, end = month(rules.month_starts, now.wall, zone)
        if rules.per_month is not None:
            found.append(_calendar(rules, PER_MONTH, tally.since(begin, now), rules.per_month, end))
        if rules.recipients_per_month is not None:
            found.append(_calendar(rules, RECIPIENTS, recipients, rules.recipients_per_month, end))
    return tuple(found)


def bounds(found: Iterable[QuotaUse], *, paced: bool, quiet: bool, reserved: bool, period: int) -> Bounds | None:
    """What may be claimed; None: nothing at all.

    `paced`: the last part is too young for another that is no code; `reserved`: the modem sends codes only.
    """
    counts = [use for use in found if use.rule != RECIPIENTS]
    numbers = [use for use in found if use.rule == RECIPIENTS]
    if any(use.full for use in counts):
        return None
    least = Lane.NORMAL if quiet else Lane.BULK
    if reserved or paced or any(not use.open_for(Lane.NORMAL) for use in counts):
        least = Lane.OTP
    known_from = None
    if any(not use.open_for(Lane.NORMAL) for use in numbers):
        known_from = Lane.OTP if any(use.full for use in numbers) else Lane.HIGH
    return Bounds(least, least is not Lane.BULK and not (reserved or paced), known_from, period)


def month(starts: int, wall: float, zone: tzinfo) -> tuple[float, float]:
    """Begin and end of the plan's month that `wall` lies in, in Unix seconds."""
    today = datetime.fromtimestamp(wall, zone).date()
    begin = _day_of(today.year, today.month, starts)
    if today < begin:
        before = today.replace(day=1) - timedelta(days=1)
        begin = _day_of(before.year, before.month, starts)
    after = begin.replace(day=1) + timedelta(days=32)
    return moment(begin, 0, zone), moment(_day_of(after.year, after.month, starts), 0, zone)


def _day_of(year: int, number: int, day: int) -> date:
    return date(year, number, min(day, calendar.monthrange(year, number)[1]))


def _calendar(rules: QuotaRules, rule: str, used: int, limit: int, renews_at: float) -> QuotaUse:
    return QuotaUse(rule, used, limit, rules.kept(limit), renews_at if used else None)


def _hour(rules: QuotaRules, limit: int, tally: Tally, now: Instant) -> QuotaUse:
    """The hour slides: it renews when the part leaves it that stands in the way, else when the oldest one does."""
    times, kept = tally.within(HOUR, now), rules.kept(limit)
    used = len(times)
    if not times:
        return QuotaUse(PER_HOUR, 0, limit, kept, None)
    wanted = limit if used >= limit else limit - kept
    leaves = times[used - wanted] if 0 < wanted <= used else times[0]
    return QuotaUse(PER_HOUR, used, limit, kept, now.wall + leaves + HOUR - now.boot)
