"""What happens when: a queue of calls ordered by boot time, driven by whoever owns the clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from hardware.clock import Clock, Instant


@dataclass(order=True, slots=True)
class Event:
    """A call that is due at a boot time. `cancel` it as often as you like."""

    due: float
    order: int
    action: Callable[[], None] | None = field(compare=False)
    """None once it was made, or will not be."""

    def cancel(self) -> None:
        """Never call it."""
        self.action = None


class EventQueue:
    """Runs calls in the order of their times, each seeing its own time, even after a clock has jumped past several."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._heap: list[Event] = []
        self._order = count()
        self._running: float | None = None

    def time(self) -> float:
        """Boot time in seconds: of the event that runs now, else the clock's."""
        return self.clock.boot() if self._running is None else self._running

    def now(self) -> Instant:
        """Both clocks at `time`."""
        now = self.clock.now()
        return now.after(self.time() - now.boot)

    def after(self, seconds: float, action: Callable[[], None]) -> Event:
        """Call `action` that many seconds from `time`, not before the current call has returned."""
        event = Event(self.time() + max(0.0, seconds), next(self._order), action)
        heapq.heappush(self._heap, event)
        return event

    def next_event(self) -> float | None:
        """Boot time in seconds of the earliest call; None when nothing is planned."""
        while self._heap and self._heap[0].action is None:
            heapq.heappop(self._heap)
        return self._heap[0].due if self._heap else None

    def run_due(self) -> None:
        """Make every call whose time has come, also those that these calls plan for a time that has come."""
        if self._running is not None:
            return
        try:
            while (due := self.next_event()) is not None and due <= self.clock.boot():
                event = heapq.heappop(self._heap)
                self._running = event.due
                action, event.action = event.action, None
                if action is not None:
                    action()
        finally:
            self._running = None
