"""How a command that runs on is ended."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType


class StopSignals:
    """Waits for SIGTERM or SIGINT; a second one ends the program at once. Made on the main thread.

    Not a threading.Event that a handler sets: Python runs handlers between two steps of the main thread, so a signal
    that comes just before a wait begins is only seen when the wait ends. The wake-up descriptor is written to at once.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._seen = False
        self._before = {one: signal.signal(one, self._on_signal) for one in (signal.SIGTERM, signal.SIGINT)}
        self._wakeup_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def close(self) -> None:
        """Have signals do again what they did before."""
        signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._read)
        os.close(self._write)

    def wait(self, seconds: float | None = None) -> bool:
        """Whether a signal came, within so many seconds where they are given; it is remembered."""
        return bool(select.select([self._read], [], [], seconds)[0])

    def ask(self) -> None:
        """End the wait as a signal does; from any thread."""
        os.write(self._write, b"\0")

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self._seen:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self._seen = True
