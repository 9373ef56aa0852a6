"""What is asked of API keys: making and changing them, checked and typed, for the HTTP API and the command line."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, ValidationInfo, WithJsonSchema, field_validator

from gateway import scopes
from gateway.config import DAY
from gateway.limits import Destinations
from gateway.numbers import NotANumber, destination
from gateway.policy import KeyPolicy, PolicyFields
from gateway.quantities import written
from gateway.refusals import FieldError, InvalidInput
from gateway.requests import Duration, Line, Request
from gateway.store import KeyInfo
from hardware.clock import Instant

LONGEST_LIFE = 36_500 * DAY
"""Seconds that a key can be made for."""
LONGEST_GRACE = 365 * DAY
"""Seconds that an old key can go on beside the one that takes its place."""


def _up_to(longest: float, least: float) -> AfterValidator:
    def check(value: float) -> float:
        if not least <= value <= longest:
            raise ValueError(f"from {written(least)} to {written(longest)}")
        return value

    return AfterValidator(check)


Name = Annotated[Line, Field(max_length=100)]
Scope = Annotated[str, WithJsonSchema({"type": "string", "enum": list(scopes.ALL)})]


def _known(value: str) -> str:
    if value not in scopes.ALL:
        raise ValueError(f"no such scope; there are: {', '.join(scopes.ALL)}")
    return value


def _some(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values:
        raise ValueError("at least one: a key without scopes may do nothing")
    return values


Scopes = Annotated[tuple[Annotated[Scope, AfterValidator(_known)], ...], AfterValidator(_some)]
Life = Annotated[Duration, _up_to(LONGEST_LIFE, 1.0)]


class _KeyFields(PolicyFields):
    model_config = ConfigDict(strict=True)

    expires_at: AwareDatetime | None = None
    """When it ends; null: never."""
    expires_in: Life | None = None
    """The same, counted from now."""


class NewKey(_KeyFields):
    """A key to be made; every field but the name may be left out, and what is left out limits nothing."""

    name: Name
    client: Name | None = None
    """Whose messages it makes and sees; by default its name."""
    scopes: Scopes = scopes.APPLICATION


def _of_a_change(schema: dict[str, Any]) -> None:
    """Describe that what is left out stays, so that nothing has a default, and that null takes a limit away."""
    for name, described in schema["properties"].items():
        described.pop("default", None)
        if name in PolicyFields.model_fields and {"type": "null"} not in described.get("anyOf", ()):
            schema["properties"][name] = {"anyOf": [described, {"type": "null"}]}


class KeyChange(_KeyFields):
    """What is to be different about a key; what is left out stays, and null takes a limit away."""

    model_config = ConfigDict(json_schema_extra=_of_a_change)

    name: Name = ""
    scopes: Scopes = ()

    @field_validator(*PolicyFields.model_fields, mode="before")
    @classmethod
    def _null_takes_it_away(cls, value: object, info: ValidationInfo) -> object:
        return getattr(KeyPolicy(), str(info.field_name)) if value is None else value


class Rotation(Request):
    """How a key is replaced."""

    grace: Annotated[Duration, _up_to(LONGEST_GRACE, 0.0)] = 0.0
    """For how long the old key works beside the new one."""


def policy_of(new: NewKey, allowed: Destinations) -> KeyPolicy:
    """The limits of a key to be made; raises InvalidInput. `allowed`: what the gateway sends to."""
    return _checked({name: getattr(new, name) for name in PolicyFields.model_fields}, allowed)


def end_of(asked: NewKey | KeyChange, now: Instant) -> int | None:
    """When the key ends, in Unix milliseconds; None: never. Raises InvalidInput."""
    if asked.expires_in is not None and asked.expires_at is not None:
        raise InvalidInput.of("expires_in", "give either expires_at or expires_in")
    if asked.expires_in is not None:
        return round((now.wall + asked.expires_in) * 1000)
    if asked.expires_at is None:
        return None
    ends = asked.expires_at.timestamp()
    if ends <= now.wall:
        raise InvalidInput.of("expires_at", "lies in the past")
    if ends > now.wall + LONGEST_LIFE:
        raise InvalidInput.of("expires_at", f"at most {written(LONGEST_LIFE)} from now")
    return round(ends * 1000)


def changed(before: KeyInfo, change: KeyChange, now: Instant, allowed: Destinations) -> KeyInfo:
    """A key with what `change` asks for; raises InvalidInput. `allowed`: what the gateway sends to."""
    given = change.model_fields_set
    asked = {name: getattr(change, name) for name in PolicyFields.model_fields if name in given}
    kept = {name: getattr(before.policy, name) for name in PolicyFields.model_fields}
    if "delivery" in asked and "redirect_to" not in asked and asked["delivery"] is not before.policy.delivery:
        kept["redirect_to"] = None  # it went with the delivery that ends
    ends = end_of(change, now) if given & {"expires_at", "expires_in"} else before.expires_at
    return replace(
        before,
        name=change.name if "name" in given else before.name,
        scopes=frozenset(change.scopes) if "scopes" in given else before.scopes,
        expires_at=ends,
        policy=_checked({**kept, **asked}, allowed if given & {"delivery", "redirect_to"} else None),
    )


def shown(info: KeyInfo) -> dict[str, Any]:
    """The limits of a key as they were asked for: names and JSON values."""
    return info.policy.model_dump(mode="json")


def _checked(values: dict[str, Any], allowed: Destinations | None) -> KeyPolicy:
    wrong = []
    redirects = values["delivery"].word == "redirect"
    if redirects and values["redirect_to"] is None:
        wrong.append(FieldError("redirect_to", "is missing: where everything of this key goes"))
    if not redirects and values["redirect_to"] is not None:
        wrong.append(FieldError("redirect_to", "goes with delivery redirect"))
    if values["redirect_to"] is not None:
        try:
            handset = destination(values["redirect_to"], "ZZ")
        except NotANumber as error:
            wrong.append(FieldError("redirect_to", str(error)))
        else:
            if allowed is not None and (denial := allowed.check(handset)) is not None:
                wrong.append(FieldError("redirect_to", denial.message))
    if wrong:
        raise InvalidInput(wrong)
    return KeyPolicy(**values)
