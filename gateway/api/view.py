"""What the API needs of the service: a narrow seam, so that tests and other processes can stand in for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from gateway.alarms import Alarms
from gateway.config import Config
from gateway.directory import ModemView
from gateway.intake import Intake
from gateway.metrics import Metrics
from gateway.store import Store
from gateway.verify import Verify
from gateway.webhooks import Webhooks
from hardware.clock import Clock
from hardware.tracing import Wiretap

ModemAction = Literal["pause", "resume", "restart", "ussd"]


class ServiceView(Protocol):
    """The running gateway, as the API sees it."""

    @property
    def store(self) -> Store:
        """Everything that is kept."""
        ...

    @property
    def config(self) -> Config:
        """The configuration in force."""
        ...

    @property
    def clock(self) -> Clock:
        """What time it is."""
        ...

    @property
    def intake(self) -> Intake:
        """Takes messages."""
        ...

    @property
    def verify(self) -> Verify:
        """Takes codes."""
        ...

    @property
    def webhooks(self) -> Webhooks:
        """Sends events to configured endpoints."""
        ...

    @property
    def alarms(self) -> Alarms:
        """What needs a person."""
        ...

    @property
    def metrics(self) -> Metrics:
        """What is counted."""
        ...

    def modems(self) -> list[ModemView]:
        """A snapshot of every modem."""
        ...

    def ready(self) -> bool:
        """Whether messages can be accepted and at least one modem can send."""
        ...

    def wiretap(self, name: str) -> Wiretap:
        """Where what goes over a modem's port can be listened in on; raises KeyError for an unknown modem."""
        ...

    def modem_action(self, name: str, action: ModemAction, code: str | None = None) -> Mapping[str, Any]:
        """Do what an operator asks of a modem; `code` is the USSD code, and the answer then has `mode` and `text`.

        Raises KeyError for an unknown modem and `gateway.refusals.Unavailable` where the modem cannot do it now.
        """
        ...
