"""A simulated modem and the driver at its port: in-process on a fake clock, or a pty in real time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from hardware.clock import Clock, FakeClock, SystemClock
from hardware.errors import PortUnavailable
from hardware.modem import Modem, ModemSettings
from hardware.pdu import Address, DeliverPdu, StatusReportPdu, SubmitPdu, segment
from hardware.profiles import Profile, profile_for
from hardware.serial_port import SerialTransport
from hardware.simulator import (
    GENERIC,
    Boot,
    Fault,
    Personality,
    SimCard,
    SimulatedModem,
    SimulatedNetwork,
    SimulatorServer,
    UssdAnswer,
)
from hardware.transport import Transport

OWN = "+447700900150"
HANDSET = "+447700900123"
T = TypeVar("T")

QUICK_BOOT = Boot(at=0.05, sim=0.1, sms=0.15, register=0.05, news=((0.05, "RDY"), (0.1, "+CPIN: {cpin}")))


class Recorder:
    """An inbox that keeps what it is given; `fail` makes the next calls raise."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, StatusReportPdu | None]] = []
        self.messages: list[tuple[str, DeliverPdu | None]] = []
        self.late: list[int] = []
        self.fail = 0

    def status_report(self, raw_hex: str, report: StatusReportPdu | None) -> None:
        self._stumble()
        self.reports.append((raw_hex, report))

    def message(self, raw_hex: str, message: DeliverPdu | None) -> None:
        self._stumble()
        self.messages.append((raw_hex, message))

    def late_reference(self, reference: int) -> None:
        self._stumble()
        self.late.append(reference)

    def _stumble(self) -> None:
        if self.fail:
            self.fail -= 1
            raise RuntimeError("disk full")

    @property
    def references(self) -> list[int]:
        return [report.reference for _, report in self.reports if report is not None]

    @property
    def text(self) -> str:
        return "".join(message.user_data.text or "" for _, message in self.messages if message is not None)


class Ledger:
    """A PIN ledger in memory that a test keeps over "restarts"."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, bytes], bool | None] = {}
        self.begun = 0

    def attempted(self, card: str, pin_digest: bytes) -> bool:
        return (card, pin_digest) in self.entries and self.entries[card, pin_digest] is not True

    def begin(self, card: str, pin_digest: bytes) -> None:
        self.begun += 1
        self.entries[card, pin_digest] = None

    def settle(self, card: str, pin_digest: bytes, accepted: bool) -> None:
        self.entries[card, pin_digest] = accepted


class Hooks:
    """Notes the points of a submit, and what had arrived by then."""

    def __init__(self, inbox: Recorder | None = None) -> None:
        self.points: list[str] = []
        self.reports_seen = 0
        self._inbox = inbox

    def awaiting_prompt(self) -> None:
        self.points.append("awaiting_prompt")

    def before_pdu(self) -> None:
        self.points.append("before_pdu")

    def on_air(self) -> None:
        self.points.append("on_air")

    def slow(self) -> None:
        self.points.append("slow")

    def news(self) -> None:
        self.reports_seen = len(self._inbox.reports) if self._inbox is not None else 0


class Listening:
    """A transport that notes what is written."""

    def __init__(self, transport: Transport, bench: Bench) -> None:
        self._transport, self._bench = transport, bench
        self.wake, self.close = transport.wake, transport.close

    @property
    def name(self) -> str:
        return self._transport.name

    def read(self, timeout: float, *, wakeable: bool = False) -> bytes:
        return self._bench.on_read(self._transport.read(timeout, wakeable=wakeable))

    def write(self, data: bytes) -> None:
        text = data.decode("latin-1").strip()
        self._bench.written.append(text)
        self._bench.on_write(text)
        self._transport.write(data)


class Bench:
    """One modem in a quick network, and the driver; `call` reaches the simulator's side in safety."""

    def __init__(self, door: str, directory: Path) -> None:
        self.chunk = int(door) if door.isdigit() else 4096
        self.real_time = door == "pty"
        self.clock: Clock = SystemClock() if self.real_time else FakeClock()
        self.inbox, self.ledger = Recorder(), Ledger()
        self.network = SimulatedNetwork(
            self.clock, submit_seconds=0.05, linked_submit_seconds=0.02, delivery_seconds=0.05, report_seconds=0.05
        )
        self.network.retry_seconds = 0.5
        self.sim = SimCard(number=OWN, ussd={"*100#": UssdAnswer("Credit: 12.50"), "*101#": "Привет"})
        self.simulated: SimulatedModem
        self._directory = directory
        self._server: SimulatorServer | None = None
        self.transport: Transport
        self.written: list[str] = []
        """Everything that drivers wrote, over all openings of the port."""
        self.on_write: Callable[[str], object] = lambda _: None
        self.on_read: Callable[[bytes], bytes] = lambda data: data
        self.modem: Modem

    def plug(self, personality: Personality | None = None, **changes: object) -> None:
        """Put the modem in; `changes` are fields of its personality."""
        chosen = replace(personality or replace(GENERIC, boot=QUICK_BOOT), **changes)  # type: ignore[arg-type]
        self.simulated = SimulatedModem(self.network, self.sim, chosen)
        if self.real_time:
            self._server = SimulatorServer(self.network, [self.simulated], self._directory)
            self._server.start()

    def open(self, settings: ModemSettings | None = None, profile: Profile | None = None) -> Modem:
        """Open the port and make a driver, not yet brought up."""
        if self.real_time:
            assert self._server is not None
            self.transport = SerialTransport(str(self._server.path(self.simulated)))
        else:
            self.transport = self.simulated.transport(chunk=self.chunk)
        self.transport = Listening(self.transport, self)
        chosen = profile or profile_for(self.simulated.personality.manufacturer, self.simulated.personality.model)
        chosen = replace(chosen, prompt_timeout=0.6, submit_timeout=1.0) if profile is None else profile
        self.modem = Modem(
            self.transport, settings or ModemSettings(), self.inbox, self.ledger, self.clock, profile=chosen
        )
        return self.modem

    def ready(self, settings: ModemSettings | None = None, profile: Profile | None = None) -> Modem:
        """Open and bring up."""
        if not hasattr(self, "simulated"):
            self.plug()
        modem = self.open(settings, profile)
        modem.bring_up()
        return modem

    def reopened(self) -> Modem:
        """Open again once the port is back."""
        deadline = self.clock.boot() + 10
        while True:
            self.modem.close()
            try:
                modem = self.open()
            except PortUnavailable:
                assert self.clock.boot() < deadline, "the port did not come back"
                self.wait(0.05)
                continue
            modem.bring_up()
            return modem

    def wait(self, seconds: float) -> None:
        """Let time pass without the driver."""
        if isinstance(self.clock, FakeClock):
            until = self.clock.boot() + seconds
            while (upcoming := self.network.next_event()) is not None and upcoming <= until:
                self.clock.advance(max(0.0, upcoming - self.clock.boot()))
                self.network.run_due()
            self.clock.advance(max(0.0, until - self.clock.boot()))
            self.network.run_due()
        else:
            self.call(lambda: None)
            SerialPause.wait(seconds)

    def call(self, action: Callable[[], T]) -> T:
        """Do something on the simulator's side."""
        return self._server.call(action) if self._server is not None else action()

    def inject(self, *faults: Fault) -> None:
        for fault in faults:
            self.call(lambda fault=fault: self.simulated.inject(fault))  # type: ignore[misc]

    def until(self, condition: Callable[[], bool], limit: float = 10.0) -> None:
        """Serve the modem until `condition` holds; fails after `limit` seconds of the bench's clock."""
        deadline = self.clock.boot() + limit
        while not condition():
            assert self.clock.boot() < deadline, f"not within {limit} s; {self.modem.status}"
            self.modem.service(0.2)

    def submit(self, text: str = "Your code is 123456", to: str = HANDSET, hooks: Hooks | None = None) -> int:
        return self.modem.submit(submit_pdu(text, to), hooks or Hooks())

    @property
    def texts(self) -> list[str]:
        """What the handset shows."""
        return self.call(lambda: list(self.network.handset(HANDSET).texts))

    @property
    def sent(self) -> int:
        """How many messages the network accepted."""
        return self.call(lambda: len(self.network.submits))

    @property
    def stored(self) -> int:
        """Messages that lie in any storage of the modem or its card."""
        return self.call(lambda: len(self.simulated.store) + len(self.simulated.reports) + len(self.sim.store))

    def close(self) -> None:
        if hasattr(self, "modem"):
            self.modem.close()
        if self._server is not None:
            self._server.stop()


class SerialPause:
    """A wait in real time, for the pty door only, which cannot be told what time it is."""

    @staticmethod
    def wait(seconds: float) -> None:
        from threading import Event

        Event().wait(seconds)


def submit_pdu(text: str, to: str = HANDSET) -> SubmitPdu:
    body = segment(text).segments[0]
    return SubmitPdu(Address.parse(to), body, status_report_request=True)
