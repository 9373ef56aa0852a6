"""How a command that runs on is ended."""

from __future__ import annotations

import signal
import threading
from types import FrameType


def stop_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set; a second signal ends the program at once."""
    stop = threading.Event()

    def on_signal(number: int, _: FrameType | None) -> None:
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    return stop
