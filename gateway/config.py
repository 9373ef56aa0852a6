"""The configuration file: TOML to frozen typed objects, with every problem reported at once by its key path."""

from __future__ import annotations

import difflib
import ipaddress
import re
import tomllib
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

import phonenumbers
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from gateway.messages import Secret
from gateway.peers import Network, network_of
from gateway.quantities import octets, seconds, written
from gateway.templates import languages
from hardware.clock import SystemClock

DAY = 86_400.0
MESSAGE_LIFETIME = (10.0, 63 * DAY)
"""Shortest and longest lifetime of a message in seconds; 63 days is the longest TP-VP (23.040 9.2.3.12.1)."""
OTP_LIFETIME = (60.0, 600.0)
"""Shortest and longest lifetime of a code in seconds; ten minutes is the cap of NIST SP 800-63B 5.1.3."""
CODE_LENGTH = (6, 10)
"""Fewest and most characters of a code."""


class ConfigError(Exception):
    """The configuration cannot be used; `problems` has one line for each thing to mend."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        super().__init__("\n  ".join([f"{path}: {len(problems)} problem{'s'[: len(problems) != 1]}", *problems]))
        self.path, self.problems = path, problems


def _between(low: float, high: float) -> Callable[[float], float]:
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


def _zone(value: str) -> str:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{value!r} is no time zone; write one like Europe/London") from error
    return value


def _locale(value: str) -> str:
    if not re.fullmatch(r"[a-z]{2,3}([-_][A-Z]{2})?", value) or re.split("[-_]", value)[0] not in languages():
        raise ValueError(f"{value!r} is no locale with texts; there are {', '.join(languages())}, also as en-GB")
    return value


def _pattern(pattern: str, hint: str) -> AfterValidator:
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


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)


class GatewayConfig(_Section):
    """Who sends, and where things are kept."""

    organisation: Annotated[str, _pattern(r"\S(?:[^\x00-\x1f\x7f]{0,62}\S)?", "1 to 64 characters on one line")]
    country: Region
    database: FilePath = Field(default="simwire.db")  # type: ignore[assignment]  # validate_default makes it a Path
    key_file: FilePath = Field(default="simwire.key")  # type: ignore[assignment]
    timezone: Annotated[str, AfterValidator(_zone)] | None = None
    log_format: Literal["text", "json"] = "text"


class ApiConfig(_Section):
    """Where the HTTP API listens."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    threads: int = Field(default=64, ge=2, le=1024)
    insecure_http: bool = False
    tls_cert: FilePath | None = None
    tls_key: FilePath | None = None
    trusted_proxies: Networks = ()

    @model_validator(mode="after")
    def _no_clear_text_outside(self) -> Self:
        if not self.insecure_http and self.tls_cert is None and not _is_loopback(self.host):
            raise ValueError(
                f"host {self.host} is not a loopback address: keys and codes would cross the network in clear text. "
                "Set tls_cert and tls_key, put a TLS proxy in front, or set insecure_http = true"
            )
        return self

    @model_validator(mode="after")
    def _usable_certificate(self) -> Self:
        if self.tls_cert is None and self.tls_key is None:
            return self
        if self.tls_cert is None or self.tls_key is None:
            lacking = "tls_cert" if self.tls_cert is None else "tls_key"
            raise ValueError(f"tls_cert and tls_key belong together: {lacking} is missing")
        from gateway.certificates import load as load_certificate  # only where there is one: it costs commands time

        load_certificate(self.tls_cert, self.tls_key, SystemClock().now().wall)
        return self

    @property
    def scheme(self) -> Literal["http", "https"]:
        """How it is spoken to."""
        return "http" if self.tls_cert is None else "https"


class ModemConfig(_Section):
    """One modem with its SIM."""

    name: Annotated[str, _pattern(r"[A-Za-z0-9_-]{0,32}", "at most 32 letters, digits, - or _")] = ""
    port: Annotated[str, _pattern(r"\S+", "a device path, a pyserial URL, auto or simulator")]
    baudrate: int = Field(default=115_200, ge=300, le=4_000_000)
    rtscts: bool = False
    pin_file: FilePath | None = None
    smsc: Annotated[str, _pattern(r"\+\d{5,15}", "an international number, e.g. +447700900000")] | None = None
    imei: Annotated[str, _pattern(r"\d{14,16}", "14 to 16 digits")] | None = None
    iccid: Annotated[str, _pattern(r"\d{18,20}", "18 to 20 digits")] | None = None
    prefixes: Annotated[
        tuple[Annotated[str, _pattern(r"\+\d{1,15}", "prefixes begin with +, e.g. +44")], ...], Tuple
    ] = ()
    reports: bool = True
    reserve_for_otp: bool = False

    @field_validator("pin_file", mode="after")
    @classmethod
    def _readable_pin(cls, path: Path | None) -> Path | None:
        if path is not None:
            _pin(path)
        return path

    def read_pin(self) -> Secret | None:
        """The SIM's PIN from `pin_file`; None where none is configured. Raises ValueError where it cannot be read."""
        return _pin(self.pin_file) if self.pin_file else None


class MessagesConfig(_Section):
    """Messages that are no codes."""

    lifetime: Annotated[Duration, AfterValidator(_between(*MESSAGE_LIFETIME))] = DAY
    on_unknown: OnUnknown = "hold"
    max_parts: int = Field(default=10, ge=1, le=255)


class OtpConfig(_Section):
    """One-time codes."""

    lifetime: Annotated[Duration, AfterValidator(_between(*OTP_LIFETIME))] = 300.0
    length: int = Field(default=6, ge=CODE_LENGTH[0], le=CODE_LENGTH[1])
    max_failures: int = Field(default=5, ge=1, le=100)
    cooldown: Steps = (30.0, 60.0, 120.0)
    max_sends: int = Field(default=5, ge=1, le=100)
    resend: Literal["new", "same"] = "new"
    explain: bool = False
    locale: Annotated[str, AfterValidator(_locale)] = "en"
    on_unknown: OnUnknown = "resend"
    resend_unconfirmed_after: Duration = 45.0
    hedge_after: Duration = 15.0
    min_remaining: Duration = 30.0

    @model_validator(mode="after")
    def _time_to_send(self) -> Self:
        if self.min_remaining >= self.lifetime:
            raise ValueError("min_remaining is not below lifetime: no code could ever be sent")
        return self


class RetriesConfig(_Section):
    """Attempts after a refusal."""

    schedule: Annotated[Steps, Field(min_length=1)] = (2.0, 5.0, 15.0, 30.0, 60.0, 120.0)
    max_attempts: int = Field(default=20, ge=1, le=1000)


class LimitsConfig(_Section):
    """What is refused."""

    allowed_countries: Annotated[tuple[CountryRule, ...], Tuple, Field(min_length=1)] | None = None
    disk_reserve: Size = 64_000_000
    max_queued: int = Field(default=1_000_000, ge=1)


class Config(_Section):
    """The whole configuration; read it with `load`."""

    gateway: GatewayConfig
    api: ApiConfig = Field(default_factory=lambda: ApiConfig())
    modem: Annotated[tuple[ModemConfig, ...], Tuple, Field(min_length=1)]
    messages: MessagesConfig = Field(default_factory=lambda: MessagesConfig())
    otp: OtpConfig = Field(default_factory=lambda: OtpConfig())
    retries: RetriesConfig = Field(default_factory=lambda: RetriesConfig())
    limits: LimitsConfig = Field(default_factory=lambda: LimitsConfig())

    @field_validator("modem", mode="after")
    @classmethod
    def _named_modems(cls, modems: tuple[ModemConfig, ...]) -> tuple[ModemConfig, ...]:
        named = tuple(
            modem if modem.name else modem.model_copy(update={"name": f"sim{place}"})
            for place, modem in enumerate(modems, 1)
        )
        for what in ("name", "port"):
            seen: set[str] = set()
            for modem in named:
                value = getattr(modem, what)
                if value in seen and value not in {"auto", "simulator"}:
                    raise ValueError(f"two modems with the {what} {value}")
                seen.add(value)
        return named

    @property
    def allowed_countries(self) -> tuple[str, ...]:
        """The country rules in force: `[limits] allowed_countries`, else only `[gateway] country`."""
        return self.limits.allowed_countries or (self.gateway.country,)


def load(path: Path) -> Config:
    """Read and check a configuration file; raises ConfigError with every problem found."""
    path = Path(path)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(path, [f"cannot be read: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(path, [f"is not valid TOML: {error}"]) from error
    try:
        return Config.model_validate(document, context={"base": path.resolve().parent})
    except ValidationError as error:
        raise ConfigError(path, [_problem(detail) for detail in error.errors(include_url=False)]) from None


def _pin(path: Path) -> Secret:
    try:
        digits = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the PIN cannot be read from {path}: {getattr(error, 'strerror', 'not text')}") from None
    if not re.fullmatch(r"\d{4,8}", digits):
        raise ValueError(f"{path} does not hold a PIN of 4 to 8 digits")
    return Secret(digits)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


_HINTS = {
    "gateway": ": add [gateway] with organisation and country",
    "modem": ": add a [[modem]] with a port",
}


def _problem(detail: ErrorDetails) -> str:
    loc = detail["loc"]
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc).lstrip(".")
    kind, message = detail["type"], detail["msg"].removeprefix("Value error, ")
    if kind == "missing":
        return f"{where}: is missing" + _HINTS.get(where, "")
    if kind == "extra_forbidden":
        known = _keys_at(loc[:-1])
        near = difflib.get_close_matches(str(loc[-1]), known, n=1)
        return f"{where}: no such key" + (f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}")
    return f"{where}: {message[:1].lower()}{message[1:]}"


def _keys_at(loc: tuple[str | int, ...]) -> list[str]:
    model: type[BaseModel] = Config
    for step in loc:
        if isinstance(step, str) and step in model.model_fields:
            model = _model_in(model.model_fields[step].annotation) or model
    return list(model.model_fields)


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
