"""ModemWorker: the one thread that owns a modem. It waits for nothing but its port and its wake-up."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import tzinfo

from gateway.allowance import Allowance
from gateway.announcing import Announcer
from gateway.balance import BalanceRule
from gateway.care import Care
from gateway.conditions import GATEWAY_ERROR, STUCK, Finding
from gateway.directory import ModemView
from gateway.healing import Healer, NoSwitch, PowerSwitch
from gateway.incoming import ModemInbox
from gateway.modem_port import ModemPort
from gateway.others import Others
from gateway.port_watch import GivenUp, PortWatch, Stopping
from gateway.quiet import QuietHours
from gateway.quota import QuotaRules
from gateway.recovery import Recovery, Trouble
from gateway.retry import RetryPolicy
from gateway.sending import Sender
from gateway.store import Store, StoreError
from gateway.turns import IDLE_WAIT, Turns
from hardware.clock import Clock
from hardware.modem import Modem, ModemState, NotReady
from hardware.transport import Transport

log = logging.getLogger("simwire.dispatcher")

TROUBLE_WAIT = 5.0  # seconds to wait after a defect of the program
STORE_WAIT = 2.0  # seconds to wait for a store that failed: a modem's port holds what it says in so long a time


@dataclass(frozen=True, slots=True)
class Left:
    """What a worker leaves to the next one of its modem as it is."""

    announcer: Announcer
    healer: Healer
    care: Care


class ModemWorker(Turns):
    """Owns one modem: opens its port, brings it up, sends what it may, takes what comes in.

    `turn` does one round and returns; `run` repeats it until `stop`. `wait` waits for an event while there is no port,
    so that a fake clock can stand in for time. Other threads may use `Doors` and what is for the watch only.
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
        left: Left | None = None,
    ) -> None:
        self._made_of = (open_port, make_modem, store, others, clock, retries, allowance, wait)
        sink = ModemInbox(view.name, store, clock, others.upcoming)
        self._left = left = left or Left(
            Announcer(view, store, others, clock),
            Healer(view.name, Recovery(scale), switch or NoSwitch(), clock, others.recovering),
            Care(view.name, balance, store, clock),
        )
        sender = Sender(store, others, sink, clock, retries, lambda: self._view, allowance, left.care)
        port = ModemPort(open_port, self._adopt, left.healer, PortWatch(clock, self._may_end), wait)
        super().__init__(left.announcer, sender, port, sink, left.care, store, others, clock, make_modem)

    def configure(self, retries: RetryPolicy, rules: QuotaRules, quiet: QuietHours | None, zone: tzinfo) -> None:
        """Go by other retries, quotas and quiet hours from now on; from any thread."""
        open_port, make_modem, store, others, clock, _, allowed, wait = self._made_of
        self._made_of = (open_port, make_modem, store, others, clock, retries, allowed, wait)
        self._sender.results.retries = retries
        allowed.configure(rules, quiet, zone)
        self.wake()  # what waited for a quota may go

    # -- from the watch -----------------------------------------------------------------------------------------------

    def give_up(self) -> ModemWorker | None:
        """Another worker for the same modem, in place of this one, whose thread hangs in a call on its port.

        That thread does nothing more once the call returns. None where it has returned meanwhile.
        """
        late = self._port.watch.give_up()
        if late is None:
            return None
        what = f"a call on its port should have returned {late:.0f} s ago"
        return self._heir(Finding(what, "it goes on by itself", STUCK))

    def bury(self) -> ModemWorker:
        """Another worker for the same modem, in place of this one, whose thread has ended by a defect."""
        what = "the thread that worked with it has ended, by a defect of the program"
        return self._heir(Finding(what, "it goes on by itself; see the log", GATEWAY_ERROR))

    @property
    def rests(self) -> bool:
        """Whether it is left alone for now, so that no thread need begin."""
        return self._healer.quarantined and self._healer.wait() > 0 and not self._forgiven

    def wait_for_thread(self, *, stuck: bool) -> None:
        """It has no thread for now (`stuck`: as too many hang): do what must not wait for one. Raises StoreError."""
        advice = "unplug the modem; if that does not help, restart the gateway"
        if stuck and self._view.advice != advice:
            self._publish(reason=f"{self._view.reason}; so did those before it", advice=advice)
        self._errands.refuse(NotReady(ModemState.FAILED, self._view.reason, self._view.advice))
        self._settle_left()

    def _heir(self, found: Finding) -> ModemWorker:
        heir = ModemWorker(self._view, *self._made_of, left=self._left)
        heir._port.wiretap = self.wiretap
        heir._errands = self._errands.pass_on(NotReady(ModemState.FAILED, found.reason, found.advice))
        heir._sender.carry_on(self._sender)
        heir._sink.carry_on(self._sink)
        heir._forgiven, heir._orphaned = self._forgiven, True
        heir._healer.trouble(Trouble.STUCK, found.reason or "")
        heir._show_found("failed", found, found.reason)
        return heir

    # -- the thread ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Work until `stop`; survives everything the modem does, and a disk that is full for a while."""
        try:
            with suppress(Stopping):
                while not self._stopping.is_set():
                    self._survive_turn()
            self._finish()
        except GivenUp:
            log.info("modem %s: the call on its port that hung has returned; its thread ends", self.name)
        finally:
            with suppress(GivenUp):
                self._close()

    def _survive_turn(self) -> None:
        try:
            self.turn(IDLE_WAIT)
        except StoreError as error:
            self.wait_for_store(str(error))
        except Exception as error:
            log.exception("modem %s: a defect of the program", self.name)
            self.recover_from(f"a defect of the program: {type(error).__name__}")

    def _finish(self) -> None:
        self._errands.end(NotReady(ModemState.FAILED, "the gateway stops", "ask again when it runs"))
        try:
            self._settle_left()
            self._sender.hand_back()
        except StoreError as error:
            log.warning("modem %s: %s; what it was sending is settled at the next start", self.name, error)

    def _may_end(self) -> bool:
        """Whether the gateway stops, and the modem owes no answer that must be heard."""
        modem = self._modem
        return self._stopping.is_set() and not self._sender.on_air and not (modem is not None and modem.tries_pin)

    def wait_for_store(self, what: str) -> None:
        """The store failed: show it, and wait a while before the next `turn`. Raises GivenUp.

        The port stays open: what the modem says meanwhile waits in it, and what was read from it in the driver.
        """
        self._port.watch.stop_here()  # whatever came in place of that
        log.error("modem %s: %s", self.name, what)
        self._show_found("failed", Finding(what, "it goes on by itself; see the log", GATEWAY_ERROR), what)
        self._store_failed = True
        self._port.rest(STORE_WAIT)

    def recover_from(self, what: str) -> None:
        """The program failed: show it, close the port, and wait a while before the next `turn`.

        Raises GivenUp.
        """
        self._port.watch.stop_here()  # whatever came in place of that
        log.error("modem %s: %s", self.name, what)
        self._close()
        self._show_found("failed", Finding(what, "it goes on by itself; see the log", GATEWAY_ERROR), what)
        self._port.rest(TROUBLE_WAIT)
