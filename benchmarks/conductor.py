"""Hours of several modems in seconds: each modem's thread runs as in the product, but one at a time, on one fake clock.

A thread that would wait for its port parks instead. Time passes only when all are parked, and then to what happens
next: on the air, in the network, at the end of somebody's patience, or at a planned call. So every run with one seed is
the same, and what the program takes to compute takes no time at all.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable

from hardware.clock import FakeClock
from hardware.simulator import SimulatedModem, SimulatedNetwork
from hardware.transport import Transport


class Player:
    """One thread that the conductor lets run."""

    def __init__(self, conductor: Conductor, name: str) -> None:
        self.conductor, self.name = conductor, name
        self.deadline = 0.0
        """Boot time at which it goes on whatever happens."""
        self.stirred: Callable[[], bool] = lambda: False
        """Whether what it waits for is there."""
        self.ended = False
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._thread: threading.Thread | None = None

    def start(self, run: Callable[[], None]) -> None:
        """Have `run` played from the next `Conductor.play` on."""

        def body() -> None:
            self._go.acquire()
            try:
                run()
            finally:
                self.ended = True
                self._back.release()

        self._thread = threading.Thread(target=body, name=self.name, daemon=True)
        self._thread.start()

    def park(self, deadline: float, stirred: Callable[[], bool]) -> None:
        """On its own thread: let the others go on until `stirred()` or the boot time `deadline`."""
        self.deadline, self.stirred = deadline, stirred
        self._back.release()
        self._go.acquire()

    def resume(self) -> None:
        """On the conductor's thread: let it run until it parks again."""
        self._go.release()
        self._back.acquire()

    def wait(self, event: threading.Event, seconds: float) -> None:
        """What a worker without a port waits by."""
        self.park(self.conductor.clock.boot() + seconds, event.is_set)


class Conductor:
    """Whoever's turn it is, and what time it is."""

    def __init__(self, clock: FakeClock, network: SimulatedNetwork) -> None:
        self.clock, self.network = clock, network
        self._players: list[Player] = []
        self._calls: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()

    def player(self, name: str) -> Player:
        """A new one, to be started."""
        self._players.append(Player(self, name))
        return self._players[-1]

    def at(self, boot: float, call: Callable[[], object]) -> None:
        """Plan a call for that boot time."""
        heapq.heappush(self._calls, (boot, next(self._numbers), call))

    def play(self, until: float, enough: Callable[[], bool] = lambda: False) -> None:
        """Let everything happen up to boot time `until`, or until nothing moves and `enough()`."""
        while True:
            self._let_run()
            now = self.clock.boot()
            if self._calls and self._calls[0][0] <= now:
                heapq.heappop(self._calls)[2]()
                continue
            if now >= until or enough():
                return
            moments = [until, *(player.deadline for player in self._players if not player.ended)]
            if (upcoming := self.network.next_event()) is not None:
                moments.append(upcoming)
            if self._calls:
                moments.append(self._calls[0][0])
            self.clock.advance(max(0.0, min(moments) - now))
            self.network.run_due()

    def _let_run(self) -> None:
        moved = True
        while moved:
            moved = False
            for player in self._players:
                if not player.ended and (player.deadline <= self.clock.boot() or player.stirred()):
                    player.resume()
                    moved = True


class ConductedTransport:
    """The in-process door of a simulated modem, for a player's thread."""

    def __init__(self, modem: SimulatedModem, player: Player) -> None:
        self._modem, self._player = modem, player
        self._door: Transport = modem.transport()
        self._generation, self._woken = modem.generation, False

    @property
    def name(self) -> str:
        """The simulated port's name."""
        return self._door.name

    def write(self, data: bytes) -> None:
        """Hand over all of `data`; raises ConnectionLost where the port is gone."""
        self._door.write(data)

    def read(self, timeout: float, *, wakeable: bool = False) -> bytes:
        """What is there; else the others go on until something comes or `timeout` seconds are over."""
        clock = self._player.conductor.clock
        deadline = clock.boot() + max(0.0, timeout)
        while True:
            if data := self._door.read(0.0):
                return data
            if wakeable and self._woken:
                self._woken = False
                return b""
            if clock.boot() >= deadline:
                return b""
            self._player.park(deadline, lambda: self._stirred(wakeable=wakeable))

    def _stirred(self, *, wakeable: bool) -> bool:
        modem = self._modem
        gone = not modem.present or modem.generation != self._generation
        return modem.output_waiting or gone or (wakeable and self._woken)

    def wake(self) -> None:
        """End a wakeable `read`, now or the next one."""
        self._woken = True

    def close(self) -> None:
        """Give the port up; idempotent."""
        self._door.close()
