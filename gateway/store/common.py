"""Small things that several files of the store need: ids, times, the blob of a message's content."""

from __future__ import annotations

import re
import struct
import threading
from collections.abc import Iterable, Sequence

from gateway import randomness
from gateway.messages import Secret
from hardware.clock import Instant

_DIGITS = re.compile(r"\+?[0-9]{8,}", re.ASCII)


def wall_ms(now: Instant) -> int:
    """Unix milliseconds."""
    return round(now.wall * 1000)


def boot_ms(now: Instant) -> int:
    """Milliseconds on the boot clock."""
    return round(now.boot * 1000)


def ms(seconds: float) -> int:
    """A duration in milliseconds."""
    return round(seconds * 1000)


def new_id(now: Instant) -> str:
    """A UUIDv7 (RFC 9562 5.7): 48 bits of Unix milliseconds, then random."""
    value = (max(0, wall_ms(now)) & (1 << 48) - 1) << 80 | int.from_bytes(randomness.octets(10))
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def id_floor(moment: int) -> str:
    """The least id that `new_id` may give at that Unix millisecond."""
    digits = f"{max(0, moment) & (1 << 48) - 1:012x}"
    return f"{digits[:8]}-{digits[8:]}"


# Messages lie in the order of their acceptance, and ids begin with its time. So the ends of a time are found by the
# index of ids, and what lies outside of it costs nothing. Ids of one millisecond are in no order: hence the margin.
FIRST_SINCE = "(SELECT min(seq) FROM (SELECT seq FROM messages WHERE id >= ? ORDER BY id LIMIT 1000))"
LAST_BEFORE = "(SELECT max(seq) FROM (SELECT seq FROM messages WHERE id < ? ORDER BY id DESC LIMIT 1000))"


def recipient_tail(number: str) -> str:
    """The digits by which numbers are compared: the last eight, whatever form the network gives them."""
    return number[-8:] if _DIGITS.fullmatch(number) else "".join(c for c in number if c in "0123456789*#abc")[-8:]


def pack_body(text: Secret | None, segments: Sequence[bytes]) -> bytes:
    """Text and segments in one blob: each piece with its length before it, the text first."""
    pieces = [b"" if text is None else b"t" + text.reveal().encode("utf-8", "surrogatepass"), *segments]
    return b"".join(struct.pack(">I", len(piece)) + piece for piece in pieces)


def unpack_body(blob: bytes) -> tuple[Secret | None, list[bytes]]:
    """The inverse of `pack_body`."""
    pieces, offset = [], 0
    while offset < len(blob):
        (length,) = struct.unpack_from(">I", blob, offset)
        pieces.append(blob[offset + 4 : offset + 4 + length])
        offset += 4 + length
    text, *segments = pieces
    return (Secret(text[1:].decode("utf-8", "surrogatepass")) if text else None), segments


class Waiters:
    """Threads that wait until something happens to a named thing; told after the commit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: dict[str, list[threading.Event]] = {}

    def add(self, name: str) -> threading.Event:
        """An event that is set when `tell` names it; give it back with `remove`."""
        event = threading.Event()
        with self._lock:
            self._events.setdefault(name, []).append(event)
        return event

    def remove(self, name: str, event: threading.Event) -> None:
        """Wait no more."""
        with self._lock:
            events = self._events[name]
            events.remove(event)
            if not events:
                del self._events[name]

    def tell(self, names: Iterable[str]) -> None:
        """Wake whoever waits for one of `names`."""
        with self._lock:
            for name in names:
                for event in self._events.get(name, ()):
                    event.set()
