"""Long polls: how many threads may wait, and for how long one wait goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import request

from gateway.refusals import InvalidInput

LONGEST_WAIT = 60.0
LOOK = 1.0  # seconds between looks whether the client is still there


def wait_seconds(written: str | None) -> float:
    """The `wait` parameter; 0 where it is not given. Raises InvalidInput."""
    if written is None:
        return 0.0
    try:
        seconds = float(written)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_WAIT:
        raise InvalidInput.of("wait", f"seconds from 0 to {LONGEST_WAIT:g}")
    return seconds


def leaving() -> Callable[[], bool]:
    """What tells, later and without the request, whether its client is gone."""
    told: Callable[[], bool] = request.environ.get("waitress.client_disconnected", lambda: False)
    return told


class WaitRoom:
    """Room for waiting requests: at most half of the server's threads, so that waiters never stop an accept."""

    def __init__(self, threads: int) -> None:
        self._places = threading.BoundedSemaphore(max(1, threads // 2))
        self._closed = threading.Event()

    def close(self) -> None:
        """Let every waiter answer with what it knows, and nobody wait any more: the server stops."""
        self._closed.set()

    @property
    def closed(self) -> bool:
        """Whether the server stops."""
        return self._closed.is_set()

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Whether this request may wait."""
        taken = self._places.acquire(blocking=False)
        try:
            yield taken and not self._closed.is_set()
        finally:
            if taken:
                self._places.release()

    def wait(self, seconds: float, attempt: Callable[[float], bool]) -> None:
        """Call `attempt` with a share of the time until it says True, the time is over or the client is gone.

        Returns at once where no place is left: the caller then answers with what is known.
        """
        if seconds <= 0:
            return
        gone = leaving()
        end = time.monotonic() + seconds
        with self.place() as may_wait:
            while may_wait and (left := end - time.monotonic()) > 0:
                if attempt(min(LOOK, left)) or self._closed.is_set() or gone():
                    return
