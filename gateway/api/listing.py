"""Lists: how many, from where, of which time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from gateway.api.operations import Parameter
from gateway.refusals import InvalidInput

T = TypeVar("T")
USUAL, MOST = 50, 1000
LIMIT = Parameter("limit", {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL}, "How many at most")
CURSOR = Parameter("cursor", {"type": "string"}, "Where the last list ended: its next_cursor")


def page(read: Callable[[], T]) -> T:
    """Read a page of a list; raises InvalidInput for a cursor that no list gave."""
    try:
        return read()
    except ValueError:
        raise InvalidInput.of("cursor", "not one that a list gave") from None


def limit_of(query: Mapping[str, str]) -> int:
    """How many rows are asked for; raises InvalidInput."""
    written = query.get("limit", str(USUAL))
    if not (written.isascii() and written.isdigit() and len(written) <= 4 and 1 <= int(written) <= MOST):
        raise InvalidInput.of("limit", f"a whole number from 1 to {MOST}")
    return int(written)


def moment_of(query: Mapping[str, str], name: str) -> int | None:
    """A time in Unix milliseconds; raises InvalidInput where it is no RFC 3339 time with an offset."""
    if name not in query:
        return None
    try:
        moment = datetime.fromisoformat(query[name].replace(" ", "+"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidInput.of(name, "a time like 2026-01-31T12:00:00Z")
    return round(moment.timestamp() * 1000)
