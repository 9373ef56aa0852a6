"""What a worker knows of the other modems, and what it tells them."""

from __future__ import annotations

from typing import Protocol

from gateway.directory import ModemView


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

    def submitted(self, name: str, seconds: float) -> None:
        """A modem's submit was accepted by the network after so many seconds."""
        ...

    def recovering(self, name: str, step: str) -> None:
        """A step was taken to bring a modem back."""
        ...
