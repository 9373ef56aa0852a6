"""A request under an Idempotency-Key: done once, and answered the same way for a day."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from gateway.refusals import Conflict
from gateway.store import Store
from hardware.clock import Instant

T = TypeVar("T")
LONGEST_KEY = 255
"""Characters of an Idempotency-Key."""


class Replay(Exception):
    """The request was done before; this was the answer."""

    def __init__(self, status: int, answer: bytes) -> None:
        super().__init__("done before")
        self.status, self.answer = status, answer


class _Turn:
    """Whose turn it is under one key, and how many requests want one."""

    def __init__(self) -> None:
        self.lock, self.wanted = threading.Lock(), 0


class Turns:
    """Requests under one Idempotency-Key, one at a time: a duplicate waits until the first has its answer. Thread-safe.

    The transaction alone does not do: what is counted or looked at before it would refuse the duplicate.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: dict[tuple[str, str], _Turn] = {}

    @contextmanager
    def take(self, client: str, key: str) -> Iterator[None]:
        """Wait until no other request of that client under that key is being done."""
        with self._lock:
            turn = self._turns.setdefault((client, key), _Turn())
            turn.wanted += 1
        try:
            with turn.lock:
                yield
        finally:
            with self._lock:
                turn.wanted -= 1
                if not turn.wanted:
                    del self._turns[client, key]


class Once(Generic[T]):
    """Brackets the transaction of what is done: `before` and `after` run inside it, so that both are stored or none."""

    def __init__(self, store: Store, client: str, key: str, request: bytes, render: Callable[[T], bytes]) -> None:
        self._store, self._client, self._key, self._request = store, client, key, request
        self._render = render

    def replay(self, now: Instant) -> None:
        """Ahead of checks that a repetition would not pass; raises like `before`."""
        with self._store.database.read() as cx:
            self.before(cx, now)

    def before(self, cx: sqlite3.Connection, now: Instant) -> None:
        """Raises Replay where this was done, and Conflict where the key was used for another request."""
        known = self._store.idempotency.find(cx, self._client, self._key, self._request, now)
        if known is None:
            return
        if not known.same_request:
            raise Conflict("this Idempotency-Key was used for another request", "idempotency_key_reused")
        raise Replay(known.status, known.answer)

    def after(self, cx: sqlite3.Connection, result: T, now: Instant) -> None:
        """Remember the answer (202: only what was accepted comes this far)."""
        self._store.idempotency.save(cx, self._client, self._key, self._request, 202, self._render(result), now)
