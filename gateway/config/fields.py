"""What the fields of a configuration are made of: types that check and say what is wrong."""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import phonenumbers
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
)

from gateway.messages import Secret
from gateway.peers import Network, network_of
from gateway.quantities import Rate, octets, rate, seconds, written
from gateway.quiet import QuietHours, quiet_hours
from gateway.templates import languages, load_all

DAY = 86_400.0
MESSAGE_LIFETIME = (10.0, 63 * DAY)
"""Shortest and longest lifetime of a message in seconds; 63 days is the longest TP-VP (23.040 9.2.3.12.1)."""
OTP_LIFETIME = (60.0, 600.0)
"""Shortest and longest lifetime of a code in seconds; ten minutes is the cap of NIST SP 800-63B 5.1.3."""
CODE_LENGTH = (6, 10)
"""Fewest and most characters of a code."""


def between(low: float, high: float) -> Callable[[float], float]:
    """A check that a number of seconds lies between two others."""

    def check(value: float) -> float:
        if not low <= value <= high:
            raise ValueError(f"from {written(low)} to {written(high)}")
        return value

    return check


def _beside_the_file(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str) or not value:
        raise ValueError("a path in quotes")
    base = (info.context or {}).get("base", Path())
    return Path(base, Path(value).expanduser())


def _region(value: str) -> str:
    if value not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"{value!r} is no country code of two capital letters (ISO 3166-1, e.g. GB, FR)")
    return value


def _country_rule(value: str) -> str:
    _region(value.removesuffix("!"))
    return value


def _steps(value: object) -> tuple[float, ...]:
    items = value if isinstance(value, list | tuple) else [value]
    return tuple(seconds(item) for item in items)


def _network(value: object) -> Network:
    if not isinstance(value, str):
        raise ValueError('a network in quotes, e.g. "10.0.0.0/8"')
    return network_of(value)


def check_zone(value: str) -> str:
    """A time zone by its IANA name; raises ValueError."""
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{value!r} is no time zone; write one like Europe/London") from error
    return value


def check_templates(folder: Path) -> Path:
    """A folder of texts that may all be used; raises TemplateError with every problem of every file."""
    load_all(folder)
    return folder


def check_locale(value: str, info: ValidationInfo) -> str:
    """A locale with texts, `en` or `en-GB`; raises ValueError."""
    if "templates" not in info.data:
        return value  # what the folder adds is not known while something is wrong with it
    known = languages(info.data["templates"])
    if not re.fullmatch(r"[a-z]{2,3}([-_][A-Z]{2})?", value) or re.split("[-_]", value)[0] not in known:
        raise ValueError(f"{value!r} is no locale with texts; there are {', '.join(known)}, also as en-GB")
    return value


def pattern(pattern: str, hint: str) -> AfterValidator:
    """A check that text matches; `hint` is what the person is told."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(hint)
        return value

    return AfterValidator(check)


Duration = Annotated[float, BeforeValidator(seconds)]
Steps = Annotated[tuple[float, ...], BeforeValidator(_steps)]
Size = Annotated[int, BeforeValidator(octets)]
FilePath = Annotated[Path, BeforeValidator(_beside_the_file)]
Region = Annotated[str, AfterValidator(_region)]
CountryRule = Annotated[str, AfterValidator(_country_rule)]
Tuple = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
Networks = Annotated[tuple[Annotated[Network, BeforeValidator(_network)], ...], Tuple]
OnUnknown = Literal["resend", "hold"]
RateField = Annotated[Rate, PlainValidator(rate), PlainSerializer(str), WithJsonSchema({"type": "string"})]
QuietField = Annotated[
    QuietHours, PlainValidator(quiet_hours), PlainSerializer(str), WithJsonSchema({"type": "string"})
]
Rates = Annotated[tuple[RateField, ...], Tuple, Field(description="how many, in any window of that length")]


def read_pin(path: Path) -> Secret:
    """The SIM's PIN from its file; raises ValueError where there is none."""
    try:
        digits = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the PIN cannot be read from {path}: {getattr(error, 'strerror', 'not text')}") from None
    if not re.fullmatch(r"\d{4,8}", digits):
        raise ValueError(f"{path} does not hold a PIN of 4 to 8 digits")
    return Secret(digits)


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine only."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class Section(BaseModel):
    """Root of the sections: frozen, nothing unknown, no silent conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)
