"""The lock of the one write connection: what modems say goes before what clients bring."""

from __future__ import annotations

import threading


class TwoLaneLock:
    """A lock that is given to urgent waiters before ordinary ones."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._held = False
        self._urgent_waiting = self._given = 0

    @property
    def urgent_waiting(self) -> int:
        """How many urgent ones wait."""
        return self._urgent_waiting

    @property
    def progress(self) -> int | None:
        """How often it was given to somebody; None while nobody holds it."""
        return self._given if self._held else None

    def acquire(self, *, urgent: bool) -> None:
        """Wait for the lock; urgent ones get it first."""
        with self._condition:
            if urgent:
                self._urgent_waiting += 1
                try:
                    self._condition.wait_for(lambda: not self._held)
                finally:
                    self._urgent_waiting -= 1
            else:
                self._condition.wait_for(lambda: not self._held and not self._urgent_waiting)
            self._held = True
            self._given += 1

    def release(self) -> None:
        """Give it to the next one."""
        with self._condition:
            self._held = False
            # All of them: a woken ordinary waiter must give way to an urgent one, which then has to be awake too.
            self._condition.notify_all()
