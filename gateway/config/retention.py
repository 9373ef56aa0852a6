"""How long what is kept is kept."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from gateway.config.fields import DAY, Section
from gateway.quantities import seconds, written

FOREVER = "forever"
HOUR = 3600.0


def _at_least(least: float) -> BeforeValidator:
    """Seconds, not below `least`; None for `forever`."""

    def check(value: object) -> float | None:
        if value == FOREVER:
            return None
        duration = seconds(value)
        if duration < least:
            raise ValueError(f'at least {written(least)}, or "{FOREVER}"')
        return duration

    return BeforeValidator(check)


class RetentionConfig(Section):
    """Seconds from acceptance, or from the start of what was sent for later, until something is erased."""

    # An hour is how often the gateway looks; what is shorter could not be kept.
    texts: Annotated[float | None, _at_least(HOUR)] = "30d"  # type: ignore[assignment]  # validate_default reads it
    # Reports of the network that come late find their message for three days.
    messages: Annotated[float | None, _at_least(3 * DAY)] = "90d"  # type: ignore[assignment]
    # Failures and sends are counted over challenges, in windows of a day and more.
    codes: Annotated[float | None, _at_least(2 * DAY)] = "30d"  # type: ignore[assignment]
    # Parts wait a day for each other, and what a SIM hands over twice is known by them.
    inbox: Annotated[float | None, _at_least(2 * DAY)] = "90d"  # type: ignore[assignment]
    # A webhook is tried for a day.
    events: Annotated[float | None, _at_least(2 * DAY)] = "7d"  # type: ignore[assignment]
    caught: Annotated[float | None, _at_least(HOUR)] = "7d"  # type: ignore[assignment]
