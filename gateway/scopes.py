"""What a key may do. Pure."""

from __future__ import annotations

from typing import Final

ALL: Final = (
    "messages:send",
    "messages:read",
    "messages:text",
    "messages:otp",
    "messages:raw",
    "messages:all",
    "otp:send",
    "otp:check",
    "inbox:read",
    "caught:read",
    "modems:read",
    "modems:manage",
    "stats:read",
    "events:read",
    "admin",
)
"""Every scope that there is."""

APPLICATION: Final = ("messages:send", "messages:read", "otp:send", "otp:check")
"""What a key may do that was made without scopes: send, read its own, check; nothing of the machinery."""

SEE_ALL: Final = frozenset({"messages:all", "admin"})
"""Scopes that see what belongs to other clients."""
