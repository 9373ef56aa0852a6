"""The sections of a configuration: who sends, the API, modems, messages, codes, retries."""

from __future__ import annotations

import math
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from gateway.balance import BalanceRule, DecimalMark, amount_pattern, ussd_code
from gateway.config.fields import (
    CODE_LENGTH,
    DAY,
    MESSAGE_LIFETIME,
    OTP_LIFETIME,
    Duration,
    FilePath,
    Networks,
    OnUnknown,
    QuietField,
    Region,
    Section,
    Steps,
    Tuple,
    between,
    check_locale,
    check_templates,
    check_zone,
    is_loopback,
    pattern,
    read_pin,
)
from gateway.messages import Secret
from gateway.quota import QuotaRules
from hardware.clock import SystemClock


class GatewayConfig(Section):
    """Who sends, and where things are kept."""

    organisation: Annotated[str, pattern(r"\S(?:[^\x00-\x1f\x7f]{0,62}\S)?", "1 to 64 characters on one line")]
    country: Region
    database: FilePath = Field(default="simwire.db")  # type: ignore[assignment]  # validate_default makes it a Path
    key_file: FilePath = Field(default="simwire.key")  # type: ignore[assignment]
    timezone: Annotated[str, AfterValidator(check_zone)] | None = None
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    usb_power_socket: FilePath | None = None


class ApiConfig(Section):
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
        if not self.insecure_http and self.tls_cert is None and not is_loopback(self.host):
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


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("a number, e.g. 1.5")
    return Decimal(str(value))


class BalanceConfig(Section):
    """How the credit of a prepaid SIM is asked for."""

    code: Annotated[str, AfterValidator(ussd_code), Field(description="USSD code that asks for it, e.g. *100#")]
    pattern: Annotated[
        str,
        AfterValidator(amount_pattern),
        Field(description="regular expression that finds the amount in the answer, in its one group"),
    ]
    minimum: Annotated[Decimal, BeforeValidator(_decimal)] = Field(
        default=0.0,  # type: ignore[assignment]
        ge=0,
        description="with less left the modem's condition is low_credit",
    )
    every: Annotated[Duration, AfterValidator(between(300.0, 30 * DAY))] = Field(
        default=21_600.0, description="how often it is asked for"
    )
    decimal: DecimalMark = Field(default="auto", description="the mark before the decimals; auto tells by the amount")

    @property
    def rule(self) -> BalanceRule:
        """The same as a rule."""
        return BalanceRule(self.code, self.pattern, self.minimum, self.every, self.decimal)


class ModemConfig(Section):
    """One modem with its SIM."""

    name: Annotated[str, pattern(r"[A-Za-z0-9_-]{0,32}", "at most 32 letters, digits, - or _")] = ""
    port: Annotated[str, pattern(r"\S+", "a device path, a pyserial URL, auto or simulator")]
    baudrate: int = Field(default=115_200, ge=300, le=4_000_000)
    rtscts: bool = False
    pin_file: FilePath | None = None
    smsc: Annotated[str, pattern(r"\+\d{5,15}", "an international number, e.g. +447700900000")] | None = None
    imei: Annotated[str, pattern(r"\d{14,16}", "14 to 16 digits")] | None = None
    iccid: Annotated[str, pattern(r"\d{18,20}", "18 to 20 digits")] | None = None
    number: Annotated[str, pattern(r"\+\d{5,15}", "an international number, e.g. +447700900000")] | None = None
    balance: BalanceConfig | None = None
    prefixes: Annotated[
        tuple[Annotated[str, pattern(r"\+\d{1,15}", "prefixes begin with +, e.g. +44")], ...], Tuple
    ] = ()
    reports: bool = True
    reserve_for_otp: bool = False
    per_hour: int | None = Field(default=None, ge=1)
    per_day: int | None = Field(default=None, ge=1)
    per_month: int | None = Field(default=None, ge=1)
    recipients_per_month: int | None = Field(default=None, ge=1)
    month_starts: int = Field(default=1, ge=1, le=31)
    otp_share: float = Field(default=0.2, ge=0, le=1)
    every: Annotated[Duration, AfterValidator(between(0.0, DAY))] = 0.0
    usb_port: Annotated[str, pattern(r"\d+-\d+(\.\d+)*", "a USB port like 1-1.4")] | None = None
    power_command: Annotated[tuple[Annotated[str, pattern(r"[^\x00]+", "words, none of them empty")], ...], Tuple] = ()
    time_scale: float = Field(default=1.0, ge=0.001, le=1.0)

    @property
    def quotas(self) -> QuotaRules:
        """What its SIM may send."""
        return QuotaRules(
            self.per_hour,
            self.per_day,
            self.per_month,
            self.recipients_per_month,
            self.month_starts,
            self.otp_share,
            self.every,
        )

    @field_validator("pin_file", mode="after")
    @classmethod
    def _readable_pin(cls, path: Path | None) -> Path | None:
        if path is not None:
            read_pin(path)
        return path

    @field_validator("power_command", mode="after")
    @classmethod
    def _program_there(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        if command and shutil.which(command[0]) is None:
            raise ValueError(f"there is no program {command[0]!r} that may be run; install it, or write its whole path")
        return command

    @model_validator(mode="after")
    def _one_switch(self) -> Self:
        if self.usb_port is not None and self.power_command:
            raise ValueError("usb_port and power_command are two ways to do the same; leave one out")
        return self

    def read_pin(self) -> Secret | None:
        """The SIM's PIN from `pin_file`; None where none is configured. Raises ValueError where it cannot be read."""
        return read_pin(self.pin_file) if self.pin_file else None


class MessagesConfig(Section):
    """Messages that are no codes."""

    lifetime: Annotated[Duration, AfterValidator(between(*MESSAGE_LIFETIME))] = DAY
    on_unknown: OnUnknown = "hold"
    max_parts: int = Field(default=10, ge=1, le=255)
    quiet_hours: QuietField | None = None
    price: float = Field(default=0.0, ge=0)


class OtpConfig(Section):
    """One-time codes."""

    lifetime: Annotated[Duration, AfterValidator(between(*OTP_LIFETIME))] = 300.0
    length: int = Field(default=6, ge=CODE_LENGTH[0], le=CODE_LENGTH[1])
    max_failures: int = Field(default=5, ge=1, le=100)
    cooldown: Steps = (30.0, 60.0, 120.0)
    max_sends: int = Field(default=5, ge=1, le=100)
    resend: Literal["new", "same"] = "new"
    explain: bool = False
    templates: Annotated[FilePath, AfterValidator(check_templates)] | None = None
    locale: Annotated[str, AfterValidator(check_locale)] = "en"
    on_unknown: OnUnknown = "resend"
    resend_unconfirmed_after: Duration = 45.0
    hedge_after: Duration = 15.0
    min_remaining: Duration = 30.0
    replace: bool = False
    refuse_voip: bool = False
    lock_after: int = Field(default=10, ge=1, le=100)
    lock_for: Annotated[Duration, AfterValidator(between(60.0, DAY))] = 1800.0
    stop_after: int = Field(default=100, ge=1, le=100)

    @model_validator(mode="after")
    def _time_to_send(self) -> Self:
        if self.min_remaining >= self.lifetime:
            raise ValueError("min_remaining is not below lifetime: no code could ever be sent")
        if self.stop_after < self.lock_after:
            raise ValueError("stop_after is below lock_after: no number would ever be locked before it is stopped")
        return self


class RetriesConfig(Section):
    """Attempts after a refusal."""

    schedule: Annotated[Steps, Field(min_length=1)] = (2.0, 5.0, 15.0, 30.0, 60.0, 120.0)
    max_attempts: int = Field(default=20, ge=1, le=1000)
