"""Blocked numbers."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from gateway.api.shapes.common import Shape


class BlockedShape(Shape):
    """A number that gets nothing more."""

    number: str
    why: Literal["opted_out", "blocked", "blocked_all"]
    """opted_out: its owner answered STOP; blocked: by an operator; blocked_all: codes are refused too."""
    reason: str | None
    """What the operator wrote about it."""
    by: str | None
    """The operator's client; null where the owner did it."""
    since: AwareDatetime


class BlockedList(Shape):
    """Blocked numbers, in the order of the numbers."""

    items: list[BlockedShape]
    next_cursor: str | None
