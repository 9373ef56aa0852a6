"""What other threads may do with a modem's worker: look at it, wake it, ask something of it, stop it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import TypeVar

from gateway.announcing import Announcer
from gateway.directory import PAUSED, READY, ModemView
from gateway.errands import Errands
from gateway.healing import Healer
from gateway.messages import Lane
from gateway.modem_port import ModemPort
from gateway.sending import Sender
from hardware.modem import Modem
from hardware.tracing import Wiretap

T = TypeVar("T")


class Doors:
    """The side of a worker that is open to other threads; everything without an underscore is."""

    def __init__(self, announcer: Announcer, sender: Sender, port: ModemPort) -> None:
        self.name = announcer.view.name
        self._announcer, self._sender, self._port = announcer, sender, port
        self._errands = Errands()
        self._stopping = port.stopping
        self._forgiven = False
        self._paused: tuple[ModemView | None, ModemView] = (None, announcer.view)
        self.idle = False
        """Whether the worker waits for work, or is about to look for it once more before it waits."""

    @property
    def view(self) -> ModemView:
        """The newest snapshot."""
        view = self._view
        if not (view.state == READY and self._sender.paused):
            return view
        of, paused = self._paused
        if of is not view:  # each new message asks
            advice = "resume it to let it send again"
            paused = replace(view, state=PAUSED, reason="paused by an operator", advice=advice, condition=None)
            self._paused = view, paused
        return paused

    def may_claim(self, lane: Lane) -> bool:
        """Whether the idle worker can claim a new message of that lane, be it only to numbers that it has sent to."""
        bounds = self._sender.bounds
        return bounds is not None and lane <= bounds.least

    def claims(self, lane: Lane) -> bool:
        """Whether it can, to whatever number."""
        bounds = self._sender.bounds
        return bounds is not None and lane <= bounds.least and (bounds.known_from is None or lane < bounds.known_from)

    def wake(self, lane: Lane = Lane.BULK) -> None:
        """There may be work; `lane` tells how urgent the most urgent of it is."""
        self._sender.hint(lane)
        self._port.wake()

    def request(self, action: Callable[[Modem], T]) -> Future[T]:
        """Run `action` on the worker's thread between two submits; the future carries its result or HardwareError."""
        future = self._errands.ask(action)
        self.wake()
        return future

    def pause(self) -> None:
        """Send nothing more until `resume`; incoming messages and reports are still taken."""
        self._sender.paused = True
        self.wake()

    def resume(self) -> None:
        """Undo `pause`, and forget why the SIM was set aside, or the modem left alone."""
        self._sender.paused = False
        self._sender.forgive()
        self.forgive()

    def forgive(self) -> None:
        """Begin anew with a modem that is in trouble, or left alone."""
        self._forgiven = True
        self.wake()

    def stop(self) -> None:
        """Finish the submit on the air, break off whatever else waits, hand back what is only claimed, end `run`."""
        self._stopping.set()
        self._sender.paused = True
        self.wake()

    def overdue(self) -> float | None:
        """For how many seconds a call on the port should have returned; None where none is late."""
        return self._port.watch.overdue()

    @property
    def progress(self) -> object:
        """What changes while its thread gets on; None while a call on the port is under way."""
        return self._port.progress

    @property
    def wiretap(self) -> Wiretap:
        """Where what goes over its port can be listened in on."""
        return self._port.wiretap

    @property
    def may_be_left(self) -> bool:
        """Whether its thread is in nothing but the opening of a port, after which it only ends where it was stopped."""
        return self._port.watch.opening and not self._sender.has_in_hand

    @property
    def _view(self) -> ModemView:
        return self._announcer.view

    @property
    def _modem(self) -> Modem | None:
        return self._port.modem

    @property
    def _healer(self) -> Healer:
        return self._port.healer
