"""The modems that `simwire init` finds: who they are, how their SIM is, and what a configuration calls them by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

from gateway.cli.looking import Machine, probed
from gateway.config.writing import Value
from gateway.diagnosis import Check, Verdict, answering_port, port_check, unexpected_devices
from gateway.numbers import NotANumber, destination
from hardware.clock import SystemClock
from hardware.discovery import open_port
from hardware.errors import HardwareError
from hardware.modem import Checkup, Visit

_FIRST_ANSWER = 5.0  # seconds; it has answered a moment ago


@dataclass(frozen=True, slots=True)
class Sighting:
    """One modem that answers."""

    port: str
    """A name of its port that stays, where it has one."""
    checkup: Checkup

    @property
    def words(self) -> str:
        """Who it is and how its SIM is, for people."""
        who, card = self.checkup.identity, self.checkup.card
        name = " ".join(word for word in (who.manufacturer, who.model) if word) or "a modem"
        sim = "its SIM is open" if card.open else f"its SIM says {card.state or 'nothing: is one in?'}"
        operator = f", {self.checkup.radio.operator}" if self.checkup.radio.operator else ""
        return f"{name} at {self.port}: {sim}{operator}"

    @property
    def locked(self) -> bool:
        """Whether its SIM asks for a PIN."""
        return self.checkup.card.state == "SIM PIN"

    @property
    def country(self) -> str | None:
        """The country of its SIM, by its own number or its operator's service centre; None where neither is told."""
        for number in (self.checkup.card.number, self.checkup.messages.centre):
            if number and number.startswith("+"):
                try:
                    return destination(number, "ZZ").region
                except NotANumber:
                    continue
        return None

    def table(self, *, alone: bool) -> dict[str, Value]:
        """What a configuration says of it; `alone`: no other one has its IMEI, so that it may decide."""
        table: dict[str, Value] = {"port": self.port}
        if alone and self.checkup.identity.imei:
            table["imei"] = self.checkup.identity.imei
        number = self.checkup.card.number
        if number and number.startswith("+") and number[1:].isdecimal():
            table["number"] = number
        return table


def sightings(
    machine: Machine, ports: Sequence[str] | None, told: Callable[[str], None]
) -> tuple[list[Sighting], list[Check]]:
    """The modems at `ports`, None: at every stick of this machine; and what kept one from being looked at."""
    sticks = machine.sticks() if ports is None else [machine.stick_of(port, port) for port in ports]
    seen, hindrances = list[Sighting](), list[Check]()
    for stick in sticks:
        told(f"looking at {stick.subject}")
        wanted = stick.ports[:1] if ports is not None else stick.ports
        sights = [machine.sight(port) for port in wanted]
        checks = [port_check(sight, stick.usb) for sight in sights]
        used = any(sight.holders.processes for sight in sights)
        hindrances += [check for check in checks if check.verdict is Verdict.FAIL or used]
        free = [sight.path for sight in sights if sight.present and sight.allowed] if not used else []
        answering, silent, closed = probed(free)
        hindrances += [port_check(machine.sight(port, why), stick.usb) for port, why in closed.items()]
        if answering:
            stable = machine.stable_name(answering[0]) if ports is None else None
            try:
                seen.append(_visit(answering[0], stable))
            except HardwareError as error:
                remedy = "unplug it, wait ten seconds, plug it in again"
                hindrances.append(Check("modem", stick.subject, Verdict.FAIL, str(error), remedy))
        elif silent:
            hindrances.append(answering_port(stick, answering, silent, None))
    if ports is None:
        hindrances += unexpected_devices(machine.usb(), machine.suspects())
    return seen, hindrances


def _visit(port: str, stable: str | None) -> Sighting:
    with closing(open_port(port)) as transport:
        return Sighting(stable or port, Visit(transport, SystemClock(), wait=_FIRST_ANSWER).look())
