"""An answer that is asked for again only after a while: a scrape must cost little however much is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from hardware.clock import Clock

T = TypeVar("T")

REST = 100.0
"""How many times as long as it took to ask an answer holds at least: a hundredth of one processor's time."""


class Held(Generic[T]):
    """Asks `ask`, and gives the same answer for `least` seconds at least. What it raises is not held."""

    def __init__(self, ask: Callable[[], T], clock: Clock, least: float) -> None:
        self._ask, self._clock, self._least = ask, clock, least
        self._answer: tuple[float, T] | None = None

    def __call__(self) -> T:
        """The answer; two threads at once may both ask."""
        begun = self._clock.boot()
        if self._answer is None or begun >= self._answer[0]:
            answer = self._ask()
            now = self._clock.boot()
            self._answer = now + max(self._least, REST * (now - begun)), answer
        return self._answer[1]
