"""Random octets for ids and nonces: the system's, fetched for many of them at once."""

from __future__ import annotations

import os
import threading

FETCHED = 4096
"""Octets of one fetch. Each fetch lets the interpreter go, and under load other threads take it."""


class Randomness:
    """Hands out the octets of the system's random source, each of them once. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._octets, self._used = b"", 0

    def take(self, count: int) -> bytes:
        """So many octets, at most `FETCHED`, that nobody else gets."""
        assert count <= FETCHED, "more than one fetch"
        with self._lock:
            if self._used + count > len(self._octets):
                self._octets, self._used = os.urandom(FETCHED), 0
            self._used += count
            return self._octets[self._used - count : self._used]

    def renew(self) -> None:
        """Forget what is left: in the child of a fork, its parent has the same."""
        self._lock = threading.Lock()
        self._octets, self._used = b"", 0


_all = Randomness()
os.register_at_fork(after_in_child=_all.renew)
take = _all.take
