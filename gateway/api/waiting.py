"""Long polls: how many threads may wait, and for how long one wait goes on."""

from __future__ import annotations

import threading
import time
from collections import Counter
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
    """Room for waiting requests: at most half of the server's threads, so that waiters never stop an accept.

    One client gets three quarters of that at most, so that another's always finds a place.
    """

    def __init__(self, threads: int) -> None:
        self._places = max(1, threads // 2)
        self._share = max(1, self._places - self._places // 4)
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._closed = threading.Event()

    def close(self) -> None:
        """Let every waiter answer with what it knows, and nobody wait any more: the server stops."""
        self._closed.set()

    @property
    def closed(self) -> bool:
        """Whether the server stops."""
        return self._closed.is_set()

    @contextmanager
    def place(self, client: str) -> Iterator[bool]:
        """Whether this request of a client may wait."""
        with self._lock:
            taken = self._taken.total() < self._places and self._taken[client] < self._share
            self._taken[client] += taken
        try:
            yield taken and not self._closed.is_set()
        finally:
            with self._lock:
                self._taken[client] -= taken
                if not self._taken[client]:
                    del self._taken[client]

    def wait(self, client: str, seconds: float, attempt: Callable[[float], bool]) -> None:
        """Call `attempt` with a share of the time until it says True, the time is over or the client is gone.

        Returns at once where no place is left: the caller then answers with what is known.
        """
        if seconds <= 0:
            return
        gone = leaving()
        end = time.monotonic() + seconds
        with self.place(client) as may_wait:
            while may_wait and (left := end - time.monotonic()) > 0:
                if attempt(min(LOOK, left)) or self._closed.is_set() or gone():
                    return
