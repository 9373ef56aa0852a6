"""Whether the calls on a modem's port return: each must do so within its own time-out and a margin.

A driver that hangs, or a write that blocks in the kernel, cannot be ended from outside. It can be noticed, and whoever
is in it can be kept from doing anything more once it returns.
"""

from __future__ import annotations

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

    @property
    def progress(self) -> int | None:
        """How many calls have returned; None while one is under way, which `overdue` is for."""
        return None if self._until is not None else self._returned

    def give_up(self) -> None:
        """Let the call that is under way be the last: it raises GivenUp when it returns."""
        self.given_up = True

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
        self._stop_here()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.returned()
        self._stop_here()

    def returned(self) -> None:
        """The call that was under way has returned."""
        self._until = None
        self._returned += 1

    def end_here(self) -> None:
        """Raise Stopping where waiting is to be broken off."""
        if self.may_end():
            raise Stopping

    def _stop_here(self) -> None:
        if self.given_up:
            raise GivenUp


class WatchedPort:
    """A transport whose calls are watched, and whose waiting ends where `may_end` says so."""

    def __init__(self, transport: Transport, watch: PortWatch) -> None:
        self._transport, self._watch = transport, watch
        self._woken = False  # by a wake that came while nobody asked for it

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
        if timeout <= 0:
            return self._read(timeout, wakeable=wakeable)
        clock = self._watch.clock
        until = clock.boot() + timeout
        while True:
            self._watch.end_here()
            # Always wakeable: a stop ends every wait. Any other wake is kept for whoever minds.
            data = self._read(0.0 if wakeable and self._woken else timeout, wakeable=True)
            if data:
                return data
            timeout = until - clock.boot()
            if wakeable or timeout <= 0:
                self._woken = self._woken and not wakeable
                return b""
            self._woken = True

    def _read(self, timeout: float, *, wakeable: bool) -> bytes:
        with self._watch.calling(timeout):
            return self._transport.read(timeout, wakeable=wakeable)

    def wake(self) -> None:
        """End a wakeable `read`; safe from any thread."""
        self._transport.wake()

    def close(self) -> None:
        """Give the port up; idempotent, and done by whoever was given up too."""
        self._watch.calling(CLOSE_LIMIT)
        try:
            self._transport.close()
        finally:
            self._watch.returned()
