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


class PortWatch:
    """The calls of one thread on its port. `overdue` and `give_up` are for other threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: float | None = None
        self.given_up = False
        """Whether somebody else goes on with the modem."""

    def overdue(self) -> float | None:
        """For how many seconds a call that is under way should have returned; None where none is late."""
        until = self._until
        late = None if until is None else self._clock.boot() - until
        return late if late is not None and late > MARGIN else None

    def give_up(self) -> None:
        """Let the call that is under way be the last: it raises GivenUp when it returns."""
        self.given_up = True

    def open(self, opener: Callable[[], Transport]) -> Transport:
        """Open a port and watch it; raises what `opener` does, GivenUp."""
        opened: Transport | None = None
        try:
            with self.calling(OPEN_LIMIT):
                opened = opener()
        except GivenUp:
            if opened is not None:
                opened.close()
            raise
        return WatchedPort(opened, self)

    def calling(self, seconds: float) -> PortWatch:
        """Within the `with` block a call is under way that takes at most so many seconds."""
        self._until = self._clock.boot() + seconds
        return self

    def __enter__(self) -> None:
        self._stop_here()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.returned()
        self._stop_here()

    def returned(self) -> None:
        """The call that was under way has returned."""
        self._until = None

    def _stop_here(self) -> None:
        if self.given_up:
            raise GivenUp


class WatchedPort:
    """A transport whose calls are watched."""

    def __init__(self, transport: Transport, watch: PortWatch) -> None:
        self._transport, self._watch = transport, watch

    @property
    def name(self) -> str:
        """What people call the port."""
        return self._transport.name

    def write(self, data: bytes) -> None:
        """Hand over all of `data`; raises ConnectionLost, GivenUp."""
        with self._watch.calling(WRITE_LIMIT):
            self._transport.write(data)

    def read(self, timeout: float, *, wakeable: bool = False) -> bytes:
        """What is there within `timeout` seconds; raises ConnectionLost, GivenUp."""
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
