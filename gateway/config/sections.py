"""The sections of a configuration: who sends, the API, modems, messages, codes, retries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from gateway.config.fields import (
    CODE_LENGTH,
    DAY,
    MESSAGE_LIFETIME,
    OTP_LIFETIME,
    Duration,
    FilePath,
    OnUnknown,
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


class GatewayConfig(Section):
    """Who sends, and where things are kept."""

    organisation: Annotated[str, pattern(r"\S(?:[^\x00-\x1f\x7f]{0,62}\S)?", "1 to 64 characters on one line")]
    country: Region
    database: FilePath = Field(default="simwire.db")  # type: ignore[assignment]  # validate_default makes it a Path
    key_file: FilePath = Field(default="simwire.key")  # type: ignore[assignment]
    timezone: Annotated[str, AfterValidator(check_zone)] | None = None
    log_format: Literal["text", "json"] = "text"


class ApiConfig(Section):
    """Where the HTTP API listens."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    threads: int = Field(default=64, ge=2, le=1024)
    insecure_http: bool = False

    @model_validator(mode="after")
    def _no_clear_text_outside(self) -> Self:
        if not self.insecure_http and not is_loopback(self.host):
            raise ValueError(
                f"host {self.host} is not a loopback address: keys and codes would cross the network in clear text. "
                "Put a TLS proxy in front, or set insecure_http = true"
            )
        return self


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
    prefixes: Annotated[
        tuple[Annotated[str, pattern(r"\+\d{1,15}", "prefixes begin with +, e.g. +44")], ...], Tuple
    ] = ()
    reports: bool = True
    reserve_for_otp: bool = False

    @field_validator("pin_file", mode="after")
    @classmethod
    def _readable_pin(cls, path: Path | None) -> Path | None:
        if path is not None:
            read_pin(path)
        return path

    def read_pin(self) -> Secret | None:
        """The SIM's PIN from `pin_file`; None where none is configured. Raises ValueError where it cannot be read."""
        return read_pin(self.pin_file) if self.pin_file else None


class MessagesConfig(Section):
    """Messages that are no codes."""

    lifetime: Annotated[Duration, AfterValidator(between(*MESSAGE_LIFETIME))] = DAY
    on_unknown: OnUnknown = "hold"
    max_parts: int = Field(default=10, ge=1, le=255)


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
