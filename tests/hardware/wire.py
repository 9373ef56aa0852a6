"""A scripted peer behind the transport seam: what it hears, what it says and when, on a fake clock."""

from __future__ import annotations

import heapq
import itertools
from collections import deque

from hardware.clock import FakeClock
from hardware.errors import ConnectionLost

OK = "\r\nOK\r\n"
Reply = str | tuple[float, str]
"""What is said, or after how many seconds what is said."""


class Wire:
    """A transport whose other end answers from a table. Unknown commands get ERROR; a silent one gets nothing."""

    def __init__(self, *, chunk: int = 4096, echo: bool = False, delay: float = 0.01) -> None:
        self.clock = FakeClock()
        self.name = "scripted"
        self.heard: list[str] = []
        """Commands, PDUs (as `pdu:…`) and `ESC`, in order."""
        self.echo = echo
        self.silent = False
        self.closed = False
        self._chunk, self._delay = chunk, delay
        self._table: dict[str, deque[tuple[Reply, ...]]] = {}
        self._due: list[tuple[float, int, bytes | None]] = []
        self._order = itertools.count()
        self._input = b""
        self._at_prompt = False
        self._ready = b""
        self._woken = False
        self.on("AT", OK)
        self.on("AT+CMEE?", "\r\n+CMEE: 1\r\n" + OK)

    def on(self, command: str, *replies: Reply) -> None:
        """What is said to `command` (`pdu` for a PDU, `ESC`); a second call is for the second time, the last stays."""
        self._table.setdefault(command, deque()).append(replies)

    def replace(self, command: str, *replies: Reply) -> None:
        """As `on`, for all times to come."""
        self._table[command] = deque([replies])

    def say(self, text: str | bytes, after: float = 0.0) -> None:
        """Unasked, `after` seconds from now."""
        data = text.encode("latin-1") if isinstance(text, str) else text
        heapq.heappush(self._due, (self.clock.boot() + after, next(self._order), data))

    def lose(self, after: float = 0.0) -> None:
        """The port goes away `after` seconds from now."""
        heapq.heappush(self._due, (self.clock.boot() + after, next(self._order), None))

    def write(self, data: bytes) -> None:
        if self.closed:
            raise ConnectionLost(self.name, "gone")
        self._input += data
        while self._input:
            if self._at_prompt or self._input.startswith(b"\x1b"):
                if not self._hear_text():
                    return
                continue
            line, separator, rest = self._input.partition(b"\r")
            if not separator:
                return
            self._input = rest
            self._hear(line.decode("latin-1"), line + separator)

    def _hear_text(self) -> bool:
        if self._input.startswith(b"\x1b"):
            self._input, self._at_prompt = self._input[1:], False
            self._hear("ESC", b"")
            return True
        text, end, rest = self._input.partition(b"\x1a")
        if not end:
            return False
        self._input, self._at_prompt = rest, False
        self.heard.append("pdu:" + text.decode("ascii"))
        self._answer("pdu", text + end)
        return True

    def _hear(self, command: str, raw: bytes) -> None:
        if command:
            self.heard.append(command)
            self._answer(command, raw)

    def _answer(self, command: str, raw: bytes) -> None:
        if self.silent:
            return
        if self.echo and raw:
            self.say(raw)
        queue = self._table.get(command)
        if queue is None:
            replies: tuple[Reply, ...] = () if command == "ESC" else ("\r\nERROR\r\n",)
        else:
            replies = queue.popleft() if len(queue) > 1 else queue[0]
        after = 0.0
        for reply in replies:
            pause, text = reply if isinstance(reply, tuple) else (self._delay, reply)
            after += pause
            self.say(text, after)
            self._at_prompt = self._at_prompt or ">" in text

    def read(self, timeout: float, *, wakeable: bool = False) -> bytes:
        if wakeable and self._woken:
            self._woken = False
            return b""
        if not self._ready:
            self._advance(timeout)
        data, self._ready = self._ready[: self._chunk], self._ready[self._chunk :]
        return data

    def _advance(self, timeout: float) -> None:
        until = self.clock.boot() + timeout
        if not self._due or self._due[0][0] > until:
            self.clock.advance(timeout)
            return
        at, _, data = heapq.heappop(self._due)
        self.clock.advance(max(at - self.clock.boot(), 0.0))
        if data is None:
            self.closed = True
        if self.closed or data is None:
            raise ConnectionLost(self.name, "gone")
        self._ready += data

    def wake(self) -> None:
        self._woken = True

    def close(self) -> None:
        self.closed = True
