"""The whole configuration, read from its file with every problem reported at once."""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import Annotated, Self, get_args

from pydantic import AfterValidator, BaseModel, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from gateway.config.alarms import AlarmsConfig
from gateway.config.canary import CanaryConfig
from gateway.config.credentials import with_credentials
from gateway.config.fields import Section, Tuple
from gateway.config.limits import LimitsConfig, OptOutConfig
from gateway.config.retention import RetentionConfig
from gateway.config.sections import ApiConfig, GatewayConfig, MessagesConfig, ModemConfig, OtpConfig, RetriesConfig
from gateway.config.webhooks import WebhookConfig, named
from gateway.quantities import written
from gateway.templates import TemplateError


class ConfigError(Exception):
    """The configuration cannot be used; `problems` has one line for each thing to mend."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        super().__init__("\n  ".join([f"{path}: {len(problems)} problem{'s'[: len(problems) != 1]}", *problems]))
        self.path, self.problems = path, problems


class Config(Section):
    """The whole configuration; read it with `load`."""

    gateway: GatewayConfig
    api: ApiConfig = Field(default_factory=lambda: ApiConfig())
    modem: Annotated[tuple[ModemConfig, ...], Tuple, Field(min_length=1)]
    messages: MessagesConfig = Field(default_factory=lambda: MessagesConfig())
    otp: OtpConfig = Field(default_factory=lambda: OtpConfig())
    retries: RetriesConfig = Field(default_factory=lambda: RetriesConfig())
    limits: LimitsConfig = Field(default_factory=lambda: LimitsConfig())
    retention: RetentionConfig = Field(default_factory=lambda: RetentionConfig())
    opt_out: OptOutConfig = Field(default_factory=lambda: OptOutConfig())
    canary: CanaryConfig = Field(default_factory=lambda: CanaryConfig())
    alarms: AlarmsConfig = Field(default_factory=lambda: AlarmsConfig())
    webhook: Annotated[tuple[WebhookConfig, ...], Tuple, AfterValidator(named)] = ()

    @field_validator("modem", mode="after")
    @classmethod
    def _named_modems(cls, modems: tuple[ModemConfig, ...]) -> tuple[ModemConfig, ...]:
        named = tuple(
            modem if modem.name else modem.model_copy(update={"name": f"sim{place}"})
            for place, modem in enumerate(modems, 1)
        )
        for what in ("name", "port", "usb_port"):
            seen: set[str] = set()
            for modem in named:
                value = getattr(modem, what)
                if value in seen and value not in {"auto", "simulator", None}:
                    raise ValueError(f"two modems with the {what} {value}")
                seen.add(value)
        return named

    @model_validator(mode="after")
    def _helper_for_usb_ports(self) -> Self:
        lacking = [modem.name for modem in self.modem if modem.usb_port is not None]
        if lacking and self.gateway.usb_power_socket is None:
            raise ValueError(
                f"modem {lacking[0]} has a usb_port, and [gateway] usb_power_socket does not say "
                "who switches its power; see docs/recovery.md"
            )
        return self

    @property
    def canary_pairs(self) -> tuple[tuple[ModemConfig, ModemConfig], ...]:
        """Who sends a canary to whom: `[canary] pairs`, else each modem with a number to the next one in a ring."""
        if not self.canary.every:
            return ()
        by_name = {modem.name: modem for modem in self.modem}
        if self.canary.pairs:
            return tuple((by_name[sender], by_name[receiver]) for sender, receiver in self.canary.pairs)
        ring = [modem for modem in self.modem if modem.number is not None]
        return tuple(zip(ring, (*ring[1:], *ring[:1]), strict=True))

    @property
    def allowed_countries(self) -> tuple[str, ...]:
        """The country rules in force: `[limits] allowed_countries`, else only `[gateway] country`."""
        return self.limits.allowed_countries or (self.gateway.country,)


def load(path: Path) -> Config:
    """Read and check a configuration file, with the credentials that systemd hands over; raises ConfigError with every
    problem found.
    """
    path = Path(path)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(path, [f"cannot be read: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(path, [f"is not valid TOML: {error}"]) from error
    except RecursionError:  # for a thousand brackets
        raise ConfigError(path, ["is not valid TOML: it is nested too deep"]) from None
    try:
        document = with_credentials(document, os.environ)
        config = Config.model_validate(document, context={"base": path.resolve().parent})
    except ValidationError as error:
        raise ConfigError(
            path, [line for detail in error.errors(include_url=False) for line in _problems(detail)]
        ) from None
    if problems := _across_sections(config):
        raise ConfigError(path, problems)
    return config


def _across_sections(config: Config) -> list[str]:
    """What is wrong between sections that are right each by itself."""
    least = 2 * config.otp.lifetime
    if config.limits.conversion.window < least:  # codes are judged once they are over: hardly one would ever be
        return [f"limits.conversion.window: at least {written(least)}, which is twice the [otp] lifetime"]
    return _canary_problems(config)


def _canary_problems(config: Config) -> list[str]:
    if not config.canary.every:
        return []
    numbers = {modem.name: modem.number for modem in config.modem}
    problems = []
    for place, pair in enumerate(config.canary.pairs):
        where = f"canary.pairs[{place}]"
        problems += [f"{where}: there is no modem {name}" for name in pair if name not in numbers]
        if pair[1] in numbers and numbers[pair[1]] is None:
            problems.append(f"{where}: {pair[1]} has no `number`, to which it would be sent")
    if len(set(config.canary.pairs)) < len(config.canary.pairs):
        problems.append("canary.pairs: a pair stands there twice")
    if not config.canary.pairs and not any(numbers.values()):
        problems.append("canary.every: no modem has a `number`, to which a canary could be sent")
    return problems


_HINTS = {
    "gateway": ": add [gateway] with organisation and country",
    "modem": ": add a [[modem]] with a port",
}


def _problems(detail: ErrorDetails) -> list[str]:
    reason = detail.get("ctx", {}).get("error")
    if isinstance(reason, TemplateError):
        return [f"{_problem(detail).split(': ')[0]}: {problem}" for problem in reason.problems]
    return [_problem(detail)]


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
            model = model_in(model.model_fields[step].annotation) or model
    return list(model.model_fields)


def model_in(annotation: object) -> type[BaseModel] | None:
    """The section that a field of a configuration holds, None where it holds none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := model_in(part))), None)
