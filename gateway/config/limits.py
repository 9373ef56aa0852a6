"""What is refused, and how strictly; and whose wish is heeded to get nothing more."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from gateway.config.fields import DAY, CountryRule, Duration, Rates, Section, Size, Tuple, between
from gateway.quantities import Rate

Mode = Literal["off", "monitor", "enforce"]
"""What a rule does: nothing, tell (log and event), or refuse as well."""


class _Rule(Section):
    """A rule that may be turned off, watched or enforced."""

    mode: Mode = Field(
        default="monitor", description="off: nothing; monitor: log and event; enforce: refused as well (429)"
    )


class NumberLimit(_Rule):
    """Codes to one number."""

    rates: Rates = (Rate(3, 600.0), Rate(10, DAY))


class AddressLimit(_Rule):
    """Codes for one end user's address, where the client tells it."""

    rates: Rates = (Rate(10, 3600.0),)


class KeyLimit(_Rule):
    """Messages and codes of one key; what a key's own policy says is enforced besides."""

    rates: Rates = ()


class PrefixLimit(_Rule):
    """Codes to numbers that are alike but for their last digits."""

    digits: int = Field(default=4, ge=1, le=8)
    rates: Rates = (Rate(5, 600.0),)


class ConversionLimit(_Rule):
    """The share of codes that somebody typed in, by prefix: codes that nobody wants are never checked."""

    sends: int = Field(default=20, ge=1)
    least: float = Field(default=0.3, gt=0, le=1)
    window: Annotated[Duration, AfterValidator(between(60.0, 31 * DAY))] = DAY


class LimitsConfig(Section):
    """What is refused."""

    allowed_countries: Annotated[tuple[CountryRule, ...], Tuple, Field(min_length=1)] | None = None
    disk_reserve: Size = 64_000_000
    max_queued: int = Field(default=1_000_000, ge=1)
    number: NumberLimit = Field(default_factory=NumberLimit)
    ip: AddressLimit = Field(default_factory=AddressLimit)
    key: KeyLimit = Field(default_factory=KeyLimit)
    prefix: PrefixLimit = Field(default_factory=PrefixLimit)
    conversion: ConversionLimit = Field(default_factory=ConversionLimit)


Word = Annotated[str, Field(min_length=1, max_length=40)]


class OptOutConfig(Section):
    """People who answer STOP."""

    enabled: bool = True
    words: Annotated[tuple[Word, ...], Tuple] = ()
    start_words: Annotated[tuple[Word, ...], Tuple] = ()
