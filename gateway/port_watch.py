"""Whether the calls on a modem's port return: each must do so within its own time-out and a margin.

A driver that hangs, or a write that blocks in the kernel, cannot be ended from outside. It can be noticed, and whoever
is in it can be kept from doing anything more once it returns.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

from hardware.clock import Clock
from hardware.transport import Transport

WRITE_LIMIT = 5.0  # seconds; what a serial port's own time-out is
OPEN_LIMIT = 600.0  # seconds: every port of the machine may have to be asked who answers there
CLOSE_LIMIT = 30.0  # seconds; the kernel may wait so long for octets to leave
MARGIN = 30.0  # seconds by which a call may be late: a busy machine is no stuck port


class GivenUp(BaseException):
    """The port was taken from its thread while a call did not return: it may do nothing more but end.

    Not an Exception, so that nothing on the way handles it: the part that was on the air is settled already.
    """


class Stopping(BaseException):
    """The gateway stops, and nothing that was begun on the port has to be heard to its end: its thread is to end.

    Not an Exception, as GivenUp: no step of the driver goes on after it.
    """


class PortWatch:
    """The calls of one thread on its port. `overdue`, `give_up` and `opening` are for other threads.

    `may_end` says whether waiting is to be broken off; whoever makes it true wakes the port.
    """

    def __init__(self, clock: Clock, may_end: Callable[[], bool]) -> None:
        self.clock, self.may_end = clock, may_end
        self._until: float | None = None
        self._turning = threading.Lock()
        self._returned = 0
        self.opening = False
        """Whether the port is being opened, which nothing can break off."""
        self.given_up = False
        """Whether somebody else goes on with the modem."""

    def overdue(self) -> float | None:
        """For how many seconds a call that is under way should have returned; None where none is late."""
        until = self._until
        late = None if until is None else self.clock.boot() - until
        return late if late is not None and late > MARGIN else None

    def give_up(self) -> float | None:
        """Let the late call that is under way be the last: it raises GivenUp when it returns. For how long it is late.

        None where it has returned since somebody looked: nothing is given up then.
        """
        with self._turning:
            late = self.overdue()
            self.given_up = self.given_up or late is not None
        return late

    @property
    def progress(self) -> int | None:
        """How many calls have returned; None while one is under way, which `overdue` is for."""
        return None if self._until is not None else self._returned

    def open(self, opener: Callable[[], Transport]) -> Transport:
        """Open a port and watch it; raises what `opener` does, GivenUp, Stopping."""
        opened: Transport | None = None
        self.opening = True
        try:
            self.end_here()
            with self.calling(OPEN_LIMIT):
                opened = opener()
            self.end_here()
        except (GivenUp, Stopping):
            if opened is not None:
                opened.close()
            raise
        finally:
            self.opening = False
        return WatchedPort(opened, self)

    def calling(self, seconds: float) -> PortWatch:
        """Within the `with` block a call is under way that takes at most so many seconds."""
        self._until = self.clock.boot() + seconds
        return self

    def __enter__(self) -> None:
        self.stop_here()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.returned()
        self.stop_here()

    def returned(self) -> None:
        """The call that was under way has returned."""
        with self._turning:
            self._until = None
            self._returned += 1

    def end_here(self) -> None:
        """Raise Stopping where waiting is to be broken off."""
        if self.may_end():
            raise Stopping

    def stop_here(self) -> None:
        """Raise GivenUp where somebody else goes on with the modem."""
        if self.given_up:
            raise GivenUp


class WatchedPort:
    """A transport whose calls are watched, and whose waiting ends where `may_end` says so."""

    def __init__(self, transport: Transport, watch: PortWatch) -> None:
        self._transport, self._watch = transport, watch
        self._woken = False  # set before the transport is woken: no wake is lost to a read that nobody may wake

    @property
    def name(self) -> str:
        """What people call the port."""
        return self._transport.name

    def write(self, data: bytes) -> None:
        """Hand over all of `data`; raises ConnectionLost, GivenUp."""
        with self._watch.calling(WRITE_LIMIT):
            self._transport.write(data)

    def read(self, timeout: float, *, wakeable: bool = False) -> bytes:
        """What is there within `timeout` seconds; raises ConnectionLost, GivenUp, and Stopping where it would wait."""
        clock = self._watch.clock
        until = clock.boot() + timeout
        while timeout > 0:
            self._watch.end_here()
            if wakeable and self._woken:
                break
            # Always wakeable: a stop ends every wait.
            data = self._read(timeout, wakeable=True)
            if data:
                return data
            timeout = until - clock.boot()
        if wakeable:
            self._woken = False
        return self._read(0.0, wakeable=False)

    def _read(self, timeout: float, *, wakeable: bool) -> bytes:
        with self._watch.calling(timeout):
            return self._transport.read(timeout, wakeable=wakeable)

    def wake(self) -> None:
        """End a wakeable `read`, now or the next one; safe from any thread."""
        self._woken = True
        self._transport.wake()

    def close(self) -> None:
        """Give the port up; idempotent, and done by whoever was given up too. Raises GivenUp where it is so now."""
        ending = self._watch.given_up
        self._watch.calling(CLOSE_LIMIT)
        try:
            self._transport.close()
        finally:
            self._watch.returned()
        if not ending:
            self._watch.stop_here()
