"""The service centre: holds what was submitted, delivers it, gives up at its validity, and reports (23.040 3.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from hardware.clock import Instant
from hardware.simulator.events import Event
from hardware.simulator.handset import REPLACE_PIDS, Handset, HandsetState
from hardware.simulator.octets import Address, mask, write_service_centre, write_time
from hardware.simulator.sim import SimCard
from hardware.simulator.tpdu import Deliver, Report, Submit, write_deliver, write_report

if TYPE_CHECKING:
    from hardware.simulator.network import SimulatedNetwork

# TP-ST, 23.040 9.2.3.15
RECEIVED, REPLACED, TRYING_NO_RESPONSE, NOT_OBTAINABLE, EXPIRED = 0x00, 0x02, 0x22, 0x43, 0x46
# RP causes, 24.011 8.2.5.4, and TP-FCS, 23.040 9.2.3.22
UNASSIGNED, CONGESTION, DUPLICATE, NETWORK_OUT_OF_ORDER = 1, 42, 197, 38


class Refused(Exception):
    """The network's RP-ERROR for a submit; `cause` is the RP cause or TP-FCS that the modem shows as +CMS ERROR."""

    def __init__(self, cause: int) -> None:
        super().__init__(f"RP cause {cause}")
        self.cause = cause


@dataclass(frozen=True, slots=True)
class ServiceCentre:
    """One service centre. Its clock may be wrong by `clock_offset` seconds; it stamps in `zone` quarters of an hour."""

    address: str
    clock_offset: float = 0.0
    zone: int = 0


@dataclass(frozen=True, slots=True)
class Incoming:
    """A TPDU on its way to a SIM, with the service-centre octets in front of it.

    `done` is called once it arrived; `held` is the message it was made from, which may be over before.
    """

    centre: bytes = field(repr=False)
    tpdu: bytes = field(repr=False)
    report: bool
    done: Callable[[], None] | None = field(default=None, repr=False)
    held: Held | None = field(default=None, repr=False)

    @property
    def expired(self) -> bool:
        """Whether the service centre has given the message up."""
        return self.held is not None and self.held.over


@dataclass(frozen=True, slots=True)
class SubmitRecord:
    """One message that the network accepted: the truth that tests compare with."""

    time: Instant
    imsi: str = field(repr=False)
    destination: str = field(repr=False)
    reference: int
    tpdu: Submit
    service_centre: str = field(repr=False)


@dataclass(eq=False, slots=True)
class Held:
    """A message that waits at the service centre."""

    sim: SimCard
    submit: Submit
    centre: ServiceCentre
    stamp: bytes
    number: str
    expiry: Event | None = None
    over: bool = False

    def __repr__(self) -> str:
        return f"Held(to={mask(self.number)}, reference={self.submit.reference}, over={self.over})"


class Relay:
    """Store-and-forward over the network's clock. Tests reach it through `SimulatedNetwork`."""

    def __init__(self, network: SimulatedNetwork) -> None:
        self._network = network
        self.held: list[Held] = []

    def accept(self, sim: SimCard, centre: ServiceCentre, submit: Submit) -> Held:
        """Take a message over; raises Refused for a duplicate that the sender asked to have rejected (TP-RD)."""
        number = self._network.dialled(submit.destination)
        same = [old for old in self.held if old.sim is sim and old.number == number]
        if submit.reject_duplicates and any(old.submit.reference == submit.reference for old in same):
            raise Refused(DUPLICATE)
        if submit.pid in REPLACE_PIDS:
            for old in same:
                if old.submit.pid == submit.pid:
                    self._finish(old, REPLACED)
        held = Held(sim, submit, centre, self._stamp(centre), number)
        lifetime = submit.lifetime(self._network.now().wall)
        seconds = self._network.default_validity if lifetime is None else lifetime
        held.expiry = self._network.after(seconds, lambda: self._finish(held, EXPIRED))
        self.held.append(held)
        self._plan(held)
        return held

    def retry(self, number: str) -> None:
        """The telephone of that number may be reachable again."""
        for held in [held for held in self.held if held.number == number]:
            self._plan(held)

    def _plan(self, held: Held) -> None:
        handset = self._network.existing_handset(held.number)
        delay = self._network.delivery_seconds + (handset.delay if handset is not None else 0.0)
        self._network.after(delay, lambda: self._deliver(held))

    def _deliver(self, held: Held) -> None:
        if held.over:
            return
        sim = self._network.sim_of(held.number)
        if sim is not None:
            self._deliver_to_sim(held, sim)
            return
        handset = self._network.handset(held.number)
        if handset.state is HandsetState.UNKNOWN:
            self._finish(held, NOT_OBTAINABLE)
        elif handset.state is not HandsetState.ON:
            self._report_if(self._network.trying_reports, held, TRYING_NO_RESPONSE)
        else:
            self._hand_over(held, handset)

    def _hand_over(self, held: Held, handset: Handset) -> None:
        outcome = RECEIVED if handset.answer is None else handset.answer
        if 0x20 <= outcome < 0x40:
            self._report_if(True, held, outcome)
            return
        if outcome < 0x20:
            handset.receive(held.sim.number, held.submit, self._network.now())
        self._finish(held, outcome)

    def _deliver_to_sim(self, held: Held, sim: SimCard) -> None:
        submit = held.submit
        flags = 0x04 | (submit.first_octet & 0xC0)
        deliver = Deliver(
            flags, Address.of(held.sim.number), submit.pid, submit.dcs, held.stamp, submit.length, submit.octets
        )
        centre = write_service_centre(Address.of(held.centre.address))
        self._network.page(
            sim, Incoming(centre, write_deliver(deliver), False, lambda: self._finish(held, RECEIVED), held)
        )

    def _finish(self, held: Held, status: int) -> None:
        if held.over:
            return
        held.over = True
        if held.expiry is not None:
            held.expiry.cancel()
        self.held.remove(held)
        self._report_if(True, held, status)

    def _report_if(self, wanted: bool, held: Held, status: int) -> None:
        if not (wanted and held.submit.report_requested):
            return
        discharge = self._stamp(held.centre)
        recipient = self._recipient(held)
        report = Report(0x06, held.submit.reference, recipient, held.stamp, discharge, status)
        centre = write_service_centre(Address.of(held.centre.address))
        incoming = Incoming(centre, write_report(report), report=True)
        self._network.after(self._network.report_seconds, lambda: self._network.send_report(held.sim, incoming))

    def _recipient(self, held: Held) -> Address:
        form: Literal["as_sent", "international", "national"] = self._network.report_recipient
        if form == "as_sent":
            return held.submit.destination
        if form == "international" or not held.number.startswith(self._network.country_code):
            return Address.of(held.number)
        return Address("0" + held.number.removeprefix(self._network.country_code), 0xA1)

    def _stamp(self, centre: ServiceCentre) -> bytes:
        return write_time(self._network.now().wall + centre.clock_offset, centre.zone)
