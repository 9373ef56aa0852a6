"""Webhooks and what they could not deliver."""

from __future__ import annotations

from pydantic import AwareDatetime

from gateway.api.shapes.common import Shape


class WebhookShape(Shape):
    """A webhook as it is now; errors and times since the gateway started."""

    name: str
    origin: str
    """Scheme, host and port of its URL; the path may be a secret."""
    events: list[str]
    clients: list[str]
    """Clients whose events it gets; none: all, and what belongs to no client."""
    waiting: int
    """Events that are still to be sent."""
    oldest_waiting_at: AwareDatetime | None
    dead: int
    """Events that were given up."""
    failures: int
    """Attempts in a row that failed."""
    paused_until: AwareDatetime | None
    last_error: str | None
    last_error_at: AwareDatetime | None
    last_delivery_at: AwareDatetime | None


class WebhookList(Shape):
    """Every webhook of the configuration."""

    items: list[WebhookShape]


class DeadDeliveryShape(Shape):
    """An event that was given up at a webhook."""

    id: str
    """Of this delivery: what /v1/webhooks/replay takes."""
    endpoint: str
    event_id: str
    type: str
    client: str | None
    subject: str
    """What the event is about: the id of a message, challenge or received message, or a modem's name."""
    attempts: int
    status: int | None
    """HTTP status of the last attempt."""
    error: str | None
    created_at: AwareDatetime
    dead_at: AwareDatetime


class DeadDeliveryList(Shape):
    """Events that were given up, newest first."""

    items: list[DeadDeliveryShape]
    next_cursor: str | None


class ReplayShape(Shape):
    """What is sent once more."""

    replayed: int
    unknown: list[str]
    """Ids that no configured webhook has ended."""


class WebhookTestShape(Shape):
    """What came back for a test event."""

    event_id: str
    delivered: bool
    status: int | None
    error: str | None
    seconds: float
