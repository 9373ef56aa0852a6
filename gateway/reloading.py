"""What of a configuration may change while the gateway serves: by key, and what follows from two of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.config import (
    AlarmsConfig,
    Config,
    LimitsConfig,
    MessagesConfig,
    OptOutConfig,
    OtpConfig,
    RetentionConfig,
    RetriesConfig,
)
from gateway.config.fields import Section

_QUOTAS = ("per_hour", "per_day", "per_month", "recipients_per_month", "month_starts", "otp_share", "every")
_WHOLE: Mapping[str, type[Section]] = {
    "messages": MessagesConfig,
    "otp": OtpConfig,
    "retries": RetriesConfig,
    "limits": LimitsConfig,
    "retention": RetentionConfig,
    "opt_out": OptOutConfig,
    "alarms": AlarmsConfig,
}
LIVE: Mapping[str, frozenset[str]] = {
    "gateway": frozenset({"organisation", "country", "timezone", "log_format", "log_level"}),
    "api": frozenset({"trusted_proxies", "tls_cert", "tls_key"}),
    "modem": frozenset(_QUOTAS),
    "webhook": frozenset({"*"}),
    **{name: frozenset(section.model_fields) for name, section in _WHOLE.items()},
}
"""Keys that hold from a reload on, by section; every other key takes a restart. `*`: sections come and go, too.

TLS itself is not turned on or off live, and modems neither come nor go.
"""


@dataclass(frozen=True, slots=True)
class Reload:
    """What a reload makes of the configuration in force and the one in the file."""

    config: Config
    """In force from now on: what may change is as in the file, the rest as before."""
    restart: tuple[str, ...]
    """Paths of keys that are other in the file, and hold after a restart only."""


def is_live(section: str, key: str) -> bool:
    """Whether a key holds from a reload on."""
    live = LIVE.get(section, frozenset())
    return key in live or "*" in live


def reload(before: Config, file: Config) -> Reload:
    """Bring the two together."""
    restart: list[str] = []
    sections: dict[str, object] = {}
    for name in Config.model_fields:
        old, new = getattr(before, name), getattr(file, name)
        if name == "webhook":
            sections[name] = new
        elif name == "modem":
            sections[name] = _modems(before, file, restart)
        else:
            turned = name == "api" and (old.tls_cert is None) != (new.tls_cert is None)
            sections[name] = _merged(
                name, name, old, new, restart, frozenset({"tls_cert", "tls_key"} if turned else ())
            )
    return Reload(before.model_copy(update=sections), tuple(restart))


def _modems(before: Config, file: Config, restart: list[str]) -> object:
    if [modem.name for modem in before.modem] != [modem.name for modem in file.modem]:
        restart.append("modem")  # which one is which can only be told by a start
        return before.modem
    pairs = zip(before.modem, file.modem, strict=True)
    return tuple(
        _merged("modem", f"modem[{place}]", old, new, restart, frozenset()) for place, (old, new) in enumerate(pairs)
    )


def _merged(section: str, path: str, old: Section, new: Section, restart: list[str], kept: frozenset[str]) -> Section:
    """`old` with what may change as in `new`; what may not is noted."""
    changed = {key for key in type(old).model_fields if getattr(old, key) != getattr(new, key)}
    live = {key for key in changed - kept if is_live(section, key)}
    restart += sorted(f"{path}.{key}" for key in changed - live)
    return old.model_copy(update={key: getattr(new, key) for key in live})
