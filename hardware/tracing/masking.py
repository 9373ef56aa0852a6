"""Masks a conversation as it goes by: the same chunks with the same lengths, and no secret in them.

A secret may be cut anywhere, so each direction is read as a stream: what belongs to a line that has not ended is held
back, and with it everything after it, so that the order stays. What follows a gap is masked up to its first line end.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from hardware.tracing.lines import command_name, hidden, masked_command, masked_line
from hardware.tracing.records import Direction, Entry, Mark, Octets
from hardware.tracing.tpdu import masked_tpdu

_LINE_LIMIT = 4096  # characters of a line that is held back; a longer one is no line
_USSD_LIMIT = 2048
_LINE = re.compile(r"[^\r\n]*[\r\n]")
_COMMAND = re.compile(r"[^\r\n\x1a\x1b]*[\r\n\x1a\x1b]")
_BODY = re.compile(r"[^\x1a\x1b]*[\x1a\x1b]")
_USSD = re.compile(r'\+CUSD:[^"\r\n]*"[^"]*"[^\r\n]*[\r\n]')
_USSD_OPEN = re.compile(r'\+CUSD:[^"\r\n]*"[^"]*(?:"[^\r\n]*)?\Z')
_PROMPT = re.compile(r"> ?")
_PDU = re.compile(r"(?:[0-9A-Fa-f]{2}){8,}", re.ASCII)
_CERTAIN = re.compile(r"AT(?:[+^#!*$%][A-Z]{2}|[&\\]?[A-Z0-9]{0,6}\r)")
_TAKES_BODY = frozenset({"+CMGS", "+CMGW", "+CMGC", "+CNMA"})
_BEFORE_BODY = re.compile(r"\+(?:CMT|CMGR|CMGL|CDS|CBM):")
_AFTER_TEXT = re.compile(r"(?:OK|ERROR|\+CM[ES] ERROR: ?\d+|\+(?:CMG[LRS]|CMTI?|CDSI?):.*)\Z")
_FINAL = re.compile(r"(?:OK|ERROR|\+CM[ES] ERROR:.*|NO CARRIER|COMMAND NOT SUPPORT|TOO MANY PARAMETERS)\Z")


@dataclass(eq=False, slots=True)
class _Held:
    """A chunk on its way through."""

    at: float
    direction: Direction
    size: int
    data: bytearray = field(default_factory=bytearray)


@dataclass(eq=False, slots=True)
class _Stream:
    """One direction: octets of the line that has begun, and the chunks that they came in."""

    synced: bool
    buffer: str = ""
    chunks: deque[_Held] = field(default_factory=deque)


class Masker:
    """Takes entries in order and gives them back masked, some later than others. `synced`: it begins with a line."""

    def __init__(self, *, synced: bool) -> None:
        self._queue: deque[_Held | Mark] = deque()
        self._sent, self._received = _Stream(synced), _Stream(synced)
        self._pending = ""
        self._commands: deque[str] = deque(maxlen=8)
        """What was written last, for its echo."""
        self._takes_body = self._at_prompt = False
        self._body_follows = False

    def take(self, entry: Entry) -> list[Entry]:
        """What can be shown now that this entry is known."""
        if isinstance(entry, Mark):
            self._break_off()
            self._sent.synced, self._received.synced = entry.what == "opened", False
            self._queue.append(entry)
            return self._ready()
        stream = self._sent if entry.direction == "sent" else self._received
        held = _Held(entry.at, entry.direction, len(entry.data))
        self._queue.append(held)
        stream.chunks.append(held)
        stream.buffer += entry.data.decode("latin-1")
        if entry.direction == "sent":
            self._read(self._sent, self._next_sent)
        else:
            self._read(self._received, self._next_received)
        return self._ready()

    def finish(self) -> list[Entry]:
        """Everything that was held back; the lines that have not ended are masked as a whole."""
        self._break_off()
        return self._ready()

    # Lines

    def _read(self, stream: _Stream, following: Callable[[str], tuple[int, str] | None]) -> None:
        while stream.buffer:
            if not stream.synced:
                begins = self._begins(stream)
                if begins is None:
                    return
                stream.synced = begins
            if not stream.synced:
                end = re.search(r"[\r\n\x1a\x1b]", stream.buffer)
                stream.synced = end is not None
                self._settle(stream, len(stream.buffer) if end is None else end.end(), hidden)
                continue
            found = following(stream.buffer)
            if found is None:
                if len(stream.buffer) > _LINE_LIMIT:
                    self._settle(stream, len(stream.buffer), hidden)
                    stream.synced = False
                return
            length, shown = found
            self._settle(stream, length, lambda _, shown=shown: shown)  # type: ignore[misc]

    def _begins(self, stream: _Stream) -> bool | None:
        """Whether what follows the unknown begins a line all the same; None while more must be seen.

        A program writes whole commands, whose values are masked anyway; and an echo of one is known.
        """
        if stream is self._sent:
            return _CERTAIN.match(stream.buffer) is not None
        for command in self._commands:
            if stream.buffer.startswith(command):
                return True
            if command.startswith(stream.buffer):
                return None
        return False

    def _next_sent(self, text: str) -> tuple[int, str] | None:
        if self._at_prompt or (self._takes_body and not text.lstrip("\r\n").upper().startswith(("AT", "\x1b"))):
            body = _BODY.match(text)
            if body is None:
                return None
            self._takes_body = self._at_prompt = False
            return body.end(), _masked_body(body[0])
        line = _COMMAND.match(text)
        if line is None:
            return None
        said = line[0].strip("\r\n\x1a\x1b")
        if said:
            self._pending = command_name(said)
            self._takes_body = self._pending in _TAKES_BODY and "=" in said and not said.endswith("?")
            self._commands.append(said)
        return line.end(), masked_command(line[0])

    def _next_received(self, text: str) -> tuple[int, str] | None:
        if self._takes_body and (prompt := _PROMPT.match(text)):
            self._at_prompt = True
            return prompt.end(), prompt[0]
        if _USSD_OPEN.match(text) and len(text) < _USSD_LIMIT:
            return None
        line = _USSD.match(text) or _LINE.match(text)
        return (line.end(), self._masked_said(line[0])) if line is not None else None

    def _masked_said(self, text: str) -> str:
        said = text.strip()
        if not said:
            return text
        if _FINAL.match(said):
            self._takes_body = self._at_prompt = False
            self._pending = ""
        if said in self._commands:
            return masked_command(text)
        if self._body_follows and not _AFTER_TEXT.match(said):
            if _PDU.fullmatch(said):
                self._body_follows = False
                return text.replace(said, masked_tpdu(said))
            return hidden(text)
        self._body_follows = _BEFORE_BODY.match(said) is not None
        if self._pending in _TAKES_BODY and _PDU.fullmatch(said.strip("\x1a\x1b")):
            said = said.strip("\x1a\x1b")
            return text.replace(said, masked_tpdu(said))
        return masked_line(text, self._pending)

    # Chunks

    def _settle(self, stream: _Stream, length: int, mask: Callable[[str], str]) -> None:
        """Take so many characters off a stream and put them, masked, into the chunks that they came in."""
        text, stream.buffer = stream.buffer[:length], stream.buffer[length:]
        shown = mask(text)
        if len(shown) != length:  # a mask that changes lengths would show one chunk's octets in another
            shown = hidden(text)
        data = shown.encode("latin-1", "replace")
        while data:
            held = stream.chunks[0]
            room = held.size - len(held.data)
            held.data += data[:room]
            data = data[room:]
            if len(held.data) == held.size:
                stream.chunks.popleft()

    def _break_off(self) -> None:
        for stream in (self._sent, self._received):
            if stream.buffer:
                self._settle(stream, len(stream.buffer), hidden)
                stream.synced = False
        self._takes_body = self._at_prompt = self._body_follows = False

    def _ready(self) -> list[Entry]:
        ready: list[Entry] = []
        while self._queue:
            head = self._queue[0]
            if isinstance(head, _Held):
                if len(head.data) < head.size:
                    break
                ready.append(Octets(head.at, head.direction, bytes(head.data)))
            else:
                ready.append(head)
            self._queue.popleft()
        return ready


def _masked_body(body: str) -> str:
    """A message body with what ends it: a PDU, or a text."""
    said = body.strip("\r\n\x1a\x1b ")
    return body.replace(said, masked_tpdu(said)) if _PDU.fullmatch(said) else hidden(body)
