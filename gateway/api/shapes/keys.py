"""API keys."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from gateway.api.shapes.common import Shape


class KeyShape(Shape):
    """An API key without the key itself. What limits nothing is empty or null."""

    id: str
    client: str
    name: str
    scopes: list[str]
    state: Literal["in_force", "expired", "revoked"]
    created_at: AwareDatetime
    last_used_at: AwareDatetime | None
    """To the hour."""
    expires_at: AwareDatetime | None
    revoked_at: AwareDatetime | None
    networks: list[str]
    countries: list[str]
    templates: list[str]
    longest_lifetime: float | None
    """Seconds."""
    rates: list[str]
    short_codes: bool
    delivery: Literal["live", "redirect", "catch"]
    redirect_to: str | None


class KeyMade(KeyShape):
    """An API key that was made just now: the only time that `key` is shown."""

    key: str


class KeyList(Shape):
    """All keys, oldest first; revoked and expired ones too."""

    items: list[KeyShape]
