"""What a door needs of the machine behind it: a simulated modem, or one that plays a trace."""

from __future__ import annotations

from typing import Protocol

from hardware.clock import Clock


class Timeline(Protocol):
    """Things that happen by themselves, on a clock."""

    @property
    def clock(self) -> Clock:
        """What time it is."""
        ...

    def next_event(self) -> float | None:
        """Boot time in seconds of the next one; None for none."""
        ...

    def run_due(self) -> None:
        """Let everything happen whose time has come."""
        ...


class Machine(Protocol):
    """One end of a serial line."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def port(self) -> str:
        """The name of its port."""
        ...

    @property
    def present(self) -> bool:
        """Whether the port is there now."""
        ...

    @property
    def generation(self) -> int:
        """Counts the times that the port went away."""
        ...

    @property
    def network(self) -> Timeline:
        """What moves it."""
        ...

    @property
    def output_waiting(self) -> bool:
        """Whether `take` would return something."""
        ...

    def feed(self, octets: bytes) -> None:
        """What a program writes to the port."""
        ...

    def take(self, limit: int = 4096) -> bytes:
        """At most `limit` octets of what it has said and nobody has read."""
        ...
