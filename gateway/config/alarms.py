"""Who is told that something needs a person, how, and from when on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from gateway.config.fields import DAY, Duration, FilePath, Section, Size, Tuple, between, pattern
from gateway.messages import Secret

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_ADDRESS = pattern(r"[!-?A-~]{1,64}@[A-Za-z0-9.\-\[\]:]{1,255}", "an address like ops@example.com")


class SmtpConfig(Section):
    """The mail server."""

    host: Annotated[str, pattern(r"[A-Za-z0-9.:-]{1,255}", "a host name or address"), Field(description="the server")]
    port: int | None = Field(
        default=None, ge=1, le=65_535, description="none: 587 with starttls, 465 with tls, else 25"
    )
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="none: in clear text, for a server on this machine; never with a password"
    )
    user: str | None = Field(default=None, description="who signs in; together with password_file")
    password_file: FilePath | None = Field(default=None, description="a file that holds the password")
    ca_file: FilePath | None = Field(default=None, description="trust these certificates instead of the system's")

    @property
    def used_port(self) -> int:
        """The port, where none is given the usual one."""
        return self.port or _PORTS[self.security]

    @field_validator("password_file", mode="after")
    @classmethod
    def _readable(cls, path: Path | None) -> Path | None:
        if path is not None:
            _read(path)
        return path

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.user is None) != (self.password_file is None):
            raise ValueError("user and password_file belong together")
        if self.user is not None and self.security == "none":
            raise ValueError('a password is not sent in clear text: set security = "starttls" or "tls"')
        return self

    def password(self) -> Secret | None:
        """Of `user`; raises ValueError where its file cannot be read."""
        return None if self.password_file is None else _read(self.password_file)


def _read(path: Path) -> Secret:
    try:
        password = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"no password can be read from {path}: {getattr(error, 'strerror', 'not text')}") from None
    if not password:
        raise ValueError(f"{path} is empty: it should hold the password")
    return Secret(password)


class WaitsConfig(Section):
    """How long the oldest message of a lane may have been able to go and wait; 0: for ever."""

    otp: Duration = 30.0
    high: Duration = 300.0
    normal: Duration = 1800.0
    bulk: Duration = 0.0


class AlarmsConfig(Section):
    """What is told to people."""

    sms_to: Annotated[
        tuple[Annotated[str, pattern(r"\+\d{5,15}", "an international number, e.g. +447700900000")], ...], Tuple
    ] = ()
    email_to: Annotated[tuple[Annotated[str, _ADDRESS], ...], Tuple] = ()
    email_from: Annotated[str, _ADDRESS] | None = None
    smtp: SmtpConfig | None = None
    repeat: Annotated[Duration, AfterValidator(between(0.0, 30 * DAY))] = 14_400.0
    most_per_hour: int = Field(default=10, ge=1, le=1000)
    no_modem_for: Annotated[Duration, AfterValidator(between(0.0, DAY))] = 60.0
    sim_for: Annotated[Duration, AfterValidator(between(0.0, DAY))] = 120.0
    disk_free: Size = 256_000_000
    waits: WaitsConfig = Field(default_factory=lambda: WaitsConfig())

    @model_validator(mode="after")
    def _a_server_for_mail(self) -> Self:
        if self.email_to and (self.smtp is None or self.email_from is None):
            raise ValueError('email_to needs email_from and smtp, e.g. smtp = {host = "mail.example.com"}')
        return self
