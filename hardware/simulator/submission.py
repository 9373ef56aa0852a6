"""Messages on their way out: prompt, checks, radio, and the result (27.005 3.5, 4.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hardware.errors import DecodeError
from hardware.simulator.centre import Refused
from hardware.simulator.events import Event
from hardware.simulator.faults import EarlyReport, LoseAnswer, NoReference, Refuse, Slow, Step
from hardware.simulator.octets import Address, Reader, read_service_centre
from hardware.simulator.session import Refusal, cms
from hardware.simulator.tpdu import read_submit

if TYPE_CHECKING:
    from hardware.simulator.modem import SimulatedModem

_LINK_SECONDS = 5.0  # 27.005 3.5.6 lets the ME end a link one to five seconds after the last result


class Submission:
    """The sending side of one modem."""

    def __init__(self, modem: SimulatedModem) -> None:
        self._modem = modem
        self._link_until = 0.0
        self._on_air: Event | None = None

    def reset(self) -> None:
        """The modem restarts: what is on the air is lost."""
        if self._on_air is not None:
            self._on_air.cancel()
        self._on_air = None
        self._link_until = 0.0

    def prompt(self, done: Callable[[bytes], None]) -> None:
        """Give the prompt of a command and hand its body over, by way of the faults that wait there."""
        execution, network = self._modem.execution, self._modem.network
        token = execution.token

        def written(body: bytes | None) -> None:
            if body is None:
                execution.cancelled()
            else:
                done(body)

        for action in self._modem.faults_at(Step.PROMPT):
            if token != execution.token:
                return
            match action:
                case Refuse(code, kind):
                    execution.refuse(Refusal(kind, code))
                    return
                case LoseAnswer():
                    execution.abandon()
                    return
                case Slow(seconds):
                    network.after(seconds, lambda: execution.prompt(written) if token == execution.token else None)
                    return
        if token == execution.token:
            execution.prompt(written)

    def submit_hex(self, body: bytes, length: int, command: str) -> None:
        """The body of AT+CMGS in PDU mode: checked as 27.005 4.3 has it, then sent; CMS 304 for what is no SUBMIT."""
        parsed = parse_body(body, length)
        if parsed is None:
            self._modem.execution.refuse(cms(304))
            return
        centre, tpdu = parsed
        self.submit(centre, tpdu, command)

    def submit(self, centre: Address | None, tpdu: bytes, command: str) -> None:
        """Send an SMS-SUBMIT; the answer `command`: reference, or the refusal, comes after the radio time."""
        modem, execution = self._modem, self._modem.execution
        sim = modem.sim
        assert sim is not None
        token = execution.token
        delay = 0.0
        for action in modem.faults_at(Step.PDU):
            match action:
                case Refuse(code, kind):
                    execution.refuse(Refusal(kind, code))
                    return
                case LoseAnswer():
                    execution.abandon()
                    return
                case Slow(seconds):
                    delay += seconds
        if token != execution.token and modem.present:
            return  # silent or restarted; a port that vanished alone does not hinder the radio
        if not modem.power.sim_ready:
            return
        address = centre.number if centre is not None else sim.service_centre or ""
        if not address:
            execution.refuse(cms(330))
            return
        if not modem.radio.registered:
            execution.refuse(cms(331))
            return
        reference = sim.next_reference()
        sent = tpdu[:1] + bytes([reference]) + tpdu[2:]
        self._on_air = modem.network.after(
            delay + self._radio_seconds(), lambda: self._sent(token, address, sent, command)
        )

    def _radio_seconds(self) -> float:
        network = self._modem.network
        linked = self._link_until > network.time()
        return network.linked_submit_seconds if linked else network.submit_seconds

    def link_mode(self) -> int:
        """+CMMS as it is now: 1 falls back to 0 once the link has been idle."""
        session = self._modem.session
        if session.more == 1 and 0 < self._link_until < self._modem.network.time():
            session.more = 0
        return session.more

    def _sent(self, token: int, address: str, tpdu: bytes, command: str) -> None:
        modem, execution = self._modem, self._modem.execution
        self._on_air = None
        sim = modem.sim
        assert sim is not None
        if not modem.radio.registered:
            if token == execution.token:
                execution.refuse(cms(332))
            return
        try:
            modem.network.submit(sim, address, tpdu)
        except Refused as refused:
            if token == execution.token:
                execution.refuse(cms(refused.cause))
            return
        self._link_until = modem.network.time() + _LINK_SECONDS if self.link_mode() else 0.0
        if token == execution.token:
            self._answer(token, f"{command}: {tpdu[1]}")

    def _answer(self, token: int, line: str) -> None:
        modem, execution = self._modem, self._modem.execution
        delay, said = 0.0, True
        for action in modem.faults_at(Step.RESULT):
            match action:
                case Refuse(code, kind):
                    execution.refuse(Refusal(kind, code))
                    return
                case LoseAnswer():
                    execution.abandon()
                    return
                case NoReference():
                    said = False
                case Slow(seconds):
                    delay += seconds
                case EarlyReport(margin):
                    delay += modem.network.delivery_seconds + modem.network.report_seconds + margin

        def answer() -> None:
            if token != execution.token:
                return
            if said:
                execution.information(line)
            if token == execution.token:
                execution.finish()

        if delay:
            modem.network.after(delay, answer)
        else:
            answer()


def parse_body(body: bytes, length: int) -> tuple[Address | None, bytes] | None:
    """Service centre and SMS-SUBMIT of a body in hexadecimal digits; None for anything else.

    `length` is the number of TPDU octets that the command announced.
    """
    try:
        reader = Reader(bytes.fromhex(body.decode("ascii"))) if body.isalnum() else Reader(b"")
        centre = read_service_centre(reader)
        tpdu = reader.rest()
        read_submit(tpdu)
    except (DecodeError, ValueError):
        return None
    return (centre, tpdu) if len(tpdu) == length else None
