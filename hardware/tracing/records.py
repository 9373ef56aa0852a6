"""What a trace consists of: octets that went one way, and what became of the port."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Direction = Literal["sent", "received"]
"""As the program sees it: sent to the modem, received from it."""


@dataclass(frozen=True, slots=True)
class Octets:
    """One chunk, as it was written or read."""

    at: float
    """Seconds: of the boot clock while it is caught, since its beginning in a trace."""
    direction: Direction
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something else that happened."""

    at: float
    what: Literal["opened", "closed", "dropped", "ended"]
    chunks: int = 0
    """How many were dropped here, because nobody took them in time."""
    octets: int = 0


Entry: TypeAlias = Octets | Mark
