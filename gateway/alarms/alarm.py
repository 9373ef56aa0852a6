"""One thing that needs a person."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How soon somebody should look."""

    CRITICAL = "critical"
    """Codes do not arrive now."""
    WARNING = "warning"
    """They will not, if nobody does anything."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Its `key` is what it is known by while it lasts; `what` and `remedy` hold no secret and no whole number."""

    key: str
    severity: Severity
    what: str
    """What happened, to what."""
    remedy: str
    """What to do."""
    holds: float = 0.0
    """Seconds for which it must have been so until anybody is told."""
    modem: str | None = None
    """Whose SIM should not be the one that tells of it."""
