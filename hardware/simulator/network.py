"""A mobile network on a clock: operators, service centres, telephones, and SIMs in modems."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from hardware.clock import Clock, Instant
from hardware.errors import DecodeError
from hardware.simulator.centre import (
    CONGESTION,
    NETWORK_OUT_OF_ORDER,
    UNASSIGNED,
    Incoming,
    Refused,
    Relay,
    ServiceCentre,
    SubmitRecord,
)
from hardware.simulator.composing import compose
from hardware.simulator.events import Event, EventQueue
from hardware.simulator.handset import Handset
from hardware.simulator.octets import Address, mask, write_service_centre, write_time
from hardware.simulator.parties import DEFAULT_OPERATORS, Operator, Station
from hardware.simulator.sim import SimCard
from hardware.simulator.tpdu import Deliver, read_submit, write_deliver

MEMORY_CAUSES = (22, 208, 211)
_INVALID_MANDATORY_INFORMATION = 96


@dataclass(eq=False, slots=True)
class _Subscriber:
    sim: SimCard
    station: Station | None = None
    waiting: deque[Incoming] = field(default_factory=deque)
    pending: Incoming | None = None
    resting: bool = False
    """The modem refused a message: nothing is sent before it has room, comes back, or `retry_seconds` are over."""
    memory_full: bool = False


class SimulatedNetwork:
    """Operators, service centres and numbers over one clock.

    Attributes may be changed at any time:

    - `submit_seconds`, `linked_submit_seconds`: radio time of one submit; the shorter one while AT+CMMS keeps the link.
    - `delivery_seconds`, `report_seconds`: from acceptance to delivery, from delivery to the status report.
    - `retry_seconds`: until a message that a modem did not acknowledge is sent to it again.
    - `default_validity`: seconds that a message without TP-VP is kept.
    - `open`: whether any number exists; else only telephones made by `handset` and SIMs do, others get cause 1.
    - `refusal`: RP cause for every submit, as in congestion (`congested` sets 42); None for none.
    - `trying_reports`: whether the service centre reports "still trying" (0x22) for a telephone that is off or full.
    - `report_recipient`: how TP-RA of reports is written.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        operators: tuple[Operator, ...] = DEFAULT_OPERATORS,
        service_centres: Iterable[ServiceCentre] = (),
        open: bool = True,  # noqa: A002 - the word for a network in which any number exists
        submit_seconds: float = 2.0,
        linked_submit_seconds: float = 1.0,
        delivery_seconds: float = 1.0,
        report_seconds: float = 0.5,
        country_code: str = "+44",
    ) -> None:
        self.clock, self.operators, self.open, self.country_code = clock, operators, open, country_code
        self.submit_seconds, self.linked_submit_seconds = submit_seconds, linked_submit_seconds
        self.delivery_seconds, self.report_seconds = delivery_seconds, report_seconds
        self.retry_seconds, self.default_validity = 60.0, 3 * 86_400.0
        self.refusal: int | None = None
        self.trying_reports = False
        self.report_recipient: Literal["as_sent", "international", "national"] = "as_sent"
        self.service_centres = {
            operator.service_centre: ServiceCentre(operator.service_centre) for operator in operators
        }
        self.service_centres.update({centre.address: centre for centre in service_centres})
        self.submits: list[SubmitRecord] = []
        """Everything that was accepted, oldest first."""
        self.handsets: dict[str, Handset] = {}
        self._queue = EventQueue(clock)
        self._subscribers: dict[str, _Subscriber] = {}
        self._relay = Relay(self)
        self._references = 0

    # Time

    def next_event(self) -> float | None:
        """Boot time in seconds of the next thing that happens by itself; None for nothing."""
        return self._queue.next_event()

    def run_due(self) -> None:
        """Let everything happen whose time has come."""
        self._queue.run_due()

    def after(self, seconds: float, action: Callable[[], None]) -> Event:
        """Plan a call on the network's time line, as a test does that wants something to happen later."""
        return self._queue.after(seconds, action)

    def time(self) -> float:
        """Boot time in seconds of what happens now."""
        return self._queue.time()

    def now(self) -> Instant:
        """Both clocks at what happens now."""
        return self._queue.now()

    # Numbers

    def handset(self, number: str, *, delay: float | None = None, answer: int | None = None) -> Handset:
        """The telephone of a number, made on first use; `delay` and `answer` as in `Handset` where given."""
        number = self.dialled(Address.of(number))
        handset = self.handsets.setdefault(number, Handset(number, self))
        handset.delay = handset.delay if delay is None else delay
        handset.answer = handset.answer if answer is None else answer
        return handset

    def existing_handset(self, number: str) -> Handset | None:
        """The telephone of a number in full form, None where nobody has made one."""
        return self.handsets.get(number)

    def dialled(self, address: Address) -> str:
        """The full form of an address as the switch understands it: national numbers get the country code."""
        number = address.number
        if number.startswith("+") or address.alphanumeric or not number.startswith("0"):
            return number
        return "+" + number[2:] if number.startswith("00") else self.country_code + number[1:]

    def handset_changed(self, handset: Handset) -> None:
        """A telephone was switched on or freed memory: what waits for it is tried again."""
        self._relay.retry(handset.number)

    @property
    def waiting(self) -> int:
        """Messages that the service centres still hold."""
        return len(self._relay.held)

    @property
    def congested(self) -> bool:
        """Whether every submit is refused with cause 42."""
        return self.refusal == CONGESTION

    @congested.setter
    def congested(self, congested: bool) -> None:
        self.refusal = CONGESTION if congested else None

    # Subscribers

    def attach(self, sim: SimCard, station: Station) -> None:
        """A SIM is in a modem now; messages for it go there once it is reachable.

        Raises ValueError where another card has the same IMSI.
        """
        subscriber = self._subscribers.setdefault(sim.imsi, _Subscriber(sim))
        if subscriber.sim is not sim:
            raise ValueError("two SIM cards of one network have the same IMSI")
        subscriber.station = station
        if sim.service_centre is None:
            sim.service_centre = self.home_of(sim).service_centre
        self.flush(sim)

    def detach(self, sim: SimCard) -> None:
        """The modem lost the network: what it had not acknowledged is kept and sent again later."""
        subscriber = self._subscribers.get(sim.imsi)
        if subscriber is None:
            return
        subscriber.resting = subscriber.memory_full = False
        if subscriber.pending is not None:
            subscriber.waiting.appendleft(subscriber.pending)
            subscriber.pending = None

    def release(self, sim: SimCard) -> None:
        """The SIM is in no modem any more; what comes for it waits."""
        self.detach(sim)
        subscriber = self._subscribers.get(sim.imsi)
        if subscriber is not None:
            subscriber.station = None

    def home_of(self, sim: SimCard) -> Operator:
        """The operator that issued a SIM; the first one for a foreign SIM."""
        return next((one for one in self.operators if sim.imsi.startswith(one.plmn)), self.operators[0])

    def sim_of(self, number: str) -> SimCard | None:
        """The SIM that has a number."""
        return next((one.sim for one in self._subscribers.values() if one.sim.number == number), None)

    def waiting_for(self, sim: SimCard) -> int:
        """Messages and reports that the network keeps for a SIM's modem."""
        subscriber = self._subscribers.get(sim.imsi)
        return 0 if subscriber is None else len(subscriber.waiting) + (subscriber.pending is not None)

    def memory_available(self, sim: SimCard) -> None:
        """The modem has room again (RP-SMMA): what it refused for want of memory is sent again."""
        subscriber = self._subscribers.get(sim.imsi)
        if subscriber is not None and subscriber.memory_full:
            self.after(self.delivery_seconds, partial(self._again, subscriber))

    # Submitting

    def submit(self, sim: SimCard, centre_address: str, tpdu: bytes) -> SubmitRecord:
        """What a modem's RP-DATA leads to: the record of an accepted message, or Refused with its cause."""
        cause = sim.barred if self.refusal is None else self.refusal
        if cause is not None:
            raise Refused(cause)
        centre = self.service_centres.get(centre_address)
        if centre is None:
            raise Refused(NETWORK_OUT_OF_ORDER)
        try:
            submit = read_submit(tpdu)
        except DecodeError:
            raise Refused(_INVALID_MANDATORY_INFORMATION) from None
        number = self.dialled(submit.destination)
        if not (self.open or number in self.handsets or self.sim_of(number) is not None):
            raise Refused(UNASSIGNED)
        self._relay.accept(sim, centre, submit)
        record = SubmitRecord(self.now(), sim.imsi, number, submit.reference, submit, centre_address)
        self.submits.append(record)
        return record

    # To the SIM

    def send_from(
        self,
        sender: str,
        text: str | bytes,
        to: str,
        *,
        message_class: int | None = None,
        pid: int = 0,
        ports: tuple[int, int] | None = None,
    ) -> None:
        """Deliver a message from any sender, an alphanumeric name too, to a SIM's number; in parts where needed."""
        sim = self.sim_of(self.dialled(Address.of(to)))
        if sim is None:
            raise ValueError(f"no SIM of this network has the number {mask(to)}")
        centre = self.service_centres[self.home_of(sim).service_centre]
        self._references = (self._references + 1) % 256
        parts = compose(text, message_class=message_class, ports=ports, reference=self._references)
        for left, part in zip(range(len(parts) - 1, -1, -1), parts, strict=True):
            stamp = write_time(self.now().wall + centre.clock_offset, centre.zone)
            flags = (0x00 if left else 0x04) | (0x40 if part.has_header else 0)
            deliver = Deliver(flags, Address.of(sender), pid, part.dcs, stamp, part.length, part.octets)
            octets = write_service_centre(Address.of(centre.address))
            self.page(sim, Incoming(octets, write_deliver(deliver), report=False))

    def send_report(self, sim: SimCard, incoming: Incoming) -> None:
        """Send a status report to a SIM, by way of the faults that its modem was given."""
        subscriber = self._subscribers[sim.imsi]
        fates = [(0.0, incoming)] if subscriber.station is None else subscriber.station.reports(incoming)
        for seconds, one in fates:
            self.after(seconds, partial(self.page, sim, one))

    def page(self, sim: SimCard, incoming: Incoming) -> None:
        """Send a TPDU to a SIM's modem, or keep it until that is reachable and has room."""
        self._subscribers[sim.imsi].waiting.append(incoming)
        self.flush(sim)

    def flush(self, sim: SimCard) -> None:
        """Send the next waiting TPDU, one at a time: the next goes when the modem has acknowledged."""
        subscriber = self._subscribers.get(sim.imsi)
        if subscriber is None or subscriber.station is None or subscriber.pending is not None or not subscriber.waiting:
            return
        if subscriber.resting or not subscriber.station.reachable:
            return
        incoming = subscriber.waiting.popleft()
        if incoming.expired:
            self.flush(sim)
            return
        subscriber.pending = incoming
        subscriber.station.receive(incoming, lambda cause: self._settle(subscriber, incoming, cause))

    def _settle(self, subscriber: _Subscriber, incoming: Incoming, cause: int | None) -> None:
        if subscriber.pending is not incoming:
            return  # the modem was lost in between, and the message is already kept
        subscriber.pending = None
        if cause is None:
            if incoming.done is not None:
                incoming.done()
            self.after(0.0, lambda: self.flush(subscriber.sim))
            return
        subscriber.waiting.appendleft(incoming)
        subscriber.resting, subscriber.memory_full = True, cause in MEMORY_CAUSES
        self.after(self.retry_seconds, partial(self._again, subscriber))

    def _again(self, subscriber: _Subscriber) -> None:
        subscriber.resting = subscriber.memory_full = False
        self.flush(subscriber.sim)
