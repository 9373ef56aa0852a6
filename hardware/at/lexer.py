"""Bytes of a modem to lines, prompts and two-line indications. Pure: no port, no clock, and no data it fails on.

The same bytes give the same events however they are cut into chunks. What a byte means depends on the pending command
in three points only, and its owner sets them before pulling the next event: whether a prompt is awaited, what would be
an echo, and whether a command waits for its result at all.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

from hardware.at.indications import Announcement, Indication, announcement, announces_text

LINE_LIMIT = 4096
"""Octets of a line that are kept; what follows up to its end is dropped."""
_STRING_LIMIT = 1024  # a USSD string in UCS-2 hex has at most 640 digits (182 septets, 27.007 7.15)


@dataclass(frozen=True, slots=True)
class Line:
    """One line, without white space and rubbish at its ends, never empty. A +CUSD text may have line feeds in it."""

    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """The `>` after AT+CMGS=<length> (27.005 3.5.1)."""


Event: TypeAlias = Line | Prompt | Indication

_BLANK = b"\r\n \t\0\x1a\x1b\xff"  # line ends, and what noise, echoed ESC and Ctrl-Z leave at the ends of lines
_LEADING = re.compile(rb"[\r\n \t\0\x1a\x1b\xff]*")
_END = re.compile(rb"[\r\n]")
_LINE_BREAK = re.compile(r"\r+\n|\r|\n")
_NEVER_CLOSED = re.compile(
    rb"[\r\n]\s*(?:\+(?:CMTI|CMT|CDSI|CDS|CMGS|CM[ES] ERROR|CREG|CGREG|CEREG|CUSD|CIEV|CPIN):|\^[A-Z]{4,}:"
    rb"|(?P<result>(?:OK|ERROR)[\r\n])|(?P<prompt>>))"
)
_GLUED_RESULT = re.compile(r"(\+CM[ES] ERROR: *\d+|OK|ERROR)(?=[+^*#][A-Z])")
_GLUED = re.compile(r"\+(?:CMTI|CMT|CDSI|CDS|CBM|CREG|CGREG|CEREG|CUSD|CMGS|CIEV|CRING|CLIP|CM[ES] ERROR):")


class Lexer:
    """Feed it bytes, pull events until there is None."""

    def __init__(self) -> None:
        self.prompt_awaited = False
        """A `>` at the start of a line, or right after an echo, is a prompt; else it is a line like any other."""
        self.echoes: tuple[str, ...] = ()
        """What was written: dropped where a line begins with it."""
        self.echoed = False
        """A command came back as an echo; whoever minds sets it back."""
        self.busy = False
        """A command waits for its result: OK and ERROR end a string that was never closed."""
        self.hex_awaited = False
        """The pending answer has lines of digits or hex: only a PDU of the announced length completes an indication."""
        self._buffer = bytearray()
        self._pieces: deque[str] = deque()
        self._announced: Announcement | None = None
        self._text_follows = False

    def feed(self, data: bytes) -> None:
        """Take what the port gave."""
        self._buffer += data

    def next_event(self) -> Event | None:
        """The next event that is complete, None for none yet."""
        while True:
            if self._pieces:
                event = self._event(self._pieces.popleft())
                if event is not None:
                    return event
                continue
            self._drop_blank()
            if not self._buffer:
                return None
            if self.prompt_awaited and self._take_prompt():
                return Prompt()
            line = self._take_line()
            if line is None:
                return None
            self._pieces.extend(self._split(line))

    @property
    def half_read(self) -> bool:
        """Whether a line has begun and not ended; the space behind a prompt's `>` begins none."""
        self._drop_blank()
        return bool(self._buffer)

    def forget(self) -> None:
        """Drop what is half read: the modem was interrupted, what comes next begins a new line."""
        self._buffer.clear()
        self._announced, self._text_follows = None, False

    def _drop_blank(self) -> None:
        blank = _LEADING.match(self._buffer)
        if blank is not None and blank.end():
            del self._buffer[: blank.end()]

    def _take_prompt(self) -> bool:
        end = 0
        for echo in self.echoes:
            if self._buffer.startswith(echo.encode("latin-1")):
                end = len(echo)
                self.echoed = self.echoed or echo.startswith("AT")
        while self._buffer[end : end + 1] == b" ":
            end += 1
        if self._buffer[end : end + 1] != b">":
            return False
        del self._buffer[: end + 1]
        return True

    def _take_line(self) -> str | None:
        end = _END.search(self._buffer)
        if end is None:
            del self._buffer[LINE_LIMIT:]
            return None
        stop = end.start()
        if self._buffer.startswith(b"+CUSD:") and self._buffer.count(b'"', 0, stop) % 2:
            closed = self._end_of_string(stop)
            if closed is None:
                return None
            stop = closed
        line = _text(bytes(self._buffer[: min(stop, LINE_LIMIT)]))
        del self._buffer[:stop]
        return line

    def _end_of_string(self, stop: int) -> int | None:
        """Where the line ends whose quoted string goes over several lines; None while that is not known."""
        quote = self._buffer.find(b'"', stop, _STRING_LIMIT)
        for other in _NEVER_CLOSED.finditer(self._buffer, stop, quote if quote >= 0 else _STRING_LIMIT):
            if (other["result"] and self.busy) or (other["prompt"] and self.prompt_awaited) or other.lastgroup is None:
                return stop
        if quote < 0:
            return stop if len(self._buffer) >= _STRING_LIMIT else None
        end = _END.search(self._buffer, quote, LINE_LIMIT)
        if end is not None:
            return end.start()
        return stop if len(self._buffer) >= LINE_LIMIT else None

    def _split(self, line: str) -> list[str]:
        """The lines that `line` is glued together from, its echo dropped."""
        for echo in self.echoes:
            if line.startswith(echo):
                self.echoed = self.echoed or echo.startswith("AT")
                line = line[len(echo) :].lstrip("\x1a\x1b\r ")
        pieces = []
        result = _GLUED_RESULT.match(line)
        if result is not None:
            pieces.append(result[1])
            line = line[result.end() :]
        glued = _GLUED.search(line, 1)
        while glued is not None:
            if line.count('"', 0, glued.start()) % 2 == 0:
                pieces.append(line[: glued.start()].rstrip())
                line = line[glued.start() :]
                glued = _GLUED.search(line, 1)
            else:
                glued = _GLUED.search(line, glued.end())
        pieces.append(line)
        return [piece for piece in pieces if piece]

    def _event(self, line: str) -> Event | None:
        if self._text_follows:
            self._text_follows = False
            return None
        announced, self._announced = self._announced, None
        if announced is not None:
            if announced.fits(line) or (not self.hex_awaited and announced.resembles(line)):
                return Indication(announced.prefix, announced.line, line.upper())
            # No PDU: the indication stands alone, and the line is read as if nothing had been announced.
            self._pieces.appendleft(line)
            return Indication(announced.prefix, announced.line)
        news = announcement(line)
        if isinstance(news, Announcement):
            self._announced = news
            return None
        if news is None:
            self._text_follows = announces_text(line)
            return Line(line)
        return news


def _text(raw: bytes) -> str:
    """The characters of a line; no octets are refused."""
    raw = raw.replace(b"\xff", b"")
    if b'"' not in raw:
        raw = raw.replace(b"\0", b"")  # in a quoted string of CSCS="GSM" it is an @ (23.038 6.2.1)
    raw = raw.strip(_BLANK)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return _LINE_BREAK.sub("\n", text)
