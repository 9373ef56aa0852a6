"""What a run is made of besides its faults, and the gateway's configuration for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.chaos.clients import Load

SECRET = "a secret of the receiver's that stands in no log"
SCOPES = ("messages:send", "messages:read", "otp:send", "otp:check", "modems:read", "admin")
CONFIG = """
[gateway]
organisation = "Example Bank"
country = "GB"
database = "disk/simwire.db"
key_file = "simwire.key"
timezone = "Europe/London"
[api]
port = {port}
[otp]
lifetime = "60s"
cooldown = ["0s"]
hedge_after = "{hedge}s"
resend_unconfirmed_after = "{unconfirmed}s"
min_remaining = "5s"
[retries]
schedule = ["1s", "2s", "4s", "8s"]
[limits]
disk_reserve = "1MB"
[limits.number]
mode = "off"
[limits.prefix]
mode = "off"
[limits.conversion]
mode = "off"
[[webhook]]
name = "hook1"
url = "http://127.0.0.1:{hook}/"
secret_file = "hook.secret"
events = ["message.*", "otp.*", "modem.*", "inbox.received"]
allow_private = ["127.0.0.1"]
timeout = "2s"
"""
FAMILIES = ("generic", "ec25", "sim800", "huawei", "sim7600", "sierra", "zte", "telit")
STORING = ("zte", "sierra")
"""Families whose reports are stored first; those of the others go over the line at once (`hardware.profiles`)."""
MODEM = '[[modem]]\nname = "{name}"\nport = "{port}"\ntime_scale = {scale}\n'


@dataclass(slots=True)
class Setting:
    """What a run is made of, besides its faults."""

    modems: int = 16
    families: Sequence[str] = ("generic",)
    time_scale: float = 0.05
    submit_seconds: float = 0.1
    hedge: float = 3.0
    unconfirmed: float = 8.0
    load: Load = field(default_factory=lambda: Load(60, 12))
    seed: int = 1
    backlog: int = 0
    settle: float = 420.0
    """Seconds after the load within which everything must be final; less leaves `sent` messages without a report so."""
    every: float = 2.0
    """Seconds between two samples of the process."""

    def storing(self) -> frozenset[str]:
        """Names of the modems that store reports; `benchmarks.virtual_modems` gives out families in turn."""
        return storing(self.families, self.modems)

    def config(self, port: int, hook: int, modems: Mapping[str, str]) -> str:
        """The gateway's configuration: its port, the webhook receiver's, and the modems' by name."""
        text = CONFIG.format(port=port, hook=hook, hedge=self.hedge, unconfirmed=self.unconfirmed)
        for name, path in modems.items():
            text += MODEM.format(name=name, port=path, scale=self.time_scale)
        return text


def storing(families: Sequence[str], modems: int) -> frozenset[str]:
    """Names of those of so many modems, of these families in turn, that store reports."""
    return frozenset(f"sim{n}" for n in range(1, modems + 1) if families[n % len(families)] in STORING)
