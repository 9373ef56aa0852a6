"""How a command that runs on is ended, and asked to read its configuration anew."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType

_STOP = (signal.SIGTERM, signal.SIGINT)
_ASKED = b"\0"


class StopSignals:
    """Waits for SIGTERM or SIGINT; a second one ends the program at once. Made on the main thread.

    Not a threading.Event that a handler sets: Python runs handlers between two steps of the main thread, so a signal
    that comes just before a wait begins is only seen when the wait ends. The wake-up descriptor is written to at once.
    """

    def __init__(self, *, reloads: bool = False) -> None:
        """`reloads`: SIGHUP ends a wait too, and is told by `reload`; else it does what it always does."""
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._seen = self._stopped = self._reload = False
        heeded = (*_STOP, signal.SIGHUP) if reloads else _STOP
        self._before = {one: signal.signal(one, self._on_signal) for one in heeded}
        self._wakeup_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def close(self) -> None:
        """Have signals do again what they did before."""
        signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._read)
        os.close(self._write)

    def wait(self, seconds: float | None = None) -> bool:
        """Whether a signal to stop came, within so many seconds where they are given; it is remembered.

        Ends early, and says no, for one to reload.
        """
        if not self._stopped and select.select([self._read], [], [], seconds)[0]:
            came = os.read(self._read, 4096)
            self._stopped = any(number in _STOP for number in came) or _ASKED in came
            self._reload = self._reload or signal.SIGHUP in came
        return self._stopped

    def reload(self) -> bool:
        """Whether a signal to reload came since this was asked."""
        asked, self._reload = self._reload, False
        return asked

    def ask(self) -> None:
        """End the wait as a signal does; from any thread."""
        os.write(self._write, _ASKED)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGHUP:
            return  # the wake-up descriptor was written to
        if self._seen:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self._seen = True
