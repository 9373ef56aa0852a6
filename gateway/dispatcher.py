"""ModemWorker: the one thread that owns a modem. It waits for nothing but its port and its wake-up."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gateway.allowance import Allowance
from gateway.announcing import Announcer
from gateway.balance import BalanceRule
from gateway.care import Care
from gateway.conditions import ELSEWHERE, GATEWAY_ERROR, QUARANTINED, STUCK, Finding, lost
from gateway.directory import ModemView
from gateway.doors import Doors
from gateway.healing import Healer, NoSwitch, PowerSwitch
from gateway.incoming import ModemInbox
from gateway.messages import ClaimedAttempt
from gateway.modem_port import ModemPort
from gateway.others import Others
from gateway.port_watch import GivenUp, PortWatch, Stopping
from gateway.recovery import SILENT_SUBMITS, Recovery, Trouble
from gateway.retry import RetryPolicy
from gateway.sending import Sender
from gateway.store import Store, StoreError
from hardware.clock import Clock
from hardware.errors import CommandRejected, ConnectionLost, HardwareError, PortUnavailable
from hardware.modem import Modem, ModemState, NotReady
from hardware.transport import Transport

log = logging.getLogger("simwire.dispatcher")

IDLE_WAIT = 30.0  # seconds between looks at registration and signal while nothing happens
SWEEP_EVERY = 60.0  # seconds between sweeps of the storages: indications get lost
NOT_READY_WAIT = 5.0  # seconds between looks at a modem that waits for its SIM, the network or a person
SHORTEST_PART = 0.01  # seconds: a simulated modem may take no time at all
TROUBLE_WAIT = 5.0  # seconds to wait where something other than the modem failed


class ModemWorker(Doors):
    """Owns one modem: opens its port, brings it up, sends what it may, takes what comes in.

    `turn` does one round and returns; `run` repeats it until `stop`. `wait` waits for an event while there is no port,
    so that a fake clock can stand in for time. Other threads may use `Doors` and `give_up` only.
    """

    def __init__(
        self,
        view: ModemView,
        open_port: Callable[[], Transport],
        make_modem: Callable[[Transport, ModemInbox], Modem],
        store: Store,
        others: Others,
        clock: Clock,
        retries: RetryPolicy,
        allowance: Allowance,
        wait: Callable[[threading.Event, float], object] = threading.Event.wait,
        *,
        scale: float = 1.0,
        switch: PowerSwitch | None = None,
        balance: BalanceRule | None = None,
    ) -> None:
        self._made_of = (open_port, make_modem, store, others, clock, retries, allowance, wait)
        self._store = store
        self._make_modem, self._clock = make_modem, clock
        self._sink = ModemInbox(view.name, store, clock, others.planned)
        self._balance, self._care = balance, Care(view.name, balance, store, clock)
        self._sender = Sender(store, others, self._sink, clock, retries, lambda: self._view, allowance, self._care)
        healer = Healer(view.name, Recovery(scale), switch or NoSwitch(), clock, others.recovering)
        port = ModemPort(open_port, self._adopt, healer, PortWatch(clock, self._may_end), wait)
        super().__init__(Announcer(view, store, others, clock), self._sender, port)
        self._orphaned = False
        self._next_sweep = self._next_refresh = 0.0
        self._backlog = False

    # -- from the watch -----------------------------------------------------------------------------------------------

    def give_up(self, late: float, *, goes_on: bool) -> ModemWorker | None:
        """Another worker for the same modem, in place of this one, whose thread hangs in a call on its port.

        That thread does nothing more once the call returns. None where nothing `goes_on`: it is only shown then.
        """
        what = f"a call on its port should have returned {late:.0f} s ago"
        if not goes_on:
            advice = "unplug the modem; if that does not help, restart the gateway"
            why = f"{what}; so did those before it"
            self._publish(state="failed", reason=why, advice=advice, condition=STUCK, last_error=what)
            return None
        advice = "it goes on by itself"
        self._publish(state="failed", reason=what, advice=advice, condition=STUCK, last_error=what)
        self._stopping.set()
        self._port.watch.give_up()
        heir = ModemWorker(self._view, *self._made_of, balance=self._balance)
        heir._inherit(self, what)
        return heir

    def _inherit(self, predecessor: ModemWorker, what: str) -> None:
        self._errands, self._announcer = predecessor._errands, predecessor._announcer
        self._sender.paused, self._sender.results.counts = (
            predecessor._sender.paused,
            predecessor._sender.results.counts,
        )
        self._sink.carry_on(predecessor._sink)
        self._port.healer, self._port.wiretap = predecessor._healer, predecessor.wiretap
        self._healer.trouble(Trouble.STUCK, what)
        self._orphaned = True

    # -- the thread ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Work until `stop`; survives everything the modem does, and a disk that is full for a while."""
        while not self._stopping.is_set():
            try:
                self.turn(IDLE_WAIT)
            except (GivenUp, Stopping):
                break
            except StoreError as error:
                self.recover_from(str(error))
            except Exception as error:
                log.exception("modem %s: a defect of the program", self.name)
                self.recover_from(f"a defect of the program: {type(error).__name__}")
        try:
            if not self._port.watch.given_up:  # else its successor has settled what was in hand
                self._sender.hand_back()
        except StoreError as error:
            log.warning("modem %s: %s; what it was sending is settled at the next start", self.name, error)
        self._close()

    def _may_end(self) -> bool:
        """Whether the gateway stops, and the modem owes no answer that must be heard."""
        modem = self._modem
        return self._stopping.is_set() and not self._sender.on_air and not (modem is not None and modem.tries_pin)

    def recover_from(self, what: str) -> None:
        """Something other than the modem failed: show it, close the port, and wait a while before the next `turn`."""
        log.error("modem %s: %s", self.name, what)
        self._close()
        advice = "it goes on by itself; see the log"
        self._publish(state="failed", reason=what, advice=advice, condition=GATEWAY_ERROR, last_error=what)
        self._port.rest(TROUBLE_WAIT)

    def turn(self, idle: float) -> None:
        """One round: open, bring up, send what there is, else listen for at most `idle` seconds.

        Raises StoreError where the outbox cannot be read or written.
        """
        setting_up = True
        try:
            if self._orphaned:
                self._store.outbox.recover(self._clock.now(), self.name)
                self._orphaned = False
            if self._forgiven:
                self._forgiven = False
                self._healer.forgive()
            if self._healer.quarantined:
                self._errands.refuse(NotReady(ModemState.FAILED, self._view.reason, self._view.advice))
            if not self._port.due(idle):
                return
            modem = self._port.take_step() or self._port.connect()
            if modem.status.state is ModemState.READY:
                setting_up = False
                self._work(modem, idle)
            else:
                self._bring_up(modem, idle)
        except (NotReady, CommandRejected) as error:
            # The port is fine: the next round sees what the modem needs.
            log.info("modem %s: %s", self.name, error)
            if self._modem is not None:
                self._publish_status(self._modem)
        except HardwareError as error:
            self._lost(error, setting_up=setting_up)

    def _adopt(self, transport: Transport) -> Modem:
        self._publish(state="opening", reason=None, advice=None)
        modem = self._sink.modem = self._make_modem(transport, self._sink)
        self._publish(port=transport.name)
        return modem

    def _bring_up(self, modem: Modem, idle: float) -> None:
        # What is claimed goes back first: this may take minutes, and the SIM may be another one afterwards.
        self._sender.hand_back()
        self._publish_status(modem)
        modem.bring_up()
        self._sender.allowance.load(self._sink.imsi)
        if self._care.opened(modem.status.identity):
            self._sender.results.card_changed()
        self._publish_status(modem)
        self._next_refresh = self._clock.boot() + IDLE_WAIT
        self._next_sweep = self._clock.boot() + SWEEP_EVERY
        if modem.status.state is ModemState.READY:
            self._healer.ready()
            return
        if modem.status.trouble in ELSEWHERE:  # whoever is meant may be at another port, and this one another's
            raise PortUnavailable(self._view.port or "", modem.status.reason or "", str(modem.status.trouble))
        self._run_requests(modem)
        modem.service(min(idle, NOT_READY_WAIT))
        self._publish_status(modem)

    def _work(self, modem: Modem, idle: float) -> None:
        self._run_requests(modem)
        if modem.status.state is not ModemState.READY:
            return  # an operator restarted it: the next turn brings it up
        self._healer.ready()
        self._housekeeping(modem)
        if self._care.attend(modem, lambda: self._stopping.is_set() or self._sender.codes_wait()):
            self._publish_status(modem)  # before a wait for news
        if modem.news_press:
            self._sender.store_outcome()  # a report may be that of the part before
            modem.fetch()
        attempt = self._sender.take()
        if attempt is not None:
            self._send(modem, attempt)
            return
        if self._sender.store_outcome():
            self._publish_status(modem)  # before a wait: people look at what was sent
        if self._backlog:
            self._backlog = False
            modem.backlog(False)
        # Idle first, then one more look: a message stored in between either is seen here or wakes the wait.
        self.idle = True
        try:
            attempt = self._sender.take()
            if attempt is None:
                until_refresh = max(0.0, self._next_refresh - self._clock.boot())
                modem.service(min(idle, until_refresh, self._sender.allowance.opens_in()))
        finally:
            self.idle = False
        if attempt is not None:
            self._send(modem, attempt)
        else:
            self._publish_status(modem)

    def _send(self, modem: Modem, attempt: ClaimedAttempt) -> None:
        self._sender.send(modem, attempt)
        if self._sender.took:
            self._healer.accepted()
        elif self._sender.needs_help:
            self._healer.trouble(
                Trouble.FRUITLESS, self._sender.results.counts.last_error or "its submits come to nothing"
            )
            said = self._sender.results.counts.last_error
            self._show_trouble("configuring", Finding(said), said)
            return
        if self._sender.has_more and not self._backlog:
            self._sender.store_outcome()
            self._backlog = True
            modem.backlog(True)
        self._publish_status(modem)

    def _housekeeping(self, modem: Modem) -> None:
        now = self._clock.boot()
        if now >= self._next_refresh:
            self._next_refresh = now + IDLE_WAIT
            modem.refresh()
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_EVERY
            modem.sweep()

    def _run_requests(self, modem: Modem) -> None:
        self._errands.run(modem, self._sender.hand_back, lambda: self._publish_status(modem))

    # -- ends ---------------------------------------------------------------------------------------------------------

    def _lost(self, error: HardwareError, *, setting_up: bool) -> None:
        fruitless = self._sender.without_result >= SILENT_SUBMITS
        self._healer.failed(error, self._modem, setting_up=setting_up, fruitless=fruitless)
        if isinstance(error, (ConnectionLost, PortUnavailable)):
            self._close()
        found = lost(error)
        self._show_trouble("failed" if found.condition in ELSEWHERE else "absent", found, str(error))

    def _show_trouble(self, state: str, found: Finding, error: str | None) -> None:
        """Show what is wrong, and leave to the other modems what they can take."""
        if self._healer.quarantined:
            advice = "check its power, cable and SIM; it is looked at again by itself, or at once when it is resumed"
            why = f"{error or 'it does not work'}; nothing helped of: {self._healer.tried}"
            state, found = "failed", Finding(why, advice, QUARANTINED)
        self._publish(
            state=state, reason=found.reason, advice=found.advice, condition=found.condition, last_error=error
        )
        self._sender.hand_back()

    def _close(self) -> None:
        self._backlog = False
        self._port.close()

    def _publish_status(self, modem: Modem) -> None:
        status, identity, counts = modem.status, modem.status.identity, self._sender.results.counts
        ready, aside = status.state is ModemState.READY, self._sender.results.aside
        quota = self._sender.allowance.uses() if ready else ()
        found = self._care.judge(status, aside=aside, held_back=self._sender.allowance.explained(quota))
        self._publish(
            state="denied" if ready and aside else status.state.value,
            reason=found.reason,
            advice=found.advice,
            condition=found.condition,
            profile=status.profile,
            manufacturer=identity.manufacturer,
            model=identity.model,
            firmware=identity.revision,
            imei=identity.imei,
            imsi=identity.imsi,
            iccid=identity.iccid,
            operator=status.operator,
            registration=status.registration.meaning if status.registration else None,
            signal_dbm=status.signal_dbm,
            service_centre=status.service_centre,
            reports=status.reports_promised,
            sent=counts.sent,
            failed=counts.failed,
            received=self._sink.received,
            last_error=counts.last_error,
            last_report_boot=self._sink.last_report_boot,
            seconds_per_part=max(SHORTEST_PART, counts.seconds_per_part),
            quota=quota,
            balance=self._care.balance,
        )

    def _publish(self, **changes: Any) -> None:  # noqa: ANN401 - fields of ModemView, checked by `replace`
        if "state" in changes:
            changes.setdefault("condition", None)
        self._announcer.change(replace(self._view, recovery=self._healer.view(), **changes))
        if not self._stopping.is_set():  # a gateway that stops pauses nothing
            self._announcer.tell(self.view)
