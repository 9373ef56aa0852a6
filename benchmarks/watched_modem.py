"""A simulated modem that keeps what an oracle asks for afterwards: PDUs that it read, reports, faults, and when.

Times are CLOCK_BOOTTIME in seconds, of the moment at which the simulator saw the thing: never earlier than it happened.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from hardware.errors import DecodeError
from hardware.simulator import Fault, Personality, SimCard, SimulatedModem, SimulatedNetwork, Step
from hardware.simulator.centre import Incoming
from hardware.simulator.faults import Action
from hardware.simulator.octets import Address
from hardware.simulator.routing import Routing, Settle
from hardware.simulator.submission import Submission
from hardware.simulator.tpdu import Submit, read_report, read_submit


@dataclass(slots=True)
class Record:
    """What the modems of one network saw, oldest first."""

    pdus: list[tuple[float, str, Submit]] = field(default_factory=list)
    """(when its last octet was read, IMSI, the SMS-SUBMIT) of every PDU, whatever came of it."""
    reports: list[tuple[float, str, int, str, str, int]] = field(default_factory=list)
    """(when, IMSI, TP-MR, recipient, fate, TP-ST): fate is `lost`, `left` (the centre), `came` (to the modem);
    `unrouted`: the modem took it and told nobody, as it had restarted and was not set up again (27.005 3.4.1, <ds> 0);
    or `held`, after `came`: the modem restarted or went while it held it back behind a command, or at a prompt.
    """
    faults: list[tuple[float, str, str, str, float | None]] = field(default_factory=list)
    """(when, modem, step, action, seconds that it lasts: None where it does not say) of everything that struck."""


class WatchedModem(SimulatedModem):
    """A modem that writes into a record."""

    def __init__(
        self, network: SimulatedNetwork, sim: SimCard, personality: Personality, record: Record, **more: Any
    ) -> None:
        super().__init__(network, sim, personality, **more)
        self.record = record
        self.submission = _Submission(self)
        self.routing: _Routing = _Routing(self)
        network.attach(sim, self.routing)
        self.held_reports: list[Incoming] = []
        """What has come in and nobody was told of yet."""

    def flush_news(self) -> None:
        """As the modem's."""
        super().flush_news()
        if not self.news_waiting:
            self.held_reports.clear()

    def forget(self) -> None:
        """As the modem's, and noted."""
        for incoming in self.held_reports:
            self.routing.note(incoming, "held")
        self.held_reports.clear()
        super().forget()

    def faults_at(self, step: Step, command: str | None = None) -> list[Action]:
        """As the modem's, and noted."""
        before = len(self.struck)
        left = super().faults_at(step, command)
        for fault in self.struck[before:]:
            self.note(fault)
        return left

    def note(self, fault: Fault) -> None:
        """One more that struck."""
        action = fault.action
        seconds = getattr(action, "seconds", None)
        self.record.faults.append((self.network.time(), self.name, fault.step.value, type(action).__name__, seconds))


class _Submission(Submission):
    def __init__(self, modem: WatchedModem) -> None:
        super().__init__(modem)
        self._watched = modem

    def submit(self, centre: Address | None, tpdu: bytes, command: str) -> None:
        assert self._watched.sim is not None
        submit = read_submit(tpdu)
        self._watched.record.pdus.append((self._watched.network.time(), self._watched.sim.imsi, submit))
        super().submit(centre, tpdu, command)


class _Routing(Routing):
    def __init__(self, modem: WatchedModem) -> None:
        super().__init__(modem)
        self._watched = modem

    def reports(self, incoming: Incoming) -> list[tuple[float, Incoming]]:
        fates = super().reports(incoming)
        self.note(incoming, "left" if fates else "lost")
        return fates

    def receive(self, incoming: Incoming, settle: Settle) -> None:
        modem = self._watched
        if incoming.report and modem.power.sim_ready:  # else the network keeps it
            routed = modem.session.cnmi[3] or modem.personality.reports_unrouted_stored
            self.note(incoming, "came" if routed else "unrouted")
        waiting = modem.news_waiting
        super().receive(incoming, settle)
        if incoming.report and modem.news_waiting > waiting and modem.session.cnmi[3] == 1:  # else it is stored too
            modem.held_reports.append(incoming)

    def note(self, incoming: Incoming, fate: str) -> None:
        """What became of a report."""
        modem = self._watched
        assert modem.sim is not None
        try:
            report = read_report(incoming.tpdu)
        except DecodeError:
            return
        number = modem.network.dialled(report.recipient)
        entry = (modem.network.time(), modem.sim.imsi, report.reference, number, fate, report.status)
        modem.record.reports.append(entry)


def hurried(personality: Personality, scale: float) -> Personality:
    """A family whose starts take that share of their time."""
    boot = personality.boot
    quick = replace(
        boot,
        port=boot.port * scale,
        at=boot.at * scale,
        sim=boot.sim * scale,
        sms=boot.sms * scale,
        register=boot.register * scale,
        news=tuple((seconds * scale, line) for seconds, line in boot.news),
    )
    return replace(personality, boot=quick, cfun_busy_seconds=personality.cfun_busy_seconds * scale)
