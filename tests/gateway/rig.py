"""A whole sending gateway on one fake clock, without threads: real store, real driver, simulated modems in process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gateway.allowance import Allowance
from gateway.balance import BalanceRule
from gateway.directory import ModemView
from gateway.dispatcher import ModemWorker
from gateway.fleet import Fleet
from gateway.messages import Lane, Message, NewMessage, Secret
from gateway.quiet import quiet_hours
from gateway.quota import QuotaRules
from gateway.retry import RetryPolicy
from gateway.scheduler import Scheduler, Timing
from gateway.store import NewChallenge, Settings, Store
from hardware.clock import FakeClock
from hardware.modem import Modem, ModemSettings
from hardware.pdu import segment
from hardware.simulator import SimCard, SimulatedModem, SimulatedNetwork

from .store.bench import open_challenge

ANYBODY = "+447700900001"


class Rig:
    """`step` lets each modem work for a while of simulated time; nothing ever sleeps."""

    def __init__(
        self,
        folder: Path,
        modems: int = 1,
        settings: Settings | None = None,
        *,
        clock: FakeClock | None = None,
        quotas: QuotaRules | None = None,
        quiet: str | None = None,
        zone: str = "UTC",
        balance: BalanceRule | None = None,
        **views: dict[str, Any],
    ) -> None:
        self.clock = clock or FakeClock()
        self._quotas, self._zone = quotas or QuotaRules(), ZoneInfo(zone)
        self._quiet = quiet_hours(quiet) if quiet else None
        self._balance = balance
        self.settings: dict[str, ModemSettings] = {}
        """What is configured of a modem, by its name; holds from its next opening on."""
        self.network = SimulatedNetwork(self.clock)
        self.store = Store.open(folder / "rig.db", folder / "rig.key", self.clock, settings)
        names = [f"sim{n}" for n in range(1, modems + 1)]
        self.fleet = Fleet(prefix for view in views.values() for prefix in view.get("prefixes", ()))
        self.modems = {
            name: SimulatedModem(
                self.network,
                SimCard(imsi=f"00101000000000{n}", iccid=f"894410000000000000{n}", number=f"+44770090015{n}"),
                name=name,
                imei=f"49015420323751{n}",
            )
            for n, name in enumerate(names, 1)
        }
        self.workers = {name: self._worker(name, views.get(name, {})) for name in names}
        self.store.outbox.on_code_ready = lambda queue: self.fleet.wake(queue, Lane.OTP)
        self.scheduler = Scheduler(self.store, self.clock, Timing(15.0, 45.0), self.fleet)

    def _worker(self, name: str, view: dict[str, Any]) -> ModemWorker:
        quotas, switch = view.pop("quotas", self._quotas), view.pop("switch", None)
        worker = ModemWorker(
            ModemView(name, "absent", **view),
            lambda: self.modems[name].transport(),
            lambda transport, inbox: Modem(
                transport,
                self.settings.get(name, ModemSettings()),
                inbox,
                self.store.pins,
                self.clock,
                known_centre=self.store.centres.known,
            ),
            self.store,
            self.fleet,
            self.clock,
            RetryPolicy(),
            Allowance(quotas, self._quiet, self._zone, self.store.sim_usage, self.clock),
            self._pass_time,
            switch=switch,
            balance=self._balance,
        )
        self.fleet.add(worker)
        return worker

    def _pass_time(self, _: threading.Event, seconds: float) -> None:
        """What a worker without a port waits by."""
        end = self.clock.boot() + seconds
        while (now := self.clock.boot()) < end:
            upcoming = self.network.next_event()
            self.clock.advance(max(0.0, min(end, end if upcoming is None else upcoming) - now))
            self.network.run_due()

    def step(self, seconds: float = 0.0, turns: int = 4, idle: float = 0.2) -> None:
        """So many rounds of every worker and of the clockwork, at least `seconds` of simulated time in all.

        `idle`: seconds that a worker without work waits for some in each of them.
        """
        end = self.clock.boot() + seconds
        while True:
            for _ in range(turns):
                for worker in self.workers.values():
                    worker.turn(idle)
            self.scheduler.round(self.clock.now())
            if self.clock.boot() >= end:
                return

    def ready(self) -> None:
        """Bring every modem up."""
        for worker in self.workers.values():
            for _ in range(20):
                worker.turn(1.0)
                if worker.view.usable:
                    break
        assert all(worker.view.usable for worker in self.workers.values())

    def send(self, text: str = "hello", to: str = ANYBODY, lane: Lane = Lane.NORMAL, **options: Any) -> Message:
        """Accept a message as the intake does."""
        segmentation = segment(text, reference=7)
        new = NewMessage(
            client="tests",
            to=to,
            country="GB",
            lane=lane,
            **{
                "lifetime": 300.0,
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

    def code(self, to: str = ANYBODY, **options: Any) -> Message:
        """Accept a code with an open challenge."""
        now = self.clock.now()
        challenge = NewChallenge(
            client="tests", to=to, purpose="login", code_hash=b"x" * 32, lifetime=300.0, max_failures=5
        )
        identity = self.store.database.accept(lambda cx: open_challenge(self.store, cx, challenge, now)).id
        return self.send("code 123456", to, Lane.OTP, challenge_id=identity, on_unknown="resend", **options)

    def state(self, message: Message) -> str:
        """What a client sees."""
        found = self.store.outbox.get(message.id)
        assert found is not None
        return found.state.value

    def results(self, message: Message) -> list[str]:
        """The result lines of its timeline."""
        return [entry.result or "" for entry in self.store.outbox.timeline(message.id)]

    def marked(self, message: Message) -> bool:
        """Whether the timeline says that the handset may get it twice."""
        return any(entry.possible_duplicate for entry in self.store.outbox.timeline(message.id))


Make = Callable[..., Rig]
"""How tests make one: how many modems, and what is set up otherwise."""


def written(gateway: Rig, name: str = "sim1") -> list[str]:
    """Whatever that modem is told from now on, command by command."""
    told: list[str] = []
    modem = gateway.modems[name]
    feed = modem.feed

    def heard(octets: bytes) -> None:
        told.append(octets.decode("latin-1").strip("\r\x1a\x1b"))
        feed(octets)

    modem.feed = heard  # type: ignore[method-assign]
    return told
