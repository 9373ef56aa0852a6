"""How long codes wait for a modem: a queue with several servers, served in order of arrival. Pure.

Codes come at random (Poisson), each modem takes one part at a time, and a part takes nearly the same time each time.
For equal times the waiting time is known exactly (M/D/c: Crommelin 1932; in the form without cancelling terms, Franx
2001). Where the times vary, it is taken between that and the one of exponential times (M/M/c, Erlang's C), by the
squared coefficient of variation (Tijms, "A First Course in Stochastic Models", 9.6.2): exact for
one modem's mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

_SMALL = 1e-13


@dataclass(frozen=True, slots=True)
class Service:
    """How long a modem is busy with one message, in seconds."""

    mean: float
    variance: float = 0.0

    @property
    def scv(self) -> float:
        """Squared coefficient of variation: 0 for equal times, 1 for exponential ones."""
        return self.variance / self.mean**2

    @classmethod
    def between(cls, least: float, most: float) -> Service:
        """Any time between two equally often."""
        return cls((least + most) / 2, (most - least) ** 2 / 12)

    def with_parts(self, share: float, parts: int) -> Service:
        """Where that share of the messages has so many parts, which one modem sends one after the other."""
        mean = self.mean * (1 + share * (parts - 1))
        second = (1 - share) * (self.variance + self.mean**2)
        second += share * (parts * self.variance + (parts * self.mean) ** 2)
        return Service(mean, second - mean**2)

    def sent_again(self, refused: float) -> Service:
        """Where that share of all submits is refused after its time on the air, and sent again until it is taken."""
        mean = self.mean / (1 - refused)
        return Service(mean, self.variance / (1 - refused) + refused * mean**2)


def erlang_c(modems: int, erlangs: float) -> float:
    """Share of arrivals that find every modem busy, for exponential times; `erlangs`: arrivals a second times mean."""
    blocked = 1.0
    for number in range(1, modems + 1):
        blocked = erlangs * blocked / (number + erlangs * blocked)
    return blocked / (1 - erlangs / modems * (1 - blocked))


class Exponential:
    """M/M/c."""

    def __init__(self, modems: int, rate: float, mean: float) -> None:
        _must_be_stable(modems, rate, mean)
        self._busy = erlang_c(modems, rate * mean)
        self._drain = modems / mean - rate

    @property
    def mean(self) -> float:
        """Mean wait in seconds."""
        return self._busy / self._drain

    def later_than(self, seconds: float) -> float:
        """Share that waits longer."""
        return self._busy * math.exp(-self._drain * seconds)


class Equal:
    """M/D/c: what is there at one moment, and what has come one service time later."""

    def __init__(self, modems: int, rate: float, mean: float) -> None:
        _must_be_stable(modems, rate, mean)
        self._modems, self._rate, self._time = modems, rate, mean

    @cached_property
    def _present(self) -> list[float]:
        """Probability of each number of messages present, of which all in service are gone one service time later."""
        load, modems = self._rate * self._time, self._modems
        top = modems + 20
        while True:
            arrivals = _poisson(load, top)
            present = _settled(arrivals, modems, top)
            if present[-1] < _SMALL or top > 4000:
                return present
            top *= 2

    @cached_property
    def mean(self) -> float:
        """Mean wait in seconds (Little's law over those that wait)."""
        waiting = sum((n - self._modems) * share for n, share in enumerate(self._present) if n > self._modems)
        return waiting / self._rate

    @cached_property
    def _at_most_waiting(self) -> list[float]:
        """Probability that at most so many wait."""
        sums, total = [], sum(self._present[: self._modems])
        for share in self._present[self._modems :]:
            total += share
            sums.append(total)
        return sums

    def later_than(self, seconds: float) -> float:
        """Share that waits longer (Franx 2001, theorem 1)."""
        if seconds < 0:
            return 1.0
        rounds = math.floor(seconds / self._time) + 1
        left = self._rate * (rounds * self._time - seconds)
        most = rounds * self._modems - 1
        sums = self._at_most_waiting
        term, found = math.exp(-left), 0.0
        for number in range(most + 1):
            place = most - number
            found += term * (sums[place] if place < len(sums) else 1.0)
            term *= left / (number + 1)
        return min(1.0, max(0.0, 1 - found))


@dataclass(frozen=True)
class Queue:
    """Messages that come at `rate` a second to so many modems."""

    modems: int
    rate: float
    service: Service

    @property
    def load(self) -> float:
        """Share of the time that a modem is busy."""
        return self.rate * self.service.mean / self.modems

    @cached_property
    def _ends(self) -> tuple[Equal, Exponential]:
        values = (self.modems, self.rate, self.service.mean)
        return Equal(*values), Exponential(*values)

    @property
    def mean(self) -> float:
        """Mean wait in seconds."""
        equal, exponential = self._ends
        return (1 - self.service.scv) * equal.mean + self.service.scv * exponential.mean

    def percentile(self, share: float) -> float:
        """The wait in seconds that this share of the messages does not exceed."""
        equal, exponential = (_percentile(end.later_than, share, self.service.mean) for end in self._ends)
        return (1 - self.service.scv) * equal + self.service.scv * exponential

    def later_than(self, seconds: float) -> float:
        """Share that waits longer."""
        return _share_beyond(self.percentile, seconds)


@dataclass(frozen=True)
class BehindBulk:
    """Codes of which every modem has other work in between: it is begun only where no code waits, and not broken off.

    All modems are busy always, so a code waits for the part that ends first, and for the codes before it, one for each
    part that ends. For one modem this is exact (M/G/1 with vacations: Fuhrmann and Cooper 1985).
    """

    modems: int
    rate: float
    service: Service

    @property
    def first_end(self) -> float:
        """Mean seconds until one of the parts on the air ends, for equal times."""
        return self.service.mean * (1 + self.service.scv) / (self.modems + 1)

    @property
    def mean(self) -> float:
        """Mean wait in seconds."""
        load = self.rate * self.service.mean / self.modems
        _must_be_stable(self.modems, self.rate, self.service.mean)
        queue = load / (1 - load) * self.service.mean * (1 + self.service.scv) / (2 * self.modems)
        return self.first_end + queue


def _must_be_stable(modems: int, rate: float, mean: float) -> None:
    if not rate * mean < modems:
        raise ValueError(
            f"{modems} modems cannot carry {rate * 60:g} a minute of {mean:g} s each: the queue only grows"
        )


def _poisson(mean: float, top: int) -> list[float]:
    shares, term = [], math.exp(-mean)
    for number in range(top + 1):
        shares.append(term)
        term *= mean / (number + 1)
    return shares


def _settled(arrivals: list[float], modems: int, top: int) -> list[float]:
    """Where next = max(now - modems, 0) + arrivals settles, over 0 to `top`.

    State reduction, which subtracts nothing (Grassmann, Taksar and Heyman 1985). One step leads down by `modems` at
    most, so only so many columns change with each state that is taken out.
    """
    rows = []
    for state in range(top + 1):
        stays = max(0, state - modems)
        row = [0.0] * stays + arrivals[: top + 1 - stays]
        row[top] += 1 - sum(row)
        rows.append(row)
    for state in range(top, 0, -1):
        lowest = max(0, state - modems)
        down = rows[state][lowest:state]
        total = sum(down)
        for row in rows[:state]:
            row[state] /= total
            weight = row[state]
            for place, share in enumerate(down, lowest):
                row[place] += weight * share
    present = [1.0]
    for state in range(1, top + 1):
        present.append(sum(share * rows[before][state] for before, share in enumerate(present)))
    total = sum(present)
    return [share / total for share in present]


def _percentile(later_than: Callable[[float], float], share: float, step: float) -> float:
    if later_than(0.0) <= 1 - share:
        return 0.0
    low, high = 0.0, step
    while later_than(high) > 1 - share:
        low, high = high, high * 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if later_than(middle) > 1 - share else (low, middle)
    return high


def _share_beyond(percentile: Callable[[float], float], seconds: float) -> float:
    """The inverse of `percentile`."""
    low, high = 0.0, 1.0 - 1e-9
    if percentile(high) <= seconds:
        return 0.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if percentile(middle) <= seconds else (low, middle)
    return 1 - low
