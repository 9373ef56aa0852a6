"""What clients were told, and the numbers and texts by which the network's side of it is recognised."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from itertools import count
from typing import Any

TOKEN = re.compile(r"M\d{8}")
BACKLOG_LIFETIME = 86_400.0
"""Seconds: what is queued before the load may still wait when the run is over."""
SHARED = [f"+447700900{n}" for n in range(100, 140)]
"""Telephones that get many messages: their reports must not be mixed up."""
FATES: dict[str, dict[str, Any]] = {
    # What the service centre answers for these, or what state they are in (23.040 9.2.3.15).
    **{f"+447700900{n}": {"state": "unknown"} for n in range(200, 203)},
    **{f"+447700900{n}": {"answer": 0x41} for n in range(210, 213)},
    **{f"+447700900{n}": {"answer": 0x65} for n in range(220, 223)},
    **{f"+447700900{n}": {"answer": 0x01} for n in range(230, 233)},
    **{f"+447700900{n}": {"answer": 0x30} for n in range(240, 242)},
}
SOMETIMES_OFF = [f"+447700900{n}" for n in range(250, 256)]


@dataclass(slots=True)
class Told:
    """One message that was accepted, as its client knows it."""

    id: str
    to: str
    token: str
    """Stands in every part of its text; for a code, in its challenge's number alone."""
    asked: float
    """CLOCK_BOOTTIME before the first request, …"""
    answered: float
    """… and when its 202 was read."""
    lifetime: float
    starts_in: float = 0.0
    report: bool = True
    challenge: str | None = None
    code: str | None = None
    """The code, where the client made it."""
    cancelled: bool = False
    seen: list[tuple[float, str, bool]] = field(default_factory=list)
    """(when, state, whether it was said to be final) of each answer about it."""


@dataclass(slots=True)
class Ledger:
    """Everything that clients were told; lists are only appended to."""

    told: list[Told] = field(default_factory=list)
    checks: list[tuple[float, str, str, bool]] = field(default_factory=list)
    """(when, challenge, result, whether the right code of the newest text was given)"""
    statuses: list[tuple[int, str]] = field(default_factory=list)
    """(status, code) of every answer that was no success."""
    unanswered: int = 0
    repeats: int = 0
    differing: list[str] = field(default_factory=list)
    """Answers to one Idempotency-Key that named different messages."""
    codes: set[str] = field(default_factory=set)


class Numbers:
    """Telephone numbers and tokens that no message has had before. Thread-safe."""

    def __init__(self) -> None:
        self._number, self._token = count(100_000), count(1)
        self._lock = threading.Lock()

    def number(self) -> str:
        """A telephone of its own, in a range that is nobody's."""
        with self._lock:
            return f"+4477{next(self._number) + 11_000_000:08}"

    def token(self) -> str:
        """A word that stands in no other text."""
        with self._lock:
            return f"M{next(self._token):08}"


def text_of(token: str, parts: int, *, wide: bool) -> str:
    """A text of that many parts, in each of which the token can be read."""
    if parts == 1:
        return f"{token} your parcel is on its way" + (" do Łodzi" if wide else "")
    length = parts * 67 - 15 if wide else parts * 153 - 25
    words = (f"{token} " * (length // 10 + 1))[: length - 1]
    return words + ("Ł" if wide else ".")
