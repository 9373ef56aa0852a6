"""What clients ask for, checked and typed. Every way in (HTTP, other systems' APIs, command line) makes these.

Integers are accepted where an id, number, text or code is expected as a string: some clients send `123456`.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from decimal import Decimal
from typing import Annotated, Literal, Self

from babel.numbers import get_currency_precision, list_currencies
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    WithJsonSchema,
    model_validator,
)

from gateway.config import CODE_LENGTH
from gateway.messages import Secret
from gateway.otp import amount_text
from gateway.quantities import seconds

MOST_RECIPIENTS = 1000
LONGEST_TEXT = 40_000
"""Characters; 255 parts hold fewer."""
LONGEST_BINDING = 512
LONGEST_NUMBER = 64
"""Characters that a number may be written with, before it is read."""
_SOMEONE = "+447700900123"  # for examples: in a range that is kept free for drama
_CURRENCIES = frozenset(list_currencies())
_HOST = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_USSD = "^[0-9*#+]{1,182}$"
_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,4})?")


def _number_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _one_line(value: str) -> str:
    text = " ".join(unicodedata.normalize("NFC", value).split())
    if not text or any(unicodedata.category(char) in {"Cc", "Cs"} for char in text):
        raise ValueError("text on one line, not empty")
    return text


def _host(value: str) -> str:
    if not _HOST.fullmatch(value.lower()):
        raise ValueError("a bare host name like example.com: no scheme, port or path")
    return value.lower()


def _address(value: str) -> str:
    return str(ipaddress.ip_address(value))


def _currency(value: str) -> str:
    if value.upper() not in _CURRENCIES:
        raise ValueError("a currency code of three letters (ISO 4217), e.g. EUR")
    return value.upper()


def _amount(value: object) -> Decimal:
    text = str(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else ""
    if not _AMOUNT.fullmatch(text):
        raise ValueError('an amount like "49.90": digits, and at most 4 after the point')
    return Decimal(text)


def _code(value: object) -> Secret | int:
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value < 10 ** CODE_LENGTH[1]:
            raise ValueError(f"a code has at most {CODE_LENGTH[1]} digits")
        return value
    if not isinstance(value, str) or not 1 <= len(value) <= 64:
        raise ValueError("a string of 1 to 64 characters, or an integer")
    return Secret(value)


def _octets(value: object) -> bytes:
    if not isinstance(value, str) or not re.fullmatch(r"([0-9A-Fa-f]{2})+", value):
        raise ValueError("octets in hexadecimal, two digits each")
    return bytes.fromhex(value)


def _hidden(shortest: int, longest: int) -> PlainValidator:
    def check(value: object) -> Secret:
        text = _number_as_text(value)
        if not isinstance(text, str):
            raise ValueError("must be a string")
        if not shortest <= len(text) <= longest:
            raise ValueError(f"{shortest} to {longest} characters")
        return Secret(text)

    return PlainValidator(check)


def _described(**more: int | str | list[str]) -> WithJsonSchema:
    """How the document describes a field that takes a string or an integer."""
    return WithJsonSchema({"type": ["string", "integer"], **more})


Text = Annotated[str, BeforeValidator(_number_as_text), _described()]
"""A string; an integer counts as its decimal digits."""
SecretText = Annotated[Secret, _hidden(0, LONGEST_TEXT), _described(maxLength=LONGEST_TEXT)]
Binding = Annotated[Secret, _hidden(1, LONGEST_BINDING), _described(minLength=1, maxLength=LONGEST_BINDING)]
Line = Annotated[Text, AfterValidator(_one_line), _described(minLength=1)]
Number = Annotated[
    Text, Field(max_length=LONGEST_NUMBER), _described(maxLength=LONGEST_NUMBER, format="phone", examples=[_SOMEONE])
]
Duration = Annotated[
    float,
    BeforeValidator(seconds),
    WithJsonSchema({"type": ["number", "string"], "description": 'Seconds, or a string like "5m".'}),
]
Label = Annotated[Text, Field(min_length=1, max_length=255), _described(minLength=1, maxLength=255)]
TagText = Annotated[Text, Field(min_length=1, max_length=64), _described(minLength=1, maxLength=64)]
Recipients = Annotated[
    Annotated[Number, Tag("one")]
    | Annotated[tuple[Number, ...], Field(min_length=1, max_length=MOST_RECIPIENTS), Tag("many")],
    Discriminator(lambda value: "many" if isinstance(value, list | tuple) else "one"),
]
RECIPIENT_TAGS = frozenset({"one", "many"})
"""Steps that pydantic puts into the location of an error in `to`; no field of ours is called so."""
Code = Annotated[
    Secret | int,
    PlainValidator(_code),
    _described(description="An integer is padded with zeros on the left."),
]
Octets = Annotated[
    bytes,
    PlainValidator(_octets),
    WithJsonSchema({"type": "string", "pattern": "^([0-9A-Fa-f]{2})+$", "description": "Octets in hexadecimal."}),
]
Locale = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}$")]
Purpose = Literal["login", "transaction", "password_change", "signup", "custom"]
Encoding = Literal["auto", "gsm7", "ucs2"]


class Request(BaseModel):
    """Root of all requests: nothing unknown, no silent conversions, no input in error messages."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


def shown(**fields: str) -> ConfigDict:
    """What the document shows as a whole request."""
    return ConfigDict(json_schema_extra={"examples": [dict(fields)]})


class SendRequest(Request):
    """A message to one recipient or to many."""

    model_config = shown(to=_SOMEONE, text="Your parcel arrives today.")

    to: Recipients
    text: SecretText | None = None
    lifetime: Duration | None = None
    priority: Literal["otp", "high", "normal", "bulk"] = "normal"
    not_before: AwareDatetime | None = None
    report: bool = True
    flash: bool = False
    encoding: Encoding = "auto"
    replace: Annotated[int, Field(ge=1, le=7)] | None = None
    silent: bool = False
    data: Octets | None = None
    port: Annotated[int, Field(ge=0, le=65_535)] | None = None
    modem: Label | None = None
    client_ref: Label | None = None
    tags: Annotated[tuple[TagText, ...], Field(max_length=20)] = ()


class Context(Request):
    """What a code is for; of a transaction it is bound to every field that is given."""

    payee: Annotated[Line, Field(max_length=140)] | None = None
    amount: Annotated[Decimal, BeforeValidator(_amount), WithJsonSchema({"type": ["string", "number"]})] | None = None
    currency: Annotated[str, AfterValidator(_currency)] | None = None
    operation: Annotated[Line, Field(max_length=60)] | None = None
    reference: Annotated[Line, Field(max_length=60)] | None = None

    def canonical(self) -> dict[str, str]:
        """What goes into the hash: one spelling for equal values, absent fields left out."""
        values = {
            "payee": self.payee,
            "amount": None if self.amount is None else amount_text(self.amount),
            "currency": self.currency,
            "operation": self.operation,
            "reference": self.reference,
        }
        return {name: value for name, value in values.items() if value is not None}


class _CodeText(Request):
    """What decides the text of a code, besides its purpose."""

    context: Context | None = None
    locale: Locale | None = None
    length: Annotated[int, Field(ge=CODE_LENGTH[0], le=CODE_LENGTH[1])] | None = None
    lifetime: Duration | None = None
    template: Label | None = None
    webotp_domain: Annotated[str, AfterValidator(_host)] | None = None
    app_hash: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{11}$")] | None = None


class OtpRequest(_CodeText):
    """A one-time code for one person."""

    model_config = shown(to=_SOMEONE, purpose="login")

    to: Number
    purpose: Purpose
    binding: Binding | None = None
    code: Code | None = None
    end_user_ip: Annotated[str, AfterValidator(_address)] | None = None
    client_ref: Label | None = None


class CheckRequest(Request):
    """A code that somebody typed."""

    model_config = shown(code="012345")

    code: Code
    binding: Binding | None = None
    context: Context | None = None


class ResendRequest(Request):
    """Another send of a challenge's code."""

    same: bool | None = None


class PreviewRequest(_CodeText):
    """A text or a code's text to look at before it is sent."""

    model_config = shown(text="Do zobaczenia w Łodzi")

    purpose: Purpose | None = None
    to: Number | None = None
    text: SecretText | None = None
    encoding: Encoding = "auto"

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.text is None) == (self.purpose is None):
            raise ValueError("give either text or purpose")
        return self


class UssdRequest(Request):
    """A code for the network's own service, e.g. *100#."""

    model_config = shown(code="*100#")

    code: Annotated[Text, Field(pattern=_USSD), _described(pattern=_USSD)]


def context_errors(purpose: str | None, template: str | None, context: Context | None) -> list[tuple[str, str]]:
    """What is wrong with the context of a code, as fields and messages.

    A transaction must say what is confirmed; an amount with more decimals than its currency has cannot be shown as
    it is.
    """
    wrong = []
    if "transaction" in (purpose, template):
        wrong = [
            (f"context.{name}", "is required for a transaction")
            for name in ("payee", "amount", "currency")
            if getattr(context, name, None) is None
        ]
    if context is not None and context.amount is not None and context.currency is not None:
        digits = get_currency_precision(context.currency)
        if -int(Decimal(amount_text(context.amount)).as_tuple().exponent) > digits:
            wrong.append(("context.amount", f"{context.currency} has {digits} decimals"))
    return wrong


class BlockRequest(Request):
    """A number that is to get nothing more."""

    everything: bool = False
    """Codes neither."""
    reason: Annotated[Line, Field(max_length=140)] | None = None
