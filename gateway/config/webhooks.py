"""Where events are sent to."""

from __future__ import annotations

import re
import ssl
import urllib.parse
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from gateway.addresses import allowed_networks, parse, refusal
from gateway.config.fields import Duration, FilePath, Section, Tuple, between, pattern
from gateway.messages import MessageState, Secret

KINDS = (
    *(f"message.{state.value}" for state in MessageState),
    *(f"otp.{state}" for state in ("approved", "expired", "cancelled", "locked")),
    "inbox.received",
    "limit.exceeded",
    "limit.conversion",
    "number.opted_out",
    "number.opted_in",
    *(f"modem.{state}" for state in ("absent", "locked", "searching", "ready", "denied", "paused", "failed")),
    "modem.condition",
    "canary.missed",
    "canary.ok",
    "alarm.raised",
    "alarm.cleared",
    "alarm.test",
)
"""Every kind of event that there is."""
GROUPS = tuple(dict.fromkeys(f"{kind.partition('.')[0]}.*" for kind in KINDS))
SECRET_LENGTH = 16
"""Characters that a secret must have."""
_HOST = re.compile(r"(?=.{1,253}\.?$)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_][a-z0-9_-]{0,62})*\.?", re.IGNORECASE)


def _kind(value: str) -> str:
    if value != "*" and value not in KINDS and value not in GROUPS:
        raise ValueError(f"{value!r} is no kind of event; there are *, {', '.join((*GROUPS, *KINDS))}")
    return value


def _host_or_network(value: str) -> str:
    allowed_networks([value])
    if parse(value.partition("/")[0]) is None and not _HOST.fullmatch(value):
        raise ValueError(f"{value!r} is neither a host name nor an address or network like 10.1.0.0/16")
    return value


def read_secrets(path: Path) -> tuple[Secret, ...]:
    """The secrets in a file, one a line, the one that is used from now on first; raises ValueError."""
    try:
        lines = tuple(line.strip() for line in path.read_text(encoding="ascii").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"no secret can be read from {path}: {getattr(error, 'strerror', 'not text')}") from None
    if len(lines) not in (1, 2) or any(len(line) < SECRET_LENGTH for line in lines):
        raise ValueError(
            f"{path} does not hold one secret of at least {SECRET_LENGTH} characters, or two on two lines while one "
            "replaces the other"
        )
    return tuple(Secret(line) for line in lines)


class WebhookConfig(Section):
    """One place that events are sent to."""

    name: Annotated[str, pattern(r"[A-Za-z0-9_-]{0,32}", "at most 32 letters, digits, - or _")] = ""
    url: Annotated[str, pattern(r"[!-~]{1,2000}", "a URL in ASCII, without spaces")] = Field(repr=False)
    secret_file: FilePath
    events: Annotated[tuple[Annotated[str, AfterValidator(_kind)], ...], Tuple, Field(min_length=1)] = ("*",)
    clients: Annotated[tuple[str, ...], Tuple] = ()
    allow_private: Annotated[tuple[Annotated[str, AfterValidator(_host_or_network)], ...], Tuple] = ()
    insecure_http: bool = False
    timeout: Annotated[Duration, AfterValidator(between(1.0, 60.0))] = 10.0
    ca_file: FilePath | None = None

    @field_validator("url", mode="after")
    @classmethod
    def _usable_url(cls, url: str) -> str:
        try:
            parts = urllib.parse.urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise ValueError("no URL; write one like https://hooks.example.com/simwire") from None
        if parts.scheme not in {"http", "https"} or not (parse(host) or _HOST.fullmatch(host)) or port == 0:
            raise ValueError("an http or https URL with a host, like https://hooks.example.com/simwire")
        if parts.username is not None or parts.fragment:
            raise ValueError("a URL without user, password and fragment: the signature says who sends")
        return url

    @field_validator("secret_file", mode="after")
    @classmethod
    def _readable_secret(cls, path: Path) -> Path:
        read_secrets(path)
        return path

    @field_validator("ca_file", mode="after")
    @classmethod
    def _readable_certificates(cls, path: Path | None) -> Path | None:
        try:
            if path is not None:
                ssl.create_default_context(cafile=path)
        except OSError as error:
            raise ValueError(f"no certificates can be read from {path}: {error.strerror}") from None
        return path

    @model_validator(mode="after")
    def _sent_where_it_may(self) -> Self:
        for name in self.allow_private:
            if parse(name.partition("/")[0]) is None and _same(name) != _same(self.host):
                raise ValueError(f"allow_private names {name}, which is not the host of the url")
        networks, address = allowed_networks(self.allow_private), parse(self.host)
        if address is not None:
            if problem := refusal(address, networks, clear_text=self.clear_text_stays_private):
                raise ValueError(f"url: {problem}")
        elif self.clear_text_stays_private and not (networks or self.host_named):
            raise ValueError(
                "url: http would send what happened in clear text; use https, name the host in allow_private, "
                "or set insecure_http = true"
            )
        return self

    @property
    def host(self) -> str:
        """The host of the URL, without brackets."""
        return urllib.parse.urlsplit(self.url).hostname or ""

    @property
    def host_named(self) -> bool:
        """Whether `allow_private` names the host, so that it may have any private address."""
        return any(_same(name) == _same(self.host) for name in self.allow_private)

    @property
    def clear_text_stays_private(self) -> bool:
        """Whether the URL is http and must not leave private networks."""
        return self.url.lower().startswith("http:") and not self.insecure_http

    def read_secrets(self) -> tuple[Secret, ...]:
        """The secrets that sign, from `secret_file`; raises ValueError where they cannot be read."""
        return read_secrets(self.secret_file)


def _same(host: str) -> str:
    return host.lower().rstrip(".")


def named(hooks: tuple[WebhookConfig, ...]) -> tuple[WebhookConfig, ...]:
    """With the names that were left out; raises ValueError where two are the same."""
    done: dict[str, WebhookConfig] = {}
    for place, hook in enumerate(hooks, 1):
        name = hook.name or f"hook{place}"
        if name in done:
            raise ValueError(f"two webhooks with the name {name}")
        done[name] = hook.model_copy(update={"name": name})
    return tuple(done.values())
