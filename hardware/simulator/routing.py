"""Messages and reports on their way in: routed by +CNMI, stored, announced, acknowledged (27.005 3.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hardware.simulator.centre import Incoming
from hardware.simulator.events import Event
from hardware.simulator.faults import DelayReport, LoseReport, RepeatReport, SplitLines, Step
from hardware.simulator.handset import REPLACE_PIDS, SILENT_PID
from hardware.simulator.session import cms
from hardware.simulator.sim import MessageStatus, StoredMessage
from hardware.simulator.stores import StoreView, place
from hardware.simulator.textmode import direct_deliver, direct_report
from hardware.simulator.tpdu import read_deliver
from hardware.simulator.userdata import class_of

if TYPE_CHECKING:
    from hardware.simulator.modem import SimulatedModem

Settle = Callable[[int | None], None]
_SIM_FULL, _MEMORY_EXCEEDED, _UNSPECIFIED = 208, 211, 255


class Routing:
    """The receiving side of one modem; the network's `Station`."""

    def __init__(self, modem: SimulatedModem) -> None:
        self._modem = modem
        self._awaiting: tuple[Settle, Event] | None = None
        self._buffered: list[str] = []
        self._pause = 0.0

    def reset(self) -> None:
        """The modem restarts: what is unacknowledged stays with the network."""
        if self._awaiting is not None:
            self._awaiting[1].cancel()
        self._awaiting = None
        self._buffered.clear()

    @property
    def reachable(self) -> bool:
        """Whether the network can hand a message to this modem now."""
        modem = self._modem
        return (
            modem.radio.registered and modem.power.messages_ready and modem.power.sim_ready and self._awaiting is None
        )

    def wake(self) -> None:
        """The modem may have become reachable: the network sends what waits."""
        modem = self._modem
        if modem.sim is not None and self.reachable:
            sim = modem.sim
            modem.network.after(0.0, lambda: modem.network.flush(sim))

    def reports(self, incoming: Incoming) -> list[tuple[float, Incoming]]:
        """What the faults make of a status report."""
        fates = [0.0]
        for action in self._modem.faults_at(Step.REPORT):
            match action:
                case LoseReport():
                    return []
                case DelayReport(seconds):
                    fates = [fate + seconds for fate in fates]
                case RepeatReport(times, seconds):
                    fates = [fates[0] + turn * seconds for turn in range(times)]
        return [(fate, incoming) for fate in fates]

    def receive(self, incoming: Incoming, settle: Settle) -> None:
        """Route a TPDU by +CNMI and +CSMS."""
        pauses = [action.seconds for action in self._modem.faults_at(Step.INCOMING) if isinstance(action, SplitLines)]
        self._pause = sum(pauses)
        if not self._modem.power.sim_ready:
            return  # restarted just now: unacknowledged, so the network keeps it
        if incoming.report:
            self._route_report(incoming, settle)
        else:
            self._route_deliver(incoming, settle)

    def _route_report(self, incoming: Incoming, settle: Settle) -> None:
        modem = self._modem
        ds = modem.session.cnmi[3]
        if ds == 1:
            lines = direct_report(incoming, text_mode=modem.session.text_mode, charset=modem.session.charset)
            self._direct(lines, settle)
        elif ds == 2 or modem.personality.reports_unrouted_stored:
            separate = modem.personality.report_store == "SR" and ds == 2
            store = "SR" if separate else modem.session.memories[-1]
            said = modem.personality.report_store_said
            self._keep(incoming, store, settle, "+CDSI" if ds == 2 else "+CMTI", said)
        else:
            settle(None)

    def _route_deliver(self, incoming: Incoming, settle: Settle) -> None:
        modem = self._modem
        deliver = read_deliver(incoming.tpdu)
        kind = class_of(deliver.dcs)
        if deliver.pid == SILENT_PID:
            settle(None)
            return
        mt = modem.session.cnmi[1]
        waiting_kept = deliver.dcs & 0xF0 in (0xD0, 0xE0)
        if (mt == 2 and kind != 2 and not waiting_kept) or (mt == 3 and kind == 3):
            self._direct(direct_deliver(incoming, modem.session), settle)
            return
        store = "SM" if kind == 2 else modem.session.memories[-1]
        if deliver.pid in REPLACE_PIDS and self._replace(incoming, store, settle):
            return
        self._keep(incoming, store, settle, "+CMTI", None)

    def _replace(self, incoming: Incoming, store: str, settle: Settle) -> bool:
        new = read_deliver(incoming.tpdu)
        for index, stored in StoreView(self._modem, store).items():
            if stored.tpdu[0] & 3 or stored.status not in (MessageStatus.UNREAD, MessageStatus.READ):
                continue
            old = read_deliver(stored.tpdu)
            if (old.pid, old.originator) == (new.pid, new.originator):
                stored.tpdu, stored.centre, stored.status = incoming.tpdu, incoming.centre, MessageStatus.UNREAD
                settle(None)
                self._announce(f'+CMTI: "{store}",{index}', self._modem.session.cnmi[1])
                return True
        return False

    def _keep(self, incoming: Incoming, store: str, settle: Settle, indication: str, said: str | None) -> None:
        modem = self._modem
        stored = StoredMessage(MessageStatus.UNREAD, incoming.centre, incoming.tpdu, modem.network.time())
        placed = place(modem, store, stored)
        if placed is None:
            settle(_SIM_FULL if store == "SM" else _MEMORY_EXCEEDED)
            return
        settle(None)
        name, index = placed
        wanted = modem.session.cnmi[1] if indication == "+CMTI" else 1
        self._announce(f'{indication}: "{said or name}",{index}', wanted)

    def _announce(self, line: str, wanted: int) -> None:
        if not wanted:
            return
        if self._modem.session.cnmi[0] == 0:
            self._buffered.append(line)
        else:
            self._modem.news(line)

    def release(self, *, clear: bool) -> None:
        """+CNMI was set to a mode that forwards: what was buffered is sent, or thrown away (`<bfr>`=1)."""
        buffered, self._buffered = self._buffered, []
        if not clear:
            for line in buffered:
                self._modem.news(line)

    # Acknowledging

    def _direct(self, lines: str, settle: Settle) -> None:
        modem = self._modem
        head, _, body = lines.partition("\r\n")
        if self._pause and body:
            self._modem.say(f"\r\n{head}\r\n".encode("latin-1", "replace"))
            self._modem.network.after(self._pause, lambda: self._modem.say(f"{body}\r\n".encode("latin-1", "replace")))
        else:
            self._announce(lines, 1)
        if modem.session.service == 0:
            settle(None)
            return
        late = modem.network.after(modem.personality.ack_seconds, self._unacknowledged)
        self._awaiting = (settle, late)

    def _unacknowledged(self) -> None:
        # 27.005 3.4.4: no acknowledgement in time, so the ME refuses to the network and stops routing directly.
        if self._awaiting is None:
            return
        settle, _ = self._awaiting
        self._awaiting = None
        self._modem.session.cnmi[1] = self._modem.session.cnmi[3] = 0
        settle(_UNSPECIFIED)

    def acknowledge(self, *, accepted: bool) -> None:
        """+CNMA; refuses with CMS 340 where nothing waits for it."""
        if self._awaiting is None:
            raise cms(340)
        settle, late = self._awaiting
        self._awaiting = None
        late.cancel()
        settle(None if accepted else _UNSPECIFIED)
        self.wake()
