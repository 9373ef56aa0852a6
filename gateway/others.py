"""What a worker knows of the other modems, and what it tells them and whoever counts."""

from __future__ import annotations

from typing import Protocol

from gateway.directory import ModemView
from gateway.messages import ClaimedAttempt, Refusal

ACCEPTED, REFUSED, UNKNOWN = "accepted", "refused", "unknown"
RESULTS = (ACCEPTED, REFUSED, UNKNOWN)
"""What a submit may come to."""


class Witness:
    """Hears what becomes of each part at a modem, and does nothing about it; called on the threads of the workers."""

    def claimed(self, modem: str, attempt: ClaimedAttempt) -> None:
        """A modem took a part."""

    def begun(self, modem: str, attempt: ClaimedAttempt) -> None:
        """Its PDU is about to be written."""

    def submitted(self, modem: str, attempt: ClaimedAttempt, seconds: float) -> None:
        """The network accepted it, so many seconds after AT+CMGS was written."""

    def ended(self, modem: str, result: str, refusal: Refusal | None) -> None:
        """It is stored what a submit came to: one of `RESULTS`, and what the modem said where it was an error."""


class Others(Protocol):
    """What a worker knows of the other modems."""

    def views(self) -> list[ModemView]:
        """A snapshot of every modem."""
        ...

    def prefixes(self) -> tuple[str, ...]:
        """Every configured prefix."""
        ...

    def planned(self) -> None:
        """Attempts were planned or became ready: wake whoever can take them, re-arm the scheduler."""
        ...

    def upcoming(self) -> None:
        """Something falls due by and by: the scheduler looks when."""
        ...

    def wake_idle(self) -> None:
        """There is more than one modem's work: whoever is idle looks for some."""
        ...

    @property
    def witness(self) -> Witness:
        """Who counts what becomes of parts."""
        ...

    def recovering(self, name: str, step: str) -> None:
        """A step was taken to bring a modem back."""
        ...
