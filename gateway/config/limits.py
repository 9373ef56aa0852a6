"""What is refused, and how strictly."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gateway.config.fields import CountryRule, Section, Size, Tuple


class LimitsConfig(Section):
    """What is refused."""

    allowed_countries: Annotated[tuple[CountryRule, ...], Tuple, Field(min_length=1)] | None = None
    disk_reserve: Size = 64_000_000
    max_queued: int = Field(default=1_000_000, ge=1)
