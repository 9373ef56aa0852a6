"""Registration with a network, its news, and signal strength (27.007 7.2, 8.5, 10.1.20)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardware.simulator.events import Event
from hardware.simulator.parties import Operator
from hardware.simulator.sim import PinState

if TYPE_CHECKING:
    from hardware.simulator.modem import SimulatedModem

NOT_SEARCHING, HOME, SEARCHING, DENIED, UNKNOWN, ROAMING = range(6)
_ACCESS = {"gsm": 0, "umts": 2, "lte": 7}


class Radio:
    """The modem's radio. `lte_only` is a cell without circuit-switched service: only +CEREG says registered."""

    def __init__(self, modem: SimulatedModem) -> None:
        self._modem = modem
        self._registering: Event | None = None
        self.status = NOT_SEARCHING
        self.signal = 20
        """+CSQ rssi: 0 to 31, or 99 for unknown."""
        self.lte_only = False
        self.serving: Operator | None = None
        """Serving operator where a test puts the modem into another one's cell; else the SIM's own."""
        self.forced: int | None = None
        """A status that searching cannot leave, as DENIED for a barred SIM."""
        self.area, self.cell = 0x2AF5, 0x0B88E350

    @property
    def operator(self) -> Operator:
        """Whose cell the modem is in."""
        network, sim = self._modem.network, self._modem.sim
        if self.serving is not None:
            return self.serving
        return network.home_of(sim) if sim is not None else network.operators[0]

    @property
    def registered(self) -> bool:
        """Home or roaming."""
        return self.status in (HOME, ROAMING)

    def start(self, seconds: float) -> None:
        """Look for a network, and find it that many seconds later, if the SIM is open and the radio on."""
        modem = self._modem
        if modem.sim is None or modem.sim.state is not PinState.READY or modem.functionality != 1:
            return
        if self._registering is not None:
            self._registering.cancel()
        if seconds:
            self.set_status(SEARCHING)
            self._registering = modem.network.after(seconds, self._found)
        else:
            self._found()

    def stop(self) -> None:
        """Off: no news of it, as at a restart."""
        if self._registering is not None:
            self._registering.cancel()
        self.status = NOT_SEARCHING

    def switch_off(self) -> None:
        """Off by command, with the news of it."""
        self.stop()
        self._tell()

    def lose(self, status: int, seconds: float | None) -> None:
        """Fall to a status, and register again after `seconds` (None: until `recover`)."""
        self.forced = status
        if self._registering is not None:
            self._registering.cancel()
        self.set_status(status)
        if seconds is not None:
            self._modem.network.after(seconds, self.recover)

    def recover(self) -> None:
        """The cell is back."""
        self.forced = None
        self.start(0.0)

    def set_status(self, status: int) -> None:
        """Change the registration status and say so where +CREG and its like ask for it."""
        changed, self.status = status != self.status, status
        if changed:
            self._tell()
        if self.registered:
            self._modem.routing.wake()

    def _found(self) -> None:
        sim = self._modem.sim
        home = sim is not None and sim.imsi.startswith(self.operator.plmn)
        self.set_status(self.forced if self.forced is not None else HOME if home else ROAMING)

    def status_of(self, command: str) -> int:
        """What +CREG, +CGREG or +CEREG each say."""
        access = self._modem.personality.access
        if command == "+CEREG":
            return self.status if access == "lte" else NOT_SEARCHING
        return NOT_SEARCHING if self.lte_only and self.registered else self.status

    def description(self, command: str, mode: int) -> str:
        """`<stat>` and, with mode 2, where the modem is."""
        status = self.status_of(command)
        if mode != 2 or status not in (HOME, ROAMING):
            return str(status)
        return f'{status},"{self.area:04X}","{self.cell:08X}",{_ACCESS[self._modem.personality.access]}'

    def _tell(self) -> None:
        for command, mode in self._modem.session.registration_reports.items():
            if mode and command not in self._modem.personality.unsupported:
                self._modem.news(f"{command}: {self.description(command, mode)}")
