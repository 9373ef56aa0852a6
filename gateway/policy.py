"""What a key may do beyond its scopes, and who asks: values that travel from the key to what is queued. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from gateway.config import OTP_LIFETIME, CountryRule, Duration, RateField, Tuple

LIVE_LIFETIME = (OTP_LIFETIME[0], 63 * 86_400.0)
"""Shortest and longest cap on lifetimes that a key can have, in seconds."""


class Delivery(IntEnum):
    """What becomes of a key's messages; the greater value is the safer one."""

    LIVE = 0  #: sent
    REDIRECT = 1  #: sent to one configured handset, the original number in front of the text
    CATCH = 2  #: never sent: kept as a virtual handset would show it

    @property
    def word(self) -> str:
        """As it is written in configuration and answers."""
        return self.name.lower()


def _delivery(value: object) -> Delivery:
    if isinstance(value, Delivery):
        return value
    names = {mode.word: mode for mode in Delivery}
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"one of {', '.join(names)}")
    return names[value]


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        raise ValueError(f"{value!r} is no network; write one like 10.0.0.0/8 or 2001:db8::/32") from None


def _capped(value: float) -> float:
    low, high = LIVE_LIFETIME
    if not low <= value <= high:
        raise ValueError("from 60 s to 63 days")
    return value


class PolicyFields(BaseModel):
    """The limits that a key can have."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)

    networks: Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], Tuple] = ()
    """Networks that it may be used from; none: from anywhere."""
    countries: Annotated[tuple[CountryRule, ...], Tuple] = ()
    """Countries that it may send to, of those that the gateway allows; none: all of them."""
    templates: Annotated[tuple[str, ...], Tuple] = ()
    """Templates that its codes may use; none: all."""
    longest_lifetime: Annotated[Duration, AfterValidator(_capped)] | None = None
    """Seconds; a request for more is refused, and a longer default is cut to it."""
    rates: Annotated[tuple[RateField, ...], Tuple] = ()
    """How many messages, codes included, it may send: `100/1h`. Always enforced."""
    short_codes: bool = False
    """Whether it may send to short codes."""
    delivery: Annotated[
        Delivery,
        BeforeValidator(_delivery),
        PlainSerializer(lambda mode: mode.word),
        WithJsonSchema({"type": "string", "enum": [mode.word for mode in Delivery]}),
    ] = Delivery.LIVE
    redirect_to: Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$")] | None = None
    """The handset that gets everything where `delivery` is redirect: E.164."""


class KeyPolicy(PolicyFields):
    """The limits of one key; the empty policy limits nothing."""

    @model_validator(mode="after")
    def _redirect_has_a_target(self) -> Self:
        if (self.delivery is Delivery.REDIRECT) != (self.redirect_to is not None):
            raise ValueError("redirect_to goes with delivery = redirect, and only with it")
        return self


def number_in_front(to: str) -> str:
    """What stands before the text of a redirected message: whom it was for."""
    return f"[{to}] "


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks for something to be sent."""

    client: str
    """Everything that is made belongs to this client."""
    key_id: str
    policy: KeyPolicy = field(default_factory=KeyPolicy)
