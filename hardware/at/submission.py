"""What an AT+CMGS transaction tells its owner, and what became of one that was given up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from hardware.at.results import FinalResult
from hardware.errors import CommandRejected

_DOUBT = 2 / 3  # of the time for a result: how long after it was given up a submit may still be answered
_PATIENCE = 1 / 9  # of the time for a result: how long the answer of the submit after it is then waited for
_SHOWN = 1  # how often one reference must have followed another before the modem is known to count by one
_REFERENCES = 256  # TP-MR is one octet (23.040 9.2.3.6)

_REFERENCE = re.compile(r"\+CMGS\s*:\s*(\d+)")


def reference_of(line: str) -> int | None:
    """TP-MR of a +CMGS line; None where it has none."""
    found = _REFERENCE.match(line)
    return None if found is None else int(found[1]) % _REFERENCES


class SubmitHooks(Protocol):
    """What the owner of a message does at the points of an AT+CMGS transaction; called on the channel's thread.

    Before Ctrl-Z an exception from a hook ends the transaction with ESC and nothing is sent. After it the exception
    leaves the channel dirty, and `resynchronise` returns the result that was not waited for.
    """

    def awaiting_prompt(self) -> None:
        """AT+CMGS was written; there is time until the prompt comes. Once per transaction."""
        ...

    def before_pdu(self) -> None:
        """The prompt is there, and no octet of the PDU was written yet: the last moment to say no, by raising."""
        ...

    def on_air(self) -> None:
        """PDU and Ctrl-Z were written."""
        ...

    def slow(self) -> None:
        """The result is taking long. Once per transaction; the waiting goes on."""
        ...

    def news(self) -> None:
        """Indications were queued, and the waiting goes on."""
        ...


@dataclass(frozen=True, slots=True)
class LateResult:
    """What became of a submit that was given up: its message reference, or its error."""

    reference: int | None
    error: CommandRejected | None


class Answers:
    """Which answer is whose after a submit was given up. No port, no clock.

    A modem that answers AT while a message is still on its way can answer that message after the next one was handed
    over. It sends one after the other (24.011 5.2: one at a time in each direction), so it answers them in their
    order; and most count TP-MR up by one with each submit. So for some time after a submit was given up an answer
    counts for the next one only where its reference says so, or where as many answers as were missing came before it.
    What came before it then belongs to the ones before. Where neither is so nobody knows, and it is held.
    """

    def __init__(self) -> None:
        self.patience = 0.0
        """Seconds to wait for another answer once one is held."""
        self.held: list[str | FinalResult] = []
        """Answers since the PDU that may belong to a submit before."""
        self._missing = 0
        self._until = self._window = 0.0
        self._last: int | None = None  # reference known last
        self._since = 0  # submits given up since
        self._run = 0  # references in a row that followed each other

    def missing(self, now: float) -> int:
        """How many submits that were given up may still be answered."""
        return self._missing if now < self._until else 0

    def begin(self, now: float, timeout: float) -> None:
        """A PDU was handed over, whose result is waited for so many seconds."""
        self.held.clear()
        self.patience, self._window = timeout * _PATIENCE, timeout * _DOUBT
        self._missing = self.missing(now)

    def ours(self, said: str | FinalResult) -> bool:
        """Whether this +CMGS line or error answers the newest submit; else it is held. The same line again is none."""
        if self._missing == 0 or (len(self.held) >= self._missing and said not in self.held):
            return True
        if isinstance(said, str) and self._run >= _SHOWN and reference_of(said) == self._next:
            return True
        if said not in self.held:
            self.held.append(said)
        return False

    def release(self) -> list[str]:
        """The +CMGS lines that were held, now that the newest submit has its own answer."""
        lines = [said for said in self.held if isinstance(said, str)]
        self._missing = max(0, self._missing - len(self.held))
        self.held.clear()
        return lines

    def accepted(self, reference: int | None) -> None:
        """The newest submit was accepted under this reference."""
        self._run = self._run + 1 if reference == self._next else 0
        self._last, self._since = reference, 0

    def refused(self) -> None:
        """The newest submit was refused: whether it has used up a reference is not known."""
        self._last, self._run, self._since = None, 0, 0

    def restarted(self) -> None:
        """The modem restarted: no submit before that is answered any more, and how it counts is not known."""
        self._missing = 0
        self.refused()

    def settled(self, line: str) -> None:
        """A +CMGS line or an error came while it could only be that of a submit that was given up."""
        reference = reference_of(line)
        if self._missing or reference is not None:
            self._missing = 0
            self._last, self._since = reference, 0

    def given_up(self, now: float, *, restarted: bool) -> None:
        """The newest submit has no answer of its own.

        With a restart of the modem it has ended. Nor is anything expected any more where an answer came that may be
        this one's or that of the one before: else each would be doubted because of the one before it.
        """
        self._until = now + self._window
        if restarted or self.held:
            self.restarted()
            self.held.clear()
        else:
            self._missing += 1
            self._since += 1

    @property
    def _next(self) -> int | None:
        return None if self._last is None else (self._last + self._since + 1) % _REFERENCES
