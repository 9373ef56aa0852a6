"""A modem's life between power-on and readiness, and the noises that it makes by itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from hardware.simulator.events import Event
from hardware.simulator.sim import PinState

if TYPE_CHECKING:
    from hardware.simulator.modem import SimulatedModem

_READY_NEWS = {"SMS Ready", "Call Ready", "SMS DONE", "PB DONE", "+QIND: SMS DONE", "+QIND: PB DONE"}


class Power:
    """What is up already. A modem that has just been made has been on for long."""

    def __init__(self, modem: SimulatedModem) -> None:
        self._modem = modem
        self._timers: list[Event] = []
        self._booting = False
        self.up = True
        """Whether commands are answered."""
        self.sim_ready = True
        self.messages_ready = True
        self.busy_until = 0.0
        """Boot time in seconds until which SIM commands get CME 515."""

    def off(self) -> None:
        """No power: nothing is planned, nothing is remembered."""
        self.up = self.sim_ready = self.messages_ready = self._booting = False
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._modem.forget()

    def on(self, *, port_there: bool) -> None:
        """Start, if it is off. `port_there` says that the seconds until the port appears have passed."""
        if self.up or self._booting:
            return
        self._booting = True
        boot = self._modem.personality.boot
        passed = boot.port if port_there else 0.0
        self.timer(boot.at - passed, self._commands)
        self.timer(boot.sim - passed, self._sim)
        self.timer(boot.sms - passed, self._messages)
        for seconds, line in boot.news:
            self.timer(seconds - passed, partial(self._news, line))
        self.start_noise()

    def timer(self, seconds: float, action: Callable[[], None]) -> None:
        """Plan a call that a loss of power cancels."""
        self._timers = [timer for timer in self._timers if timer.action is not None]
        self._timers.append(self._modem.network.after(seconds, action))

    def start_noise(self) -> None:
        """Begin with the family's spontaneous lines, if it has any."""
        if self._modem.personality.noise:
            self.timer(self._modem.personality.noise_seconds, partial(self._noise, 0))

    def _commands(self) -> None:
        self.up, self._booting = True, False

    def _sim(self) -> None:
        self.sim_ready = True
        self._modem.radio.start(self._modem.personality.boot.register)

    def _messages(self) -> None:
        self.messages_ready = True
        self._modem.routing.wake()

    def _news(self, line: str) -> None:
        state = self._modem.sim.state if self._modem.sim else None
        if state is PinState.READY or line not in _READY_NEWS:
            self._modem.news(line.format(cpin=state or "NOT INSERTED"))

    def _noise(self, turn: int) -> None:
        family = self._modem.personality
        if family.noise_off not in self._modem.session.vendor:
            self._modem.news(family.noise[turn % len(family.noise)])
        self.timer(family.noise_seconds, partial(self._noise, turn + 1))
