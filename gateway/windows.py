"""How often something happened lately, for many subjects, in sliding windows. Pure and thread-safe.

`now` is in seconds of a clock that never goes back. A window is kept in a hundred buckets, and a bucket counts until
its youngest possible event has left the window: what happened counts up to a hundredth longer than the window, never
shorter, so that no window of that length, wherever it begins, holds more than the rate allows.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from gateway.quantities import Rate

BUCKETS = 100
MOST_SUBJECTS = 250_000
"""Subjects that are remembered at a time; with that many in one window, a further one is over every rate."""


def _ms(now: float) -> int:
    """Milliseconds, with a microsecond for what floats cannot hold; a bucket's end is later than that anyway."""
    return math.floor(now * 1000 + 0.001)


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A rate that has no place left."""

    rate: Rate
    retry_after: float
    """Seconds until there are as many places as were asked for; until all are free, where that is too few."""


class _Window:
    """One rate. For each subject a flat list of when each bucket ends to count, and how many it holds; oldest first."""

    def __init__(self, rate: Rate, most: int) -> None:
        self.rate = rate
        self._most = most
        self._span = math.ceil(rate.window * 1000)
        self._width = math.ceil(self._span / BUCKETS)
        self._subjects: dict[Hashable, list[int]] = {}
        """The one that was counted last is at the end."""

    def wait(self, subject: Hashable, now: int, n: int) -> int:
        """Milliseconds until the subject may have `n` more; 0 for now."""
        self._forget(now)
        held = self._subjects.get(subject)
        if held is None:
            if len(self._subjects) >= self._most:
                return max(1, next(iter(self._subjects.values()))[-2] - now)
            return 0 if n <= self.rate.count else self._span
        while held and held[0] <= now:
            del held[:2]
        over = sum(held[1::2]) + n - self.rate.count
        if over <= 0:
            return 0
        for end, count in zip(held[::2], held[1::2], strict=True):
            over -= count
            if over <= 0:
                return end - now
        return held[-2] - now if held else self._span

    def take(self, subject: Hashable, now: int, n: int) -> int | None:
        """Count `n`; when they will have left the window. None where there is no room for a further subject."""
        held = self._subjects.pop(subject, None)
        if held is None:
            if len(self._subjects) >= self._most:
                return None
            held = []
        end = (now // self._width + 1) * self._width + self._span
        if held and held[-2] >= end:  # threads may come in another order than they read the clock
            held[-1] += n
            end = held[-2]
        else:
            held += (end, n)
        self._subjects[subject] = held
        return end

    def give_back(self, subject: Hashable, end: int, n: int) -> None:
        """Undo a `take`, if it still counts."""
        held = self._subjects.get(subject, [])
        for place in range(0, len(held), 2):
            if held[place] == end:
                held[place + 1] -= n
                if held[place + 1] <= 0:
                    del held[place : place + 2]
                break
        if not held:
            self._subjects.pop(subject, None)

    def _forget(self, now: int) -> None:
        while self._subjects:
            subject, held = next(iter(self._subjects.items()))
            if held and held[-2] > now:
                return
            del self._subjects[subject]

    def __len__(self) -> int:
        return len(self._subjects)


class Reservation:
    """Places that were taken, or the rate that had none."""

    def __init__(self, windows: Windows, subject: Hashable, n: int) -> None:
        self._windows, self._subject, self._n = windows, subject, n
        self.ends: list[int | None] = []
        """For each rate, when what was taken has left its window; empty where nothing was taken."""
        self.exceeded: Exceeded | None = None
        """The rate with the longest wait, where one had no place."""

    def refund(self) -> None:
        """Give the places back; a second time does nothing."""
        ends, self.ends = self.ends, []
        self._windows.give_back(self._subject, ends, self._n)


class Windows:
    """Counts of many subjects under the same rates."""

    def __init__(self, rates: Sequence[Rate], most: int = MOST_SUBJECTS) -> None:
        self._windows = [_Window(rate, most) for rate in rates]
        self._lock = threading.Lock()

    @property
    def longest(self) -> float:
        """Seconds that the longest window has; 0 without rates."""
        return max((window.rate.window for window in self._windows), default=0.0)

    @property
    def shortest(self) -> float:
        """Seconds that the shortest window has; 0 without rates."""
        return min((window.rate.window for window in self._windows), default=0.0)

    def reserve(self, subject: Hashable, now: float, n: int = 1) -> Reservation:
        """Take `n` places under every rate at once, or none of them."""
        at, made = _ms(now), Reservation(self, subject, n)
        with self._lock:
            longest = 0
            for window in self._windows:
                if (wait := window.wait(subject, at, n)) > longest:
                    longest = wait
                    made.exceeded = Exceeded(window.rate, wait / 1000)
            if made.exceeded is None:
                made.ends = [window.take(subject, at, n) for window in self._windows]
        return made

    def restore(self, subject: Hashable, at: float, n: int) -> None:
        """Count what happened before; oldest first."""
        with self._lock:
            for window in self._windows:
                window.take(subject, _ms(at), n)

    def give_back(self, subject: Hashable, ends: Sequence[int | None], n: int) -> None:
        """See `Reservation.refund`."""
        with self._lock:
            for window, end in zip(self._windows, ends, strict=False):
                if end is not None:
                    window.give_back(subject, end, n)

    def __len__(self) -> int:
        """Subjects that are remembered, of the window that remembers most."""
        return max(map(len, self._windows), default=0)


class Shares:
    """How much of what was made turned out well, by subject, within a window. Young things are not judged yet.

    Where more subjects come than are remembered, those that were heard of least lately are forgotten.
    """

    def __init__(self, window: float, matures: float, most: int = MOST_SUBJECTS) -> None:
        """`matures`: seconds after which something has turned out well, or never will."""
        self._span, self._matures = math.ceil(window * 1000), math.ceil(matures * 1000)
        self._width = math.ceil(self._span / BUCKETS)
        self._most = most
        self._subjects: dict[Hashable, dict[int, list[int]]] = {}
        self._lock = threading.Lock()

    def made(self, subject: Hashable, at: float, n: int = 1, good: int = 0) -> None:
        """Count what was made at that time, and how much of it is known to be good."""
        with self._lock:
            buckets = self._subjects.pop(subject, {})
            self._subjects[subject] = buckets
            one = buckets.setdefault(_ms(at) // self._width, [0, 0])
            one[0], one[1] = one[0] + n, one[1] + good
            for old in [number for number in buckets if self._left(number) <= _ms(at)]:
                del buckets[old]
            while len(self._subjects) > self._most:
                del self._subjects[next(iter(self._subjects))]

    def good(self, subject: Hashable, at: float) -> None:
        """Something that was made at about that time turned out well."""
        with self._lock:
            buckets, number = self._subjects.get(subject, {}), _ms(at) // self._width
            open_ones = [one for one, (made, good) in buckets.items() if good < made]
            if open_ones:
                buckets[min(open_ones, key=lambda one: abs(one - number))][1] += 1

    def share(self, subject: Hashable, now: float) -> tuple[int, int]:
        """How much was made, and how much of it turned out well."""
        with self._lock:
            return self._counts(self._subjects.get(subject, {}), _ms(now))

    def wait(self, subject: Hashable, now: float, enough: int, least: float) -> float:
        """Seconds until fewer than `enough` were made or `least` of them were good, as far as is known; 0 = now."""
        with self._lock:
            buckets, at = self._subjects.get(subject, {}), _ms(now)
            changes = {moment for number in buckets for moment in (self._left(number), self._judged(number))}
            for moment in (at, *sorted(moment for moment in changes if moment > at)):
                made, good = self._counts(buckets, moment)
                if made < enough or good >= least * made:
                    return (moment - at) / 1000
            return 0.0

    def _left(self, number: int) -> int:
        """When a bucket has left the window."""
        return (number + 1) * self._width + self._span

    def _judged(self, number: int) -> int:
        """From when on a bucket counts."""
        return (number + 1) * self._width + self._matures

    def _counts(self, buckets: dict[int, list[int]], now: int) -> tuple[int, int]:
        counted = [bucket for number, bucket in buckets.items() if self._judged(number) <= now < self._left(number)]
        return sum(made for made, _ in counted), sum(good for _, good in counted)
