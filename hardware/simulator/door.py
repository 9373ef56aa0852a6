"""The in-process door: a `Transport` whose waiting lets simulated time pass instead of real time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardware.clock import FakeClock
from hardware.errors import ConnectionLost, PortUnavailable

if TYPE_CHECKING:
    from hardware.simulator.machine import Machine


class SimulatedTransport:
    """A port of a simulated modem for one thread. Needs a FakeClock: `read` moves it to what happens next."""

    def __init__(self, modem: Machine, chunk: int = 4096) -> None:
        clock = modem.network.clock
        if not isinstance(clock, FakeClock):
            raise TypeError("the in-process door needs a network on a FakeClock; use SimulatorServer for real time")
        if not modem.present:
            raise PortUnavailable(modem.port, "no such device")
        self._modem, self._clock, self._chunk = modem, clock, chunk
        self._generation = modem.generation
        self._name = modem.port
        self._woken = False
        self._closed = False

    @property
    def name(self) -> str:
        """The simulated port's name."""
        return self._name

    def write(self, data: bytes) -> None:
        """Hand over all of `data`; raises ConnectionLost where the port is gone."""
        self._modem.network.run_due()
        self._check()
        self._modem.feed(data)

    def read(self, timeout: float, *, wakeable: bool = False) -> bytes:
        """What is there, at most one chunk; else time passes until something comes or `timeout` seconds are over."""
        network = self._modem.network
        network.run_due()
        deadline = self._clock.boot() + max(0.0, timeout)
        while True:
            self._check()
            if self._modem.output_waiting:
                return self._modem.take(self._chunk)
            if wakeable and self._woken:
                self._woken = False
                return b""
            now = self._clock.boot()
            if now >= deadline:
                return b""
            upcoming = network.next_event()
            target = deadline if upcoming is None else min(deadline, upcoming)
            self._clock.advance(max(0.0, target - now))
            network.run_due()

    def wake(self) -> None:
        """End a wakeable `read`, now or the next one."""
        self._woken = True

    def close(self) -> None:
        """Give the port up; idempotent."""
        self._closed = True

    def _check(self) -> None:
        if self._closed:
            raise ConnectionLost(self._name, "closed")
        if self._generation != self._modem.generation or not self._modem.present:
            raise ConnectionLost(self._name, "device disconnected")
