"""A sending gateway in simulated time: real store, workers, scheduler and driver; simulated modems; no web server."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from benchmarks.conductor import ConductedTransport, Conductor, Player
from gateway.allowance import Allowance
from gateway.directory import ModemView
from gateway.dispatcher import ModemWorker
from gateway.fleet import Fleet
from gateway.messages import Lane, Message, NewMessage, Secret
from gateway.quota import QuotaRules
from gateway.retry import RetryPolicy
from gateway.scheduler import SAFETY_NET, SHORTEST_WAIT, Scheduler, Timing
from gateway.store import Challenge, NewChallenge, Store
from hardware.clock import FakeClock, Instant
from hardware.modem import Modem, ModemSettings
from hardware.pdu import segment
from hardware.simulator import SimCard, SimulatedModem, SimulatedNetwork
from hardware.simulator.centre import CONGESTION, Refused, SubmitRecord

CLIENT = "bench"
LONG = "a message that is longer than one part " * 8
"""Three parts."""
OTP_TEXT = "123456 is your code for Example Bank. Valid for 5 minutes. Never share it."
FIRST_NUMBER = 447_700_900_149

Span = tuple[float, float]
"""Least and greatest seconds."""


def open_challenge(store: Store, cx: sqlite3.Connection, new: NewChallenge, now: Instant) -> Challenge:
    """Store a challenge by itself, inside a transaction."""
    opened = store.challenges.prepared(new, store.challenges.guesses.look(cx, new.whose, now), now)
    store.challenges.put(cx, [opened])
    return opened.challenge


class Airwaves(SimulatedNetwork):
    """A network in which each part takes its own time."""

    def __init__(self, clock: FakeClock, chance: random.Random, radio: Span, linked: Span) -> None:
        self.chance, self.radio, self.linked = chance, radio, linked
        self.drawn: list[float] = []
        """The radio times of all parts, in the order in which they went."""
        self.refused_share = 0.0
        """Share of the parts that are refused for the moment, after their time on the air."""
        super().__init__(clock)

    def submit(self, sim: SimCard, centre_address: str, tpdu: bytes) -> SubmitRecord:
        """As any network, but for those that it refuses."""
        if self.refused_share and self.chance.random() < self.refused_share:
            raise Refused(CONGESTION)
        return super().submit(sim, centre_address, tpdu)

    def _draw(self, span: Span) -> float:
        self.drawn.append(self.chance.uniform(*span))
        return self.drawn[-1]

    @property
    def submit_seconds(self) -> float:  # a new value at each look
        """Radio time of the next part."""
        return self._draw(self.radio)

    @submit_seconds.setter
    def submit_seconds(self, _: float) -> None:
        """The span decides."""

    @property
    def linked_submit_seconds(self) -> float:
        """The same, while the link is kept."""
        return self._draw(self.linked)

    @linked_submit_seconds.setter
    def linked_submit_seconds(self, _: float) -> None:
        """The span decides."""


class Rig:
    """Everything between the outbox and the air, played by a conductor."""

    def __init__(
        self,
        folder: Path,
        modems: int,
        radio: Span,
        *,
        linked: Span | None = None,
        clock: FakeClock | None = None,
        seed: int = 1,
    ) -> None:
        self.clock = clock or FakeClock()
        self.network = Airwaves(self.clock, random.Random(seed), radio, linked or radio)
        self.conductor = Conductor(self.clock, self.network)
        self.store = Store.open(folder / "rig.db", folder / "rig.key", self.clock)
        self.fleet = Fleet(())
        self.modems: dict[str, SimulatedModem] = {}
        self.workers: dict[str, ModemWorker] = {}
        self._players: list[Player] = []
        for number in range(1, modems + 1):
            self._add(f"sim{number}", number)
        self._scheduler = Scheduler(self.store, self.clock, Timing(15.0, 45.0), self.fleet)
        self._asked, self._armed = True, float("inf")
        self.fleet.on_planned = self._ask
        self.store.outbox.on_code_ready = lambda queue: self.fleet.wake(queue, Lane.OTP)
        self._safety_net()
        self.conductor.play(self.clock.boot() + 120.0, lambda: all(view.usable for view in self.fleet.views()))

    def close(self) -> None:
        """End the threads, and close the store."""
        for worker in self.workers.values():
            worker.stop()
        self.conductor.play(self.clock.boot() + 60.0, lambda: all(player.ended for player in self._players))
        self.store.close()

    def play(self, seconds: float) -> None:
        """Let so much time pass."""
        self.conductor.play(self.clock.boot() + seconds)

    def settle(self, most: float = 3600.0) -> None:
        """Let time pass until every message is final, at most so many seconds."""
        end = self.clock.boot() + most
        while self.clock.boot() < end and self._open():
            self.play(5.0)

    def _open(self) -> bool:
        with self.store.database.read() as cx:
            return cx.execute("SELECT 1 FROM messages WHERE final = 0 LIMIT 1").fetchone() is not None

    def send(self, text: str, to: str, lane: Lane = Lane.NORMAL, **options: Any) -> Message:
        """Accept a message as the intake does."""
        segmentation = segment(text, reference=7)
        new = NewMessage(
            client=CLIENT,
            to=to,
            country="GB",
            lane=lane,
            **{
                "lifetime": 86_400.0,
                "text": Secret(text),
                "segments": tuple(part.to_bytes() for part in segmentation.segments),
                "encoding": "gsm7",
                "concat_reference": 7,
                "route": "route:",
                **options,
            },
        )
        message = self.store.database.accept(lambda cx: self.store.outbox.enqueue(cx, new, self.clock.now()))
        self.fleet.wake(new.route, lane)
        return message

    def code(self, to: str, lifetime: float = 300.0, text: str = OTP_TEXT) -> Message:
        """Accept a code with an open challenge."""
        now, store = self.clock.now(), self.store
        new = NewChallenge(
            client=CLIENT,
            to=to,
            purpose="login",
            code_hash=b"x" * 32,
            lifetime=lifetime,
            max_failures=5,
            details={"locale": "en", "length": 6, "lifetime": lifetime, "binding": None, "context": {}},
        )
        challenge = store.database.accept(lambda cx: open_challenge(store, cx, new, now))
        message = self.send(text, to, Lane.OTP, challenge_id=challenge.id, lifetime=lifetime, on_unknown="resend")
        store.database.accept(lambda cx: store.challenges.attach(cx, [(challenge.id, message.id)]))
        return message

    # -- inside -------------------------------------------------------------------------------------------------------

    def _add(self, name: str, number: int) -> None:
        self.modems[name] = modem = SimulatedModem(
            self.network,
            SimCard(imsi=f"00101{number:010}", iccid=f"894410{number:013}", number=f"+{FIRST_NUMBER + number}"),
            name=name,
            imei=f"49015420{number:07}",
        )
        player = self.conductor.player(name)
        self._players.append(player)
        self.workers[name] = worker = ModemWorker(
            ModemView(name, "absent"),
            lambda: ConductedTransport(modem, player),
            lambda transport, inbox: Modem(transport, ModemSettings(), inbox, self.store.pins, self.clock),
            self.store,
            self.fleet,
            self.clock,
            RetryPolicy(),
            Allowance(QuotaRules(), None, ZoneInfo("UTC"), self.store.sim_usage, self.clock),
            player.wait,
        )
        self.fleet.add(worker)
        player.start(worker.run)

    def _ask(self) -> None:
        """What the scheduler's watch does: look what is due next, once nobody is running."""
        if not self._asked:
            self._asked = True
            self.conductor.at(self.clock.boot(), self._arm)

    def _arm(self) -> None:
        self._asked = False
        due = self.store.outbox.next_due(15.0, 45.0)
        if due is not None and due < self._armed:
            self._armed = max(due, self.clock.boot() + SHORTEST_WAIT)
            self.conductor.at(self._armed, self._round)

    def _round(self) -> None:
        self._armed = float("inf")
        if self._scheduler.round(self.clock.now()):
            self.fleet.wake_idle()
        self._ask()

    def _safety_net(self) -> None:
        self._asked = False
        self._round()
        self.conductor.at(self.clock.boot() + SAFETY_NET, self._safety_net)
