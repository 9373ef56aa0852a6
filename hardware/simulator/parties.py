"""Who takes part in a network besides its numbers: operators, and modems as the network sees them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hardware.simulator.centre import Incoming


@dataclass(frozen=True, slots=True)
class Operator:
    """A network operator by its MCC and MNC (`plmn`), with the service centre that its new SIMs are given."""

    plmn: str
    name: str
    short_name: str
    service_centre: str


DEFAULT_OPERATORS = (
    Operator("00101", "Simnet", "Sim", "+447700900000"),
    Operator("00102", "Othernet", "Other", "+447700900001"),
)


class Station(Protocol):
    """What the network sees of a modem."""

    @property
    def reachable(self) -> bool:
        """Registered and able to take a message now."""
        ...

    def receive(self, incoming: Incoming, settle: Callable[[int | None], None]) -> None:
        """Take a TPDU; call `settle` once, now or later, with None for RP-ACK or the cause of RP-ERROR."""
        ...

    def reports(self, incoming: Incoming) -> list[tuple[float, Incoming]]:
        """What becomes of a status report on its way: what to send, each after how many seconds."""
        ...
