"""The composition root and nothing else: builds the parts, starts them, stops them."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from gateway import journal, reloading
from gateway.alarms import Alarms, Lookout, Mailer, Texter
from gateway.api import create_app
from gateway.api.view import ModemAction
from gateway.canary import Canary, Pair
from gateway.config import Config
from gateway.directory import ModemView
from gateway.fleet import Fleet
from gateway.front import Front
from gateway.intake import Intake
from gateway.messages import Lane
from gateway.metrics import Metrics
from gateway.refusals import Unavailable
from gateway.reloading import Reload
from gateway.scheduler import Scheduler, Timing
from gateway.store import Keep, Settings, Store
from gateway.verify import Verify
from gateway.watchdog import Party
from gateway.web import WebServer
from gateway.webhooks import Webhooks
from gateway.workers import Workshop, allowed, retries_of
from hardware.clock import Clock
from hardware.errors import HardwareError
from hardware.modem import Modem, RestartLevel
from hardware.tracing import Wiretap

log = logging.getLogger("simwire.service")

# Seconds. CPython's 5 ms would let one busy request hold up a modem's thread. A thread that waits for the interpreter
# wakes once in this time to ask for it: with 64 requests at once, half of it costs an eighth more of the processor.
SWITCH_INTERVAL = 0.001
# Objects that may come to be before the collector looks at the young ones. The 700 that Python has by itself are those
# of a few requests: at 64 connections a twentieth of a code's time went there. A look at 5,000 takes about 1 ms.
YOUNG = 5000
USSD_WAIT, RESTART_WAIT = 75.0, 60.0  # seconds that an operator's request may take, the submit before it included
ASK_AGAIN = 10.0  # seconds after which asking again makes sense
WEBHOOK_GRACE = 2.0  # seconds for an exchange under way; what is broken off is sent again after the next start

T = TypeVar("T")


class Service:
    """A gateway: store, modems, scheduler and web server in one process."""

    def __init__(self, config: Config, clock: Clock, on_progress: Callable[[], None] | None = None) -> None:
        """`on_progress` is called now and then while a statement takes long: a start may take minutes."""
        self.config, self.clock = config, clock
        self.store = Store.open(
            config.gateway.database,
            config.gateway.key_file,
            clock,
            settings_of(config),
            checked=True,
            on_progress=on_progress,
        )
        self.store.database.reserve = config.limits.disk_reserve
        self.store.retention.keep = Keep(**config.retention.model_dump())
        try:
            self.store.database.lock()
            self._build()
        except BaseException:
            self.store.close()
            raise

    def _build(self) -> None:
        config = self.config
        self.webhooks = Webhooks(config.webhook, self.store, self.clock)
        self.fleet = Fleet(prefix for modem in config.modem for prefix in modem.prefixes)
        self.scheduler = Scheduler(self.store, self.clock, timing_of(config), self.fleet)
        self.fleet.on_planned, self.fleet.on_stored = self.scheduler.planned, self.scheduler.stored
        self.store.outbox.on_code_ready = lambda queue: self.fleet.wake(queue, Lane.OTP)
        self._front = Front(self.store, config, self.clock, self.fleet.views, self.fleet.wake)
        pairs = [
            Pair(sender.name, receiver.name, receiver.number or "", Lane.OTP if sender.reserve_for_otp else Lane.NORMAL)
            for sender, receiver in config.canary_pairs
        ]
        every, within = config.canary.every, config.canary.within
        self.canary = Canary(pairs, every, within, self.store, self.clock, self.fleet.views, self.fleet.wake)
        self.store.inbox.takers.append(self.canary.heard)
        self.scheduler.also.append(self.canary.round)
        self._workshop = Workshop(config, self.store, self.fleet, self.clock)
        for modem in config.modem:
            self.fleet.add(self._workshop.worker(modem))
        self.metrics = Metrics(
            *(self.store, self.clock, self.fleet.views, self.canary.views, self.webhooks.status),
            lambda: self.config.alarms,
        )
        self.mailer = Mailer(config.alarms)
        self.alarms = Alarms(
            config.alarms,
            config.gateway.organisation,
            Lookout(self.store, self.metrics.objectives, self.fleet.views, self.canary.views),
            self.store,
            self.clock,
            Texter(config.alarms.sms_to, self.store, self.clock, self.fleet.views, self.fleet.wake),
            self.mailer,
        )
        self.metrics.tell_alarms(self.alarms.keys)
        self.scheduler.also.append(self.alarms.round)
        self.fleet.witness, self.fleet.on_recovery = self.metrics, self.metrics.recovering
        app = create_app(self)
        self._waiting = app.extensions["simwire.waiting"]
        self._web = WebServer(config.api, app, self.clock)

    @property
    def url(self) -> str:
        """Where the API listens."""
        return self._web.url

    def start(self) -> None:
        """Recover what the last run left, then start the modems, the clockwork and the web server."""
        sys.setswitchinterval(SWITCH_INTERVAL)
        gc.freeze()  # what is there now stays: to look at it again would hold up every thread for 60 ms
        gc.set_threshold(YOUNG)
        now = self.clock.now()
        recovered = self.store.outbox.recover(now)
        self.store.outbox.reroute(self.fleet.prefixes())
        self.store.outbox.follow_clock()
        log.info("of the last run: %d parts are ready again, of %d it is unknown whether they have left", *recovered)
        journal.started(self.store.audit, self.config, now)
        self.webhooks.start()
        self.fleet.start()
        self.scheduler.start()
        self._web.start()

    def stop(self, grace: float = 10.0) -> bool:
        """Stop taking requests, finish what is on the air, close; False where a thread did not end in time.

        `grace`: seconds for requests and modems together; at most half of it is spent on requests.
        """
        deadline = self.clock.boot() + grace
        self._waiting.close()
        self._web.stop(int(grace / 2))
        self.scheduler.stop()
        finished = self.fleet.stop(max(0.0, deadline - self.clock.boot()))
        finished = self.webhooks.stop(WEBHOOK_GRACE) and finished
        self.mailer.stop()
        self._workshop.stop()
        journal.stopped(self.store.audit, self.clock.now())
        if finished:  # a worker that is stuck still writes to the store: the process ends under it, as after a crash
            self.store.close()
        return finished

    @property
    def intake(self) -> Intake:
        """Where messages come in."""
        return self._front.intake

    @property
    def verify(self) -> Verify:
        """The code engine."""
        return self._front.verify

    def reload(self, file: Config) -> Reload:
        """Go by what may change of the configuration in the file, which was checked; on the thread that calls `stop`.

        Requests under way end as they began, and long polls go on. Raises StoreError and ValueError where something of
        it cannot be had any more; then some of it may hold already.
        """
        reload = reloading.reload(self.config, file)
        config, old = reload.config, self.config
        front = Front(self.store, config, self.clock, self.fleet.views, self.fleet.wake, self._front)
        self.config, self._front = config, front
        self._web.hand_to(create_app(self, self._waiting))
        self.store.settings.take(settings_of(config))
        self.store.database.reserve = config.limits.disk_reserve
        self.store.retention.keep = Keep(**config.retention.model_dump())
        self.scheduler.timing = timing_of(config)
        self.scheduler.planned()
        for modem in config.modem:
            self.fleet.worker(modem.name).configure(retries_of(config), *allowed(modem, config))
        self._web.renew(config.api)
        self.alarms.use(config.alarms, config.gateway.organisation)
        hooks = self.webhooks.reload(config.webhook, WEBHOOK_GRACE)
        journal.reloaded(self.store.audit, old, reload, hooks, self.clock.now())
        return reload

    def parties(self) -> list[Party]:
        """Who has to get on, for the watchdog."""
        return [
            *self.fleet.parties(),
            *self.scheduler.parties(),
            Party("the writer of the database", lambda: self.store.database.progress),
            *self._web.parties(),
        ]

    # -- what the API sees --------------------------------------------------------------------------------------------

    def modems(self) -> list[ModemView]:
        """A snapshot of every modem, with what is known of its canaries."""
        canaries = self.canary.views()
        return [
            replace(view, canaries=tuple(one for one in canaries if one.sender == view.name))
            for view in self.fleet.views()
        ]

    def ready(self) -> bool:
        """Whether messages can be accepted and at least one modem can send."""
        return self.store.database.accepting() and any(view.usable for view in self.modems())

    def wiretap(self, name: str) -> Wiretap:
        """Where what goes over a modem's port can be listened in on; raises KeyError for an unknown modem."""
        return self.fleet.wiretap(name)

    def modem_action(self, name: str, action: ModemAction, code: str | None = None) -> Mapping[str, Any]:
        """What an operator asks of a modem; raises KeyError for an unknown one, Unavailable where it cannot be done."""
        if action == "pause":
            self.fleet.pause(name)
        elif action == "resume":
            self.fleet.resume(name)
        elif action == "restart":
            self.fleet.forgive(name)
            self._on_modem(name, lambda modem: modem.restart(RestartLevel.DEVICE), RESTART_WAIT)
        else:
            answer = self._on_modem(name, lambda modem: modem.ussd(code or ""), USSD_WAIT)
            return {"mode": answer.mode, "text": answer.text}
        return {}

    def _on_modem(self, name: str, action: Callable[[Modem], T], seconds: float) -> T:
        future = self.fleet.request(name, action)
        try:
            return future.result(seconds)
        except TimeoutError:
            future.cancel()
            raise Unavailable(f"modem {name} did not answer within {seconds:g} s", seconds) from None
        except HardwareError as error:
            raise Unavailable(f"modem {name}: {error}", ASK_AGAIN) from error


def settings_of(config: Config) -> Settings:
    """What the store is told of the configuration."""
    otp = config.otp
    return Settings(
        min_remaining=otp.min_remaining,
        lock_after=otp.lock_after,
        lock_for=otp.lock_for,
        stop_after=otp.stop_after,
        prefixes=tuple(prefix for modem in config.modem for prefix in modem.prefixes),
    )


def timing_of(config: Config) -> Timing:
    """What the clockwork is told of the configuration."""
    return Timing(config.otp.hedge_after, config.otp.resend_unconfirmed_after)
