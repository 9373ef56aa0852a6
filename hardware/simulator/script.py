"""A trace as a script: what was written to the modem, and what it said after each of these."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from hardware.tracing import Entry, Mark

CTRL_Z, ESC = "\x1a", "\x1b"
_UNIT = re.compile(r"[^\r\n\x1a\x1b]*[\r\n\x1a\x1b]")
_BODY = re.compile(r"[^\x1a\x1b]*[\x1a\x1b]")
_FINAL = re.compile(
    rb"(?:\A|[\r\n])(?:OK|ERROR|\+CM[ES] ERROR:[^\r\n]*|NO CARRIER|NO ANSWER|BUSY|CONNECT[^\r\n]*|COMMAND NOT SUPPORT"
    rb"|TOO MANY PARAMETERS|[0-4])\r+\n?"
)
PROMPT = re.compile(rb"(?:\A|[\r\n])> ?(?=\Z|[\r\n])")
"""Where a message is awaited (27.005 3.5.1)."""
_TAKES_BODY = re.compile(r"\+(?:CMGS|CMGW|CMGC|CNMA)=", re.IGNORECASE)


@dataclass(eq=False, slots=True)
class Turn:
    """One thing that was written, and what came until the next one was."""

    wrote: str = field(repr=False)
    """A command line, a message body with its Ctrl-Z, or ESC; without line ends."""
    at: float
    """Seconds since the beginning of the trace."""
    said: list[tuple[float, bytes]] = field(default_factory=list, repr=False)
    """Seconds after it, and octets, as they came."""
    echoed: bool = False
    """What was written came back first; that is not part of `said`."""

    def answer(self) -> list[tuple[float, bytes]]:
        """What was said up to the final result or the prompt."""
        return self.said[: self._answered()]

    def news(self) -> list[tuple[float, bytes]]:
        """What was said after that by itself."""
        return self.said[self._answered() :]

    @property
    def takes_body(self) -> bool:
        """Whether it asks for a prompt and a message behind it."""
        return _TAKES_BODY.search(self.wrote) is not None

    def prompted(self) -> bool:
        """Whether a prompt came."""
        return self.takes_body and PROMPT.search(b"".join(octets for _, octets in self.said)) is not None

    def _answered(self) -> int:
        heard = b""
        for place, (_, octets) in enumerate(self.said, 1):
            heard += octets
            if _FINAL.search(heard) or (self.takes_body and PROMPT.search(heard)):
                return place
        return len(self.said)


def turns_of(entries: Iterable[Entry]) -> list[Turn]:
    """The script of a trace; what the modem said before anything was written to it is left out."""
    turns: list[Turn] = []
    written, at_prompt = "", False
    for entry in entries:
        if isinstance(entry, Mark):
            written, at_prompt = "", False
            continue
        if entry.direction == "received":
            if turns:
                turns[-1].said.append((max(0.0, entry.at - turns[-1].at), entry.data))
                at_prompt = at_prompt or turns[-1].prompted()
            continue
        written += entry.data.decode("latin-1")
        while (unit := (_BODY if at_prompt else _UNIT).match(written)) is not None:
            written, said = written[unit.end() :], unit[0].strip("\r\n")
            if said:
                turns.append(Turn(said, entry.at))
            at_prompt = False
    for turn in turns:
        _split_off_echo(turn)
        _split_lines(turn)
    return turns


def _split_off_echo(turn: Turn) -> None:
    """Take what was written off the beginning of what was said, in whatever chunks it came back."""
    echo = turn.wrote.encode("latin-1")
    whole = b"".join(octets for _, octets in turn.said)
    if not echo or not whole.startswith(echo):
        return
    turn.echoed = True
    left = len(echo) + (1 if whole[len(echo) : len(echo) + 1] == b"\r" else 0)
    kept = []
    for after, octets in turn.said:
        cut, left = min(left, len(octets)), max(0, left - len(octets))
        if octets[cut:]:
            kept.append((after, octets[cut:]))
    turn.said = kept


def _split_lines(turn: Turn) -> None:
    """News that came in one chunk with a final result is a chunk of its own."""
    pieces = []
    for after, octets in turn.said:
        found = _FINAL.search(octets)
        if found is not None and found.end() < len(octets):
            pieces += [(after, octets[: found.end()]), (after, octets[found.end() :])]
        else:
            pieces.append((after, octets))
    turn.said = pieces
