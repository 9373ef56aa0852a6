"""A modem that plays a trace: it says what the recorded one said, to the same commands."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from functools import partial

from hardware.clock import Clock
from hardware.simulator.door import SimulatedTransport
from hardware.simulator.events import EventQueue
from hardware.simulator.script import CTRL_Z, ESC, Turn, turns_of
from hardware.tracing import Trace, masked_command

_UNIT = re.compile(r"[^\r\n\x1a\x1b]*[\r\n\x1a\x1b]")
_BODY = re.compile(r"[^\x1a\x1b]*[\x1a\x1b]")
_AHEAD = 30  # turns that are passed over before one that was played already is played again
_MESSAGE = re.compile(r"(AT\+CMG[SW]=).*")  # whatever its length: it is another message than the recorded one
_ECHO_OFF, _ECHO_ON = re.compile(r"AT.*E0", re.IGNORECASE), re.compile(r"AT(?:.*E1|Z|&F|\+CFUN=1,1)", re.IGNORECASE)


class ReplayedModem:
    """Plays a trace on a clock; a door's `Machine`.

    A command is answered as it was the next time in the trace, else as it was the last time before, else as it was any
    time. What the trace does not have is answered with ERROR and counted in `unknown`. Times are those of the trace,
    multiplied by `scale`; what the modem said by itself comes as long after a turn as it did then.
    """

    def __init__(self, trace: Trace, clock: Clock, *, name: str = "replay", scale: float = 1.0) -> None:
        self.name, self.port, self.present, self.generation = name, f"tty-{name}", True, 0
        self.network = EventQueue(clock)
        self.unknown: Counter[str] = Counter()
        """Commands that the trace does not have, masked, and how often each came."""
        self.played: Counter[str] = Counter()
        """How often each command that it has was answered; masked likewise."""
        self._masked, self._scale = trace.header.masked, scale
        self._turns = turns_of(trace.entries)
        self._places: dict[str, list[int]] = {}
        for place, turn in enumerate(self._turns):
            self._places.setdefault(_key(turn.wrote), []).append(place)
        self._place = self._last = 0
        self._written = ""
        self._output = bytearray()
        self._at_prompt = False
        self._answering = 0
        self._held: list[bytes] = []
        self._echo = any(turn.echoed for turn in self._turns[:3])

    @property
    def turns(self) -> int:
        """How many commands and messages the trace has."""
        return len(self._turns)

    def transport(self, *, chunk: int = 4096) -> SimulatedTransport:
        """Open the in-process door, which needs a FakeClock."""
        return SimulatedTransport(self, chunk)

    @property
    def output_waiting(self) -> bool:
        """Whether `take` would return something."""
        return bool(self._output)

    def take(self, limit: int = 4096) -> bytes:
        """At most `limit` octets of what it has said and nobody has read."""
        taken = bytes(self._output[:limit])
        del self._output[:limit]
        return taken

    def feed(self, octets: bytes) -> None:
        """What a program writes to the port."""
        self._written += octets.decode("latin-1")
        while (unit := (_BODY if self._at_prompt else _UNIT).match(self._written)) is not None:
            self._written = self._written[unit.end() :]
            said = unit[0].strip("\r\n")
            if self._at_prompt:
                self._at_prompt = False
                self._play(self._ended(said), said)
            elif said and said != ESC:  # outside a prompt ESC and empty lines ask for nothing
                command = said.strip("\x1a\x1b ")
                self._play(self._found(command), command)

    # What is played

    def _found(self, command: str) -> Turn | None:
        """The turn that answers a command."""
        shown = masked_command(command)
        turn = self._pick(_key(shown if self._masked else command))
        (self.unknown if turn is None else self.played)[shown] += 1
        return turn

    def _ended(self, body: str) -> Turn | None:
        """The turn that a message body or ESC gets: the one after the prompt, where it is there."""
        key = _key(body)
        following = self._last + 1
        if following in self._places.get(key, ()):
            self._last, self._place = following, max(self._place, following + 1)
            return self._turns[following]
        return self._pick(key)

    def _pick(self, key: str) -> Turn | None:
        places = self._places.get(key)
        if places is None:
            return None
        at = bisect_left(places, self._place)
        if at < len(places) and (at == 0 or places[at] - self._place < _AHEAD):
            self._last = places[at]
            self._place = self._last + 1
        else:
            self._last = places[at - 1]
        return self._turns[self._last]

    def _play(self, turn: Turn | None, said: str) -> None:
        if self._echo and turn is not None and turn.echoed:
            self._output += f"{said}\r".encode("latin-1", "replace")
        if _ECHO_OFF.match(said):
            self._echo = False
        elif _ECHO_ON.match(said):
            self._echo = True
        if turn is None:
            self._output += b"\r\nOK\r\n" if said.endswith(ESC) else b"\r\nERROR\r\n"
            return
        answer = turn.answer()
        self._answering += len(answer)
        for place, (after, octets) in enumerate(answer, 1):
            prompts = place == len(answer) and turn.prompted()
            self.network.after(after * self._scale, partial(self._say, octets, prompts))
        for after, octets in turn.news():
            self.network.after(after * self._scale, partial(self._tell, octets))
        self.network.run_due()

    def _say(self, octets: bytes, prompts: bool) -> None:
        """A piece of an answer; what came by itself meanwhile follows the last one. A prompt is its last piece."""
        self._output += octets
        self._at_prompt = self._at_prompt or prompts
        self._answering -= 1
        if not self._answering:
            self._output += b"".join(self._held)
            self._held.clear()

    def _tell(self, octets: bytes) -> None:
        """What comes by itself."""
        if self._answering:
            self._held.append(octets)
        else:
            self._output += octets


def _key(wrote: str) -> str:
    """What is the same of two things that get the same answer."""
    if wrote.endswith(CTRL_Z):
        return CTRL_Z
    if wrote.endswith(ESC):
        return ESC
    bare = "".join(wrote.split()).upper()
    message = _MESSAGE.fullmatch(bare)
    return message[1] if message is not None else bare
