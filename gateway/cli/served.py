"""The gateway of a configuration, where it runs: what it knows of its modems, and test messages by them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from gateway.cli.client import Gateway, Unreachable
from gateway.cli.failure import Failure
from gateway.cli.options import gateway_of
from gateway.cli.sending_test import by_gateway
from gateway.config import Config, ModemConfig
from gateway.diagnosis import Check, Stick, Verdict, served_checks, trial_checks
from gateway.messages import Json, Secret

_READY = "ready"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the person wants besides a look."""

    baudrate: int = 115_200
    rtscts: bool = False
    to_itself: bool = False
    send_to: str | None = None
    wait: float = 60.0
    balance: str | None = None
    """A USSD code, "" for the configured one; None: only what is configured."""
    networks: bool = False

    @property
    def message(self) -> bool:
        """Whether a message is to be sent."""
        return self.to_itself or self.send_to is not None


class Served:
    """Asks a running gateway, and says which sticks are its own."""

    def __init__(self, settings: Config, key: Secret | None) -> None:
        self._settings, self._key = settings, key
        self._gateway: Gateway | None = None
        self.modems: dict[str, Json] = {}
        """What it told of its modems, by name."""

    @property
    def runs(self) -> bool:
        """Whether it answered."""
        return self._gateway is not None

    def find(self) -> Check:
        """Whether it runs, and what it knows."""
        try:
            gateway = gateway_of(self._settings.api, self._key)
            gateway.get("/health/live")
        except Unreachable:
            words = "no gateway runs with this configuration; its modems are looked at directly"
            return Check("gateway", "machine", Verdict.SKIP, words)
        except Failure as failure:
            return Check("gateway", "machine", Verdict.WARN, failure.message, "see its log: journalctl -u simwire")
        self._gateway, facts = gateway, {"url": gateway.url}
        if self._key is None:
            words = f"a gateway runs at {gateway.url} and is not disturbed; it tells of its modems only to a key"
            remedy = (
                "put a key that may read modems into SIMWIRE_KEY or --key-file: "
                "simwire keys create doctor --scope modems:read --config FILE"
            )
            return Check("gateway", "machine", Verdict.WARN, words, remedy, facts)
        try:
            self.modems = {one["name"]: one for one in gateway.get("/v1/modems")["items"]}
        except Failure as failure:
            remedy = "give a key with the scope modems:read"
            return Check("gateway", "machine", Verdict.WARN, failure.message, remedy, facts)
        words = f"a gateway runs at {gateway.url}: it is asked, and its modems are left alone"
        return Check("gateway", "machine", Verdict.OK, words, None, facts)

    def uses(self, stick: Stick, modem: ModemConfig | None) -> bool:
        """Whether it runs and a stick is one of its own, as far as that can be told without opening the stick."""
        if self._gateway is None:
            return False
        ports = {os.path.realpath(port) for port in stick.ports}
        return modem is not None or any(
            one["port"] and os.path.realpath(one["port"]) in ports for one in self.modems.values()
        )

    def checks(self, port: str | None, asked: Asked, told: Callable[[str], None]) -> list[Check]:
        """What it knows of its modems, or of the one at `port`; and test messages where they are asked for."""
        own, found = {one.name: one.number for one in self._settings.modem}, list[Check]()
        for name, modem in self.modems.items():
            if port is not None and os.path.realpath(modem["port"] or "") != os.path.realpath(port):
                continue
            found += served_checks(modem)
            if asked.message and self._gateway is not None:
                found += self._sent(self._gateway, modem, own.get(name), asked, told)
        return found

    def _sent(
        self, gateway: Gateway, modem: Json, own: str | None, asked: Asked, told: Callable[[str], None]
    ) -> list[Check]:
        name, to = str(modem["name"]), asked.send_to or own
        if modem["state"] != _READY:
            words = f"not sent: the modem is {modem['state']}"
            return [Check("test_sms", name, Verdict.SKIP, words, "mend that first")]
        if to is None:
            return [no_number(name)]
        sent = by_gateway(
            gateway, name, to, test_text(), wait=asked.wait, comes_back=to == own,
            told=lambda words: told(f"{name}: test message {words}"),
        )  # fmt: skip
        return trial_checks(name, sent)


def no_number(subject: str) -> Check:
    """A message to itself that cannot be addressed."""
    return Check(
        "test_sms", subject, Verdict.SKIP, "not sent: the modem's own number is not known",
        "set `number` of this modem, or say where to: --send-to NUMBER",
    )  # fmt: skip


def test_text() -> str:
    """A text like no other, within the alphabet of every telephone."""
    return f"Simwire test {secrets.token_hex(4)}"
