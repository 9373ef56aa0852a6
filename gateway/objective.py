"""How fast codes reach their handsets, held against what is promised; and how fast the promise is used up.

A code counts once: when it is delivered, when it ends in another way, or when the longest limit has passed without
news of it. Withdrawn codes count not at all, nor do those that no report was to be had for: nobody knows of them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.messages import Json
from hardware.clock import Clock

MINUTE = 60.0
KEPT = 6 * 60
"""Minutes that are looked back at."""
FEWEST_BAD = 5
"""Codes that must have been late within the longer window: one late code in a quiet night wakes nobody."""


@dataclass(frozen=True, slots=True)
class Objective:
    """Such a share of all codes is delivered within so many seconds."""

    within: float
    """Seconds from acceptance to the report that says so."""
    share: float

    @property
    def name(self) -> str:
        """By which it goes in metrics and alarms."""
        return f"{self.within:g}s"


OBJECTIVES = (Objective(10.0, 0.95), Objective(30.0, 0.99))


@dataclass(frozen=True, slots=True)
class Burning:
    """An objective that is used up faster than it can be kept up."""

    objective: Objective
    rate: float
    """How many times as fast as what is allowed, in the longer window."""
    window: float
    """Seconds of it."""
    bad: int
    total: int


ENOUGH = 0.7
"""Share of late codes that is always enough: with a wide allowance a factor asks for nearly all, or more."""


@dataclass(frozen=True, slots=True)
class Rule:
    """So much faster than allowed, over two windows."""

    long: int
    """Minutes."""
    short: int
    """Minutes; still burning there, else it is over already."""
    factor: float

    def share(self, objective: Objective) -> float:
        """The share of late codes from which on it holds; the rules in docs/prometheus ask for the same."""
        return min(self.factor * (1 - objective.share), ENOUGH)


RULES = (Rule(60, 5, 14.4), Rule(360, 30, 6.0))
"""The Site Reliability Workbook's windows: two per cent of a month's budget in an hour, five per cent in six hours."""


@dataclass(slots=True)
class _Minute:
    number: int
    total: int = 0
    late: list[int] = field(default_factory=lambda: [0] * len(OBJECTIVES))


class Objectives:
    """Listens to what happens to codes; safe from any thread. `judged` is called with each result, for counters."""

    def __init__(
        self,
        clock: Clock,
        delivered: Callable[[float], None] = lambda _seconds: None,
        judged: Callable[[str, bool], None] = lambda _objective, _good: None,
    ) -> None:
        self._clock, self._delivered, self._judged = clock, delivered, judged
        self._lock = threading.Lock()
        self._open: dict[str, float] = {}  # in the order of acceptance
        self._minutes: deque[_Minute] = deque()

    def accepted(self, code: str) -> None:
        """A code that is to be sent was accepted: the id of its message."""
        with self._lock:
            self._open[code] = self._clock.boot()

    def happened(self, kind: str, body: Json) -> None:
        """An event of the event log."""
        if not kind.startswith("message.") or body["priority"] != "otp" or not body["final"]:
            return
        now = self._clock.boot()
        with self._lock:
            accepted = self._open.pop(body["id"], None)
            if accepted is None:
                return
            if kind == "message.delivered":
                self._delivered(now - accepted)
                self._count(now, now - accepted)
            elif kind not in ("message.cancelled", "message.sent"):
                self._count(now, None)

    def burning(self) -> list[Burning]:
        """The objectives that are being missed so fast that somebody should look."""
        now = self._clock.boot()
        with self._lock:
            self._give_up(now)
            return [found for place in range(len(OBJECTIVES)) if (found := self._burn(place, now)) is not None]

    # -- under the lock -----------------------------------------------------------------------------------------------

    def _give_up(self, now: float) -> None:
        """Codes without news for longer than every objective allows are late, whatever becomes of them."""
        longest = max(one.within for one in OBJECTIVES)
        late = []
        for code, accepted in self._open.items():
            if now - accepted <= longest:
                break
            late.append(code)
        for code in late:
            del self._open[code]
            self._count(now, None)

    def _count(self, now: float, seconds: float | None) -> None:
        number = int(now // MINUTE)
        if not self._minutes or self._minutes[-1].number != number:
            self._minutes.append(_Minute(number))
            while self._minutes[0].number <= number - KEPT:
                self._minutes.popleft()
        minute = self._minutes[-1]
        minute.total += 1
        for place, objective in enumerate(OBJECTIVES):
            good = seconds is not None and seconds <= objective.within
            minute.late[place] += not good
            self._judged(objective.name, good)

    def _burn(self, place: int, now: float) -> Burning | None:
        objective = OBJECTIVES[place]
        for rule in RULES:
            total, bad = self._sum(place, now, rule.long)
            short_total, short_bad = self._sum(place, now, rule.short)
            if bad < FEWEST_BAD or not short_total:
                continue
            enough = rule.share(objective)
            if bad / total >= enough and short_bad / short_total >= enough:
                return Burning(objective, bad / total / (1 - objective.share), rule.long * MINUTE, bad, total)
        return None

    def _sum(self, place: int, now: float, minutes: int) -> tuple[int, int]:
        since = int(now // MINUTE) - minutes
        counted = [minute for minute in self._minutes if minute.number > since]
        return sum(minute.total for minute in counted), sum(minute.late[place] for minute in counted)
