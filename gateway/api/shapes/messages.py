"""Messages, previews and events."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime

from gateway.api.shapes.common import Shape
from gateway.messages import MessageState


class TimelineRow(Shape):
    """One transition or event of a message."""

    time: AwareDatetime
    state: MessageState
    reason: str | None
    modem: str | None
    attempt: int | None
    part: int | None
    result: str | None
    """The modem's result line, or what happened in words."""
    possible_duplicate: bool


class MessageShape(Shape):
    """A message. `text` only with the scope messages:text, and never for the otp lane."""

    id: str
    to: str
    state: MessageState
    reason: str | None
    parts: int
    encoding: Literal["gsm7", "ucs2", "data"]
    priority: Literal["otp", "high", "normal", "bulk"]
    modem: str | None
    attempts: int
    created_at: AwareDatetime
    expires_at: AwareDatetime
    next_attempt_at: AwareDatetime | None
    sent_at: AwareDatetime | None
    delivered_at: AwareDatetime | None
    client_ref: str | None
    tags: list[str]
    warnings: list[str]
    text: str | None = None


class MessageWithTimeline(MessageShape):
    """A message and what happened to it."""

    timeline: list[TimelineRow]


class Accepted(Shape):
    """The messages of one request to many recipients, in the order of `to`."""

    items: list[MessageWithTimeline]


class MessageList(Shape):
    """Messages, newest first."""

    items: list[MessageShape]
    next_cursor: str | None


class PreviewShape(Shape):
    """What would be sent."""

    text: str
    encoding: Literal["gsm7", "ucs2"]
    parts: int
    forcing: list[str]
    """Characters that force UCS-2."""
    cost: int
    """Parts that the SIM is charged for."""
    to: str | None
    country: str | None
    warnings: list[str]


class EventShape(Shape):
    """Server-Sent Events; the data of each is this, as JSON in one line."""

    id: str
    """Also the event's own id, for Last-Event-ID."""
    type: str
    """`message.<state>`, `otp.<state>`, `inbox.received`, `modem.<state>`; `gap` where events before it are lost."""
    time: AwareDatetime | None
    """When it happened; null for a gap."""
    client: str | None
    """Whose it is; null for the inbox and for modems."""
    data: dict[str, Any]
    """What it is about; a code, or the text of one, is never in it."""
