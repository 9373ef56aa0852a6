"""What went over a port, for people: a decorator around any transport."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hardware.clock import Clock, Instant
from hardware.transport import Transport


@dataclass(frozen=True, slots=True)
class TracedData:
    """Octets that went one way."""

    at: Instant
    """When the first of them went."""
    direction: Literal["sent", "received"]
    data: bytes


class TracingTransport:
    """Passes everything on and tells `record` of it; `record` is called on the transport's thread and must not raise.

    With `mask` (the default) PDUs and long numbers are replaced by their size and PINs by stars, and what is recorded
    is whole lines, since half a PDU could not be told from a short number; without it, octets as they come.
    """

    def __init__(
        self, transport: Transport, record: Callable[[TracedData], None], clock: Clock, *, mask: bool = True
    ) -> None:
        self._transport, self._record, self._clock, self._mask = transport, record, clock, mask
        self._direction: Literal["sent", "received"] = "sent"
        self._since = clock.now()
        self._held = b""

    @property
    def name(self) -> str:
        """The traced transport's name."""
        return self._transport.name

    def write(self, data: bytes) -> None:
        """Pass on; recorded before, so that a write that fails is seen."""
        self._trace("sent", data)
        self._transport.write(data)

    def read(self, timeout: float, *, wakeable: bool = False) -> bytes:
        """Pass on and record what came."""
        data = self._transport.read(timeout, wakeable=wakeable)
        if data:
            self._trace("received", data)
        return data

    def wake(self) -> None:
        """Pass on."""
        self._transport.wake()

    def close(self) -> None:
        """Record what was held back of the last line, and pass on."""
        self._flush()
        self._transport.close()

    def _trace(self, direction: Literal["sent", "received"], data: bytes) -> None:
        now = self._clock.now()
        if not self._mask:
            self._record(TracedData(now, direction, data))
            return
        if direction != self._direction:
            self._flush()
            self._direction = direction
        if not self._held:
            self._since = now
        lines = _LINES.findall(self._held + data)
        self._held = lines.pop() if lines and not _COMPLETE.search(lines[-1]) else b""
        for line in lines:
            self._record(TracedData(self._since, direction, masked(line)))
            self._since = now
        if len(self._held) > _HELD_LIMIT:
            self._flush()

    def _flush(self) -> None:
        held, self._held = self._held, b""
        if held:
            self._record(TracedData(self._since, self._direction, masked(held)))


_HELD_LIMIT = 4096
_LINES = re.compile(rb"[^\r\n\x1a\x1b]*[\r\n\x1a\x1b]+|[^\r\n\x1a\x1b]+\Z")
_COMPLETE = re.compile(rb"[\r\n\x1a\x1b]\Z")
_SECRET = re.compile(rb"(?i)(AT[+^*#](?:CPIN2?|CPUK2?|CPWD|CLCK|SPIC|CPBS)[^=\r]*=)([^\r\n?]*)")
_HEX = re.compile(rb"[0-9A-Fa-f]{16,}")
_DIGITS = re.compile(rb"\d{5,}(\d{2})")


def masked(data: bytes) -> bytes:
    """`data` without PINs, PDUs and all but the last two digits of long numbers."""
    data = _SECRET.sub(rb"\1****", data)
    data = _HEX.sub(lambda run: b"[%d octets]" % (len(run[0]) // 2), data)
    return _DIGITS.sub(rb"***\1", data)
