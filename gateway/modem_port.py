"""The port of a worker's modem: opened, closed, waited for, and what the ladder of a modem in trouble does with it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from gateway.healing import Healer
from gateway.port_watch import PortWatch
from gateway.recovery import Step
from hardware.modem import Modem, ModemState
from hardware.tracing import TappedTransport, Wiretap
from hardware.transport import Transport


class ModemPort:
    """Belongs to the worker's thread; only `wake`, `watch`, `wiretap`, `progress` and `stopping` are for other ones.

    `make_modem` makes the driver of what `open_port` opened. `wait` waits for an event while there is no port.
    """

    def __init__(
        self,
        open_port: Callable[[], Transport],
        make_modem: Callable[[Transport], Modem],
        healer: Healer,
        watch: PortWatch,
        wait: Callable[[threading.Event, float], object],
    ) -> None:
        self._open_port, self._make_modem, self._wait = open_port, make_modem, wait
        self.healer, self.watch = healer, watch
        self.stopping = threading.Event()
        """Nothing is waited for any more."""
        self.wiretap = Wiretap()
        """Where what goes over the port can be listened in on."""
        self._woken = threading.Event()
        self._turns = 0
        self._transport: Transport | None = None
        self.modem: Modem | None = None
        """The driver in use, None while the port is closed."""

    @property
    def progress(self) -> tuple[int, int] | None:
        """What changes while its thread gets on; None while a call on the port is under way. For other threads."""
        returned = self.watch.progress
        return None if returned is None else (returned, self._turns)

    def wake(self) -> None:
        """End a wait, now or the next one."""
        self._woken.set()
        if (modem := self.modem) is not None:
            modem.wake()

    def connect(self) -> Modem:
        """Open the port; raises PortUnavailable, and what a call on a port that is watched does."""
        opened = self.watch.open(self._open_port)
        self._transport = transport = TappedTransport(opened, self.wiretap, self.watch.clock)
        self.healer.switch.seen(transport.name)
        self.modem = self._make_modem(transport)
        return self.modem

    def close(self) -> None:
        """Give the port up; idempotent."""
        modem, transport = self.modem, self._transport
        self.modem = self._transport = None
        if modem is not None:
            modem.close()
        elif transport is not None:
            transport.close()

    def due(self, idle: float) -> bool:
        """Whether there is something to do; waits at most `idle` seconds for a modem in trouble."""
        self._turns += 1
        if wait := self.healer.wait():
            self.rest(min(idle, wait))
        return not self.healer.wait()

    def rest(self, seconds: float) -> None:
        """Wait, until `wake`. One that is left alone is listened to: who unplugs it wants it looked at again."""
        self._turns += 1
        if self.stopping.is_set():
            return
        if self._transport is None or not self.healer.quarantined:
            self._wait(self._woken, seconds)
            self._woken.clear()  # not before the wait: a wake may have come since its reason was looked for
        elif self.modem is not None and self.modem.status.state is ModemState.READY:
            self.modem.service(seconds)  # it may still receive
        else:
            self._transport.read(seconds, wakeable=True)

    def take_step(self) -> Modem | None:
        """Do what is planned about a modem in trouble; the modem, None where its port is to be opened.

        Nothing may be in hand then whose outcome the store does not know.
        Raises what the step comes to, above all ConnectionLost where a reset takes the port away.
        """
        step = self.healer.take()
        if step in (Step.REOPEN, Step.QUARANTINE, Step.POWER):
            self.close()
            if step is Step.POWER:
                self.healer.cycle_power()
            return None
        if step is None:
            return self.modem
        modem = self.modem or self.connect()
        if step is Step.RESYNCHRONISE:
            modem.bring_up()
        else:
            self.healer.restart(modem, step)
        return modem
