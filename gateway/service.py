"""The composition root and nothing else: builds the parts, starts them, stops them."""

from __future__ import annotations

import errno
import gc
import logging
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import tzinfo
from typing import Any, TypeVar

from waitress.server import create_server

from gateway import journal, reloading, tls
from gateway.alarms import Alarms, Lookout, Mailer, Texter
from gateway.allowance import Allowance
from gateway.api import create_app
from gateway.api.view import ModemAction
from gateway.canary import Canary, Pair
from gateway.certificates import Certificate
from gateway.config import Config, ModemConfig
from gateway.directory import ModemView
from gateway.dispatcher import ModemWorker
from gateway.fleet import Fleet
from gateway.front import Front
from gateway.healing import PowerSwitch
from gateway.incoming import ModemInbox
from gateway.intake import Intake
from gateway.messages import Lane
from gateway.metrics import Metrics
from gateway.quiet import QuietHours
from gateway.quota import QuotaRules
from gateway.refusals import Unavailable
from gateway.reloading import Reload
from gateway.retry import RetryPolicy
from gateway.scheduler import Scheduler, Timing
from gateway.simulated import Simulated
from gateway.store import Keep, Settings, Store
from gateway.texts import zone_of
from gateway.verify import Verify
from gateway.watchdog import Party
from gateway.web_watch import WebWatch
from gateway.webhooks import Webhooks
from hardware.clock import Clock, SystemClock
from hardware.discovery import PortSearch, opener_with
from hardware.errors import HardwareError
from hardware.modem import Modem, ModemSettings, RestartLevel, Secret
from hardware.power_switch import CommandSwitch, HelperSwitch, UsbPlaces
from hardware.tracing import Wiretap
from hardware.transport import Transport

log = logging.getLogger("simwire.service")

# Seconds. CPython's 5 ms would let one busy request hold up a modem's thread. A thread that waits for the interpreter
# wakes once in this time to ask for it: with 64 requests at once, half of it costs an eighth more of the processor.
SWITCH_INTERVAL = 0.001
CONNECTION_LIMIT = 2_000
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
        self._certificate: Certificate | None = None
        self._simulated: Simulated | None = None
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
        self.scheduler = Scheduler(
            self.store,
            self.clock,
            timing_of(config),
            self.fleet,
        )
        self.fleet.on_planned, self.fleet.on_stored = self.scheduler.planned, self.scheduler.stored
        self._front = Front(self.store, config, self.clock, self.fleet.views, self.fleet.wake)
        pairs = [
            Pair(sender.name, receiver.name, receiver.number or "", Lane.OTP if sender.reserve_for_otp else Lane.NORMAL)
            for sender, receiver in config.canary_pairs
        ]
        every, within = config.canary.every, config.canary.within
        self.canary = Canary(pairs, every, within, self.store, self.clock, self.fleet.views, self.fleet.wake)
        self.store.inbox.takers.append(self.canary.heard)
        self.scheduler.also.append(self.canary.round)
        self._ports, self._places = PortSearch(SystemClock()), UsbPlaces()
        if names := [modem.name for modem in config.modem if modem.port == "simulator"]:
            self._simulated = Simulated(names, self.clock)
        for modem in config.modem:
            self.fleet.add(self._worker(modem))
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
        self._socket = _listen(config.api.host, config.api.port)
        app = create_app(self)
        self._waiting = app.extensions["simwire.waiting"]
        self._web = WebWatch(app)
        self._server = create_server(
            self._web,
            sockets=[self._socket],
            threads=config.api.threads,
            connection_limit=CONNECTION_LIMIT,
            asyncore_use_poll=True,
            max_request_body_size=1024 * 1024,  # the API itself refuses bodies over 256 KiB in its own words
            ident=None,
            url_scheme=config.api.scheme,
            clear_untrusted_proxy_headers=False,  # gateway.peers reads them, and health refuses where they are
            channel_request_lookahead=1,  # else nobody sees that a client left while its request waits
        )
        self._web.server = self._server
        if config.api.tls_cert and config.api.tls_key:
            self._certificate = Certificate(config.api.tls_cert, config.api.tls_key, self.clock)
            tls.install(self._server, self._certificate, self.clock)

    @property
    def url(self) -> str:
        """Where the API listens."""
        host, port = self._socket.getsockname()[:2]
        return f"{self.config.api.scheme}://" + (f"[{host}]:{port}" if ":" in host else f"{host}:{port}")

    def start(self) -> None:
        """Recover what the last run left, then start the modems, the clockwork and the web server."""
        sys.setswitchinterval(SWITCH_INTERVAL)
        gc.freeze()  # what is there now stays: to look at it again would hold up every thread for 60 ms
        now = self.clock.now()
        recovered = self.store.outbox.recover(now)
        self.store.outbox.reroute(self.fleet.prefixes())
        self.store.outbox.follow_clock()
        log.info("of the last run: %d parts are ready again, of %d it is unknown whether they have left", *recovered)
        journal.started(self.store.audit, self.config, now)
        self.webhooks.start()
        self.fleet.start()
        self.scheduler.start()
        threading.Thread(target=self._server.run, name="web", daemon=True).start()

    def stop(self, grace: float = 10.0) -> bool:
        """Stop taking requests, finish what is on the air, close; False where a thread did not end in time.

        `grace`: seconds for requests and modems together; at most half of it is spent on requests.
        """
        deadline = self.clock.boot() + grace
        self._waiting.close()
        self._server.task_dispatcher.shutdown(timeout=int(grace / 2))  # requests under way end before their sockets do
        logging.getLogger("waitress").addFilter(_not_broken_off)
        self._server.close()
        self.scheduler.stop()
        finished = self.fleet.stop(max(0.0, deadline - self.clock.boot()))
        finished = self.webhooks.stop(WEBHOOK_GRACE) and finished
        self.mailer.stop()
        if self._simulated is not None:
            self._simulated.stop()
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
        self._web.app = create_app(self, self._waiting)
        self.store.settings.take(settings_of(config))
        self.store.database.reserve = config.limits.disk_reserve
        self.store.retention.keep = Keep(**config.retention.model_dump())
        self.scheduler.timing = timing_of(config)
        self.scheduler.planned()
        for modem in config.modem:
            self.fleet.worker(modem.name).configure(retries_of(config), *allowed(modem, config))
        if self._certificate is not None and config.api.tls_cert and config.api.tls_key:
            self._certificate.use(config.api.tls_cert, config.api.tls_key)
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
            Party("the web server's loop", self._web.loop),
            Party("each thread of the web server", self._web.threads),
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

    # -- parts --------------------------------------------------------------------------------------------------------

    def _worker(self, modem: ModemConfig) -> ModemWorker:
        pin = modem.read_pin()
        settings = ModemSettings(
            pin=Secret(pin.reveal()) if pin else None,
            smsc=modem.smsc,
            reports=modem.reports,
            imei=modem.imei,
            iccid=modem.iccid,
            time_scale=modem.time_scale,
        )

        def make(transport: Transport, inbox: ModemInbox) -> Modem:
            return Modem(transport, settings, inbox, self.store.pins, self.clock, known_centre=self.store.centres.known)

        simulated = self._simulated if modem.port == "simulator" else None
        port = str(simulated.path(modem.name)) if simulated is not None else modem.port
        opened = opener_with(modem.baudrate, rtscts=modem.rtscts)
        others = [other.port for other in self.config.modem if other is not modem]

        def opener() -> Transport:
            return self._ports.open(port, opened, imei=modem.imei, iccid=modem.iccid, skip=others)

        view = ModemView(
            modem.name, "absent", port=modem.port, prefixes=modem.prefixes, reserve_for_otp=modem.reserve_for_otp
        )
        allowance = Allowance(*allowed(modem, self.config), self.store.sim_usage, self.clock)
        return ModemWorker(
            view,
            opener,
            make,
            self.store,
            self.fleet,
            self.clock,
            retries_of(self.config),
            allowance,
            scale=modem.time_scale,
            switch=self._switch(modem),
            balance=modem.balance.rule if modem.balance is not None else None,
        )

    def _switch(self, modem: ModemConfig) -> PowerSwitch | None:
        if modem.power_command:
            return CommandSwitch(modem.power_command)
        helper = self.config.gateway.usb_power_socket
        return HelperSwitch(helper, modem.name, modem.usb_port, self._places) if helper is not None else None


def _not_broken_off(record: logging.LogRecord) -> bool:
    """Leaves out what Waitress says of a request that took longer than a stop waits: its socket is gone."""
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, OSError) and error.errno == errno.EBADF)


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


def retries_of(config: Config) -> RetryPolicy:
    """What workers are told of retries."""
    return RetryPolicy(config.retries.schedule, config.retries.max_attempts)


def allowed(modem: ModemConfig, config: Config) -> tuple[QuotaRules, QuietHours | None, tzinfo]:
    """What the SIM of a modem may send."""
    return modem.quotas, config.messages.quiet_hours, zone_of(config.gateway.timezone)


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises OSError that names the address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), port), family=family, backlog=1024)
    except OSError as error:
        raise OSError(error.errno, f"cannot listen on {host} port {port}: {error.strerror}") from error
