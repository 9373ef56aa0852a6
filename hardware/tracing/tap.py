"""How a port is listened in on: a decorator around any transport, and a buffer that never holds its thread up."""

from __future__ import annotations

import queue
import threading

from hardware.clock import Clock
from hardware.tracing.records import Direction, Entry, Mark, Octets
from hardware.transport import Transport

OCTETS_KEPT = 1 << 20
CHUNKS_KEPT = 20_000


class Tap:
    """What was caught and nobody has taken yet; what does not fit is counted and dropped.

    `put` and `mark` are for the port's thread, which they never make wait; `take` is for one other.
    """

    def __init__(self, octets: int = OCTETS_KEPT, chunks: int = CHUNKS_KEPT) -> None:
        self._octets, self._chunks = octets, chunks
        self._caught: queue.SimpleQueue[Entry] = queue.SimpleQueue()
        # One thread adds to each of these: nothing needs a lock.
        self._octets_in = self._octets_out = 0
        self._dropped: Mark | None = None

    def put(self, entry: Octets) -> None:
        """Catch a chunk, or count it where there is no room."""
        size = len(entry.data)
        full = self._octets_in - self._octets_out + size > self._octets or self._caught.qsize() >= self._chunks
        lost = self._dropped
        if full:
            chunks, octets = (lost.chunks, lost.octets) if lost is not None else (0, 0)
            self._dropped = Mark(lost.at if lost is not None else entry.at, "dropped", chunks + 1, octets + size)
            return
        if lost is not None:
            self._dropped = None
            self._caught.put(lost)
        self._octets_in += size
        self._caught.put(entry)

    def mark(self, entry: Mark) -> None:
        """Note what became of the port; these are few, and always kept."""
        self._caught.put(entry)

    def take(self, seconds: float) -> list[Entry]:
        """What was caught since the last call; waits at most `seconds` where that is nothing."""
        caught: list[Entry] = []
        try:
            entry = self._caught.get(timeout=seconds) if seconds > 0 else self._caught.get_nowait()
            while True:
                caught.append(entry)
                if isinstance(entry, Octets):
                    self._octets_out += len(entry.data)
                if len(caught) >= CHUNKS_KEPT:
                    break
                entry = self._caught.get_nowait()
        except queue.Empty:
            pass
        return caught

    def drain(self) -> list[Entry]:
        """Everything that is left, with what was dropped last; for when nothing is put in any more."""
        lost = self._dropped
        return self.take(0) + ([lost] if lost is not None else [])


class Wiretap:
    """A place at a modem's port for one tap at a time; it stays when the port is opened anew."""

    def __init__(self) -> None:
        self.tap: Tap | None = None
        """Who listens in now."""
        self._lock = threading.Lock()

    def attach(self, tap: Tap) -> bool:
        """Listen in from now on; False where another one does."""
        with self._lock:
            if self.tap is not None:
                return False
            self.tap = tap
            return True

    def detach(self, tap: Tap) -> None:
        """Listen in no more."""
        with self._lock:
            if self.tap is tap:
                self.tap = None


class TappedTransport:
    """Passes everything on, and lets a wiretap's tap catch it."""

    def __init__(self, transport: Transport, wiretap: Wiretap, clock: Clock) -> None:
        self._transport, self._wiretap, self._clock = transport, wiretap, clock
        self._closed = False
        self._note(Mark(clock.boot(), "opened"))

    @property
    def name(self) -> str:
        """The transport's name."""
        return self._transport.name

    def write(self, data: bytes) -> None:
        """Pass on; caught before, so that a write that fails is seen."""
        self._catch("sent", data)
        self._transport.write(data)

    def read(self, timeout: float, *, wakeable: bool = False) -> bytes:
        """Pass on, and catch what came."""
        data = self._transport.read(timeout, wakeable=wakeable)
        if data:
            self._catch("received", data)
        return data

    def wake(self) -> None:
        """Pass on."""
        self._transport.wake()

    def close(self) -> None:
        """Pass on."""
        if not self._closed:
            self._closed = True
            self._note(Mark(self._clock.boot(), "closed"))
        self._transport.close()

    def _catch(self, direction: Direction, data: bytes) -> None:
        tap = self._wiretap.tap
        if tap is not None:
            tap.put(Octets(self._clock.boot(), direction, data))

    def _note(self, mark: Mark) -> None:
        tap = self._wiretap.tap
        if tap is not None:
            tap.mark(mark)
