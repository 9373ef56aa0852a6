"""Received and caught messages."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from gateway.api.shapes.common import Shape


class InboxMessage(Shape):
    """A received message, long ones joined."""

    id: str
    sender: str = Field(alias="from")
    text: str | None
    """null for octets, and for what could not be read."""
    data: str | None
    """Octets in hexadecimal; the raw PDU where `readable` is false."""
    port: int | None
    parts: int
    missing: int
    """Parts that never came."""
    readable: bool
    modem: str
    sent_at: AwareDatetime | None
    """The service centre's time stamp."""
    received_at: AwareDatetime


class InboxList(Shape):
    """Received messages, newest first."""

    items: list[InboxMessage]
    next_cursor: str | None


class CaughtMessage(Shape):
    """A message of a key that sends nothing, as its handset would show it."""

    id: str
    message_id: str
    to: str
    text: str | None
    """null for octets."""
    data: str | None
    """Octets in hexadecimal."""
    port: int | None
    code: str | None
    """The code that it carries; null without one."""
    parts: int
    encoding: Literal["gsm7", "ucs2", "data"]
    caught_at: AwareDatetime


class CaughtList(Shape):
    """Caught messages, newest first."""

    items: list[CaughtMessage]
    next_cursor: str | None


class Cleared(Shape):
    """How many were deleted."""

    deleted: int
