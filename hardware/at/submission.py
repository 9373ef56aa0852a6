"""What an AT+CMGS transaction tells its owner, and what became of one that was given up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hardware.errors import CommandRejected


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

    def news(self) -> None:
        """Indications were queued, and the waiting goes on."""
        ...


@dataclass(frozen=True, slots=True)
class LateResult:
    """What became of a submit that was given up: its message reference, or its error."""

    reference: int | None
    error: CommandRejected | None
