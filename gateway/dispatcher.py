"""ModemWorker: the one thread that owns a modem. It waits for nothing but its port and its wake-up."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, TypeVar

from gateway.allowance import Allowance
from gateway.balance import BalanceRule
from gateway.care import Care
from gateway.conditions import GATEWAY_ERROR, lost
from gateway.directory import PAUSED, READY, ModemView, takes
from gateway.incoming import ModemInbox
from gateway.messages import ClaimedAttempt, Lane
from gateway.retry import RetryPolicy
from gateway.sending import Others, Sender
from gateway.store import Store, StoreError
from hardware.clock import Clock
from hardware.errors import CommandRejected, HardwareError, PortUnavailable
from hardware.modem import Modem, ModemState, NotReady, RestartLevel, Trouble
from hardware.transport import Transport

log = logging.getLogger("simwire.dispatcher")
T = TypeVar("T")

IDLE_WAIT = 30.0  # seconds between looks at registration and signal while nothing happens
SWEEP_EVERY = 60.0  # seconds between sweeps of the storages: indications get lost
NOT_READY_WAIT = 5.0  # seconds between looks at a modem that waits for its SIM, the network or a person
RECOVERIES_BEFORE_RADIO, RECOVERIES_BEFORE_RESET = 3, 6  # in a row, before the radio and then the modem are restarted
SHORTEST_PART = 0.01  # seconds: a simulated modem may take no time at all
ON_THE_WAY = ("opening", "configuring")  # states that lead to another one at once
ELSEWHERE = (Trouble.SIM_WRONG, Trouble.MODEM_WRONG)  # not who is meant: looked for at other ports
REOPEN_WAITS = (0.25, 0.5, 1.0, 2.0, 5.0)  # seconds before the port is opened again; the last one repeats


class ModemWorker:
    """Owns one modem: opens its port, brings it up, sends what it may, takes what comes in.

    `turn` does one round and returns; `run` repeats it until `stop`. `wait` waits for an event while there is no port,
    so that a fake clock can stand in for time. Only `wake`, `request`, `pause`, `resume`, `stop`,
    `view` and `idle` may be used from other threads.
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
        balance: BalanceRule | None = None,
    ) -> None:
        self.name = view.name
        self._wait = wait
        self._view, self._store = view, store
        self._told: tuple[str | None, str | None] = (None, None)  # state and condition that were told of last
        self._open_port, self._make_modem, self._clock, self._others = open_port, make_modem, clock, others
        self._sink = ModemInbox(view.name, store, clock, others.planned)
        self._care = Care(view.name, balance, store, clock)
        self._sender = Sender(store, others, self._sink, clock, retries, lambda: self._view, allowance, self._care)
        self._transport: Transport | None = None
        self._modem: Modem | None = None
        self._requests: queue.SimpleQueue[tuple[Callable[[Modem], Any], Future[Any]]] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._failures = 0
        self._next_sweep = self._next_refresh = 0.0
        self._backlog = False
        self.idle = False
        """Whether the worker waits for work, or is about to look for it once more before it waits."""

    # -- from other threads -------------------------------------------------------------------------------------------

    @property
    def view(self) -> ModemView:
        """The newest snapshot."""
        view = self._view
        if view.state == READY and self._sender.paused:
            advice = "resume it to let it send again"
            return replace(view, state=PAUSED, reason="paused by an operator", advice=advice, condition=None)
        return view

    def wake(self, lane: Lane = Lane.BULK) -> None:
        """There may be work; `lane` tells how urgent the most urgent of it is."""
        self._sender.hint(lane)
        self._woken.set()
        if (modem := self._modem) is not None:
            modem.wake()

    def request(self, action: Callable[[Modem], T]) -> Future[T]:
        """Run `action` on the worker's thread between two submits; the future carries its result or HardwareError."""
        future: Future[T] = Future()
        self._requests.put((action, future))
        self.wake()
        return future

    def pause(self) -> None:
        """Send nothing more until `resume`; incoming messages and reports are still taken."""
        self._sender.paused = True
        self.wake()

    def resume(self) -> None:
        """Undo `pause`, and forget why the SIM was set aside."""
        self._sender.paused = False
        self._sender.forgive()
        self.wake()

    def stop(self) -> None:
        """Finish the submit on the air, hand back what is only claimed, and end `run`."""
        self._stopping.set()
        self._sender.paused = True
        self.wake()

    # -- the thread ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Work until `stop`; survives everything the modem does, and a disk that is full for a while."""
        while not self._stopping.is_set():
            try:
                self.turn(IDLE_WAIT)
            except StoreError as error:
                self.recover_from(str(error))
            except Exception as error:
                log.exception("modem %s: a defect of the program", self.name)
                self.recover_from(f"a defect of the program: {type(error).__name__}")
        try:
            self._sender.hand_back()
        except StoreError as error:
            log.warning("modem %s: %s; what it was sending is settled at the next start", self.name, error)
        self._close()

    def recover_from(self, what: str) -> None:
        """Something other than the modem failed: show it, close the port, and wait a while before the next `turn`."""
        log.error("modem %s: %s", self.name, what)
        self._close()
        advice = "it goes on by itself; see the log"
        self._publish(state="failed", reason=what, advice=advice, condition=GATEWAY_ERROR, last_error=what)
        self._pause_for(REOPEN_WAITS[-1])

    def turn(self, idle: float) -> None:
        """One round: open, bring up, send what there is, else listen for at most `idle` seconds.

        Raises StoreError where the outbox cannot be read or written.
        """
        try:
            modem = self._modem or self._connect()
            if modem.status.state is ModemState.READY:
                self._work(modem, idle)
            else:
                self._bring_up(modem, idle)
        except (NotReady, CommandRejected) as error:
            # The port is fine: the next round sees what the modem needs.
            log.info("modem %s: %s", self.name, error)
            if self._modem is not None:
                self._publish_status(self._modem)
        except HardwareError as error:
            self._lost(error, idle)

    def _connect(self) -> Modem:
        self._transport = transport = self._open_port()
        self._publish(state="opening", reason=None, advice=None)
        modem = self._modem = self._sink.modem = self._make_modem(transport, self._sink)
        self._publish(port=transport.name)
        return modem

    def _bring_up(self, modem: Modem, idle: float) -> None:
        # What is claimed goes back first: this may take minutes, and the SIM may be another one afterwards.
        self._sender.hand_back()
        self._publish_status(modem)
        modem.bring_up()
        self._sender.allowance.load(self._sink.imsi)
        if self._care.opened(modem.status.identity):
            self._sender.card_changed()
        self._publish_status(modem)
        self._next_refresh = self._clock.boot() + IDLE_WAIT
        self._next_sweep = self._clock.boot() + SWEEP_EVERY
        if modem.status.state is ModemState.READY:
            self._failures = 0
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
        self._housekeeping(modem)
        if self._care.attend(modem, lambda: self._stopping.is_set() or self._sender.codes_wait()):
            self._publish_status(modem)  # before a wait for news
        attempt = self._sender.take()
        if attempt is not None:
            self._send(modem, attempt)
            return
        self._sender.store_outcome()
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
        if self._sender.needs_help:
            self._help(modem)
            return
        if self._sender.has_more and not self._backlog:
            self._sender.store_outcome()
            self._backlog = True
            modem.backlog(True)
        self._publish_status(modem)

    def _help(self, modem: Modem) -> None:
        """The modem cannot send as it is: the ladder again, which also empties its storage; in the end a restart."""
        self._sender.hand_back()
        self._publish(state="configuring", reason=self._sender.counts.last_error)
        if self._sender.recoveries >= RECOVERIES_BEFORE_RESET:
            self._sender.recoveries = 0
            modem.restart(RestartLevel.DEVICE)
        elif self._sender.recoveries >= RECOVERIES_BEFORE_RADIO:
            modem.restart(RestartLevel.RADIO)
        modem.bring_up()
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
        while True:
            try:
                action, future = self._requests.get_nowait()
            except queue.Empty:
                return
            if not future.set_running_or_notify_cancel():
                continue
            self._sender.hand_back()
            try:
                result = action(modem)
            except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
                future.set_exception(error)
            else:
                self._publish_status(modem)  # first: whoever asked looks at once
                future.set_result(result)

    # -- ends ---------------------------------------------------------------------------------------------------------

    def _lost(self, error: HardwareError, idle: float) -> None:
        self._close()
        wait = min(idle, REOPEN_WAITS[min(self._failures, len(REOPEN_WAITS) - 1)])
        self._failures += 1
        if self._view.last_error != str(error) or self._view.state not in ("absent", "failed"):
            log.warning("modem %s: %s; its port is opened again until it answers", self.name, error)
        found = lost(error)
        state = "failed" if found.condition in ELSEWHERE else "absent"
        self._publish(
            state=state, reason=found.reason, advice=found.advice, condition=found.condition, last_error=str(error)
        )
        self._sender.hand_back()
        self._pause_for(wait)

    def _pause_for(self, seconds: float) -> None:
        self._woken.clear()
        if not self._stopping.is_set():
            self._wait(self._woken, seconds)

    def _close(self) -> None:
        modem, transport = self._modem, self._transport
        self._modem = self._transport = None
        self._backlog = False
        if modem is not None:
            modem.close()
        elif transport is not None:
            transport.close()

    def _publish_status(self, modem: Modem) -> None:
        status, identity, counts = modem.status, modem.status.identity, self._sender.counts
        ready, aside = status.state is ModemState.READY, self._sender.aside
        quota = self._sender.allowance.uses() if ready else ()
        found = self._care.judge(status, aside=aside, held_back=self._sender.allowance.explained(quota))
        self._publish(
            state="denied" if ready and aside else status.state.value,
            reason=found.reason,
            advice=found.advice,
            condition=found.condition,
            profile=status.profile,
            model=identity.model,
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
        before = self._view
        if "state" in changes:
            changes.setdefault("condition", None)
        self._view = replace(before, **changes)
        turned = _lanes(before) != _lanes(self._view)
        if turned:
            self._others.planned()  # others step in, or step back
        if turned or before.state != self._view.state:
            why = f": {self._view.reason}" if self._view.reason else ""
            log.info("modem %s is %s%s", self.name, self._view.state, why)
        if self._view.condition not in (None, before.condition):
            log.warning("modem %s: %s: %s; %s", self.name, *_told_of(self._view))
        self._tell()

    def _tell(self) -> None:
        """Event streams and webhooks hear of a state that is new and meant to last, and of what is the matter in it.

        Not of a pause while stopping.
        """
        view = self.view
        if (view.state, view.condition) == self._told or view.state in ON_THE_WAY or self._stopping.is_set():
            return
        kind = "modem.condition" if view.state == self._told[0] else f"modem.{view.state}"
        body = {
            "name": view.name,
            "state": view.state,
            "reason": view.reason,
            "advice": view.advice,
            "condition": view.condition,
            "operator": view.operator,
            "signal_dbm": view.signal_dbm,
        }
        try:
            with self._store.database.mark(synced=False) as cx:
                self._store.events.emit(cx, kind, None, self.name, body, self._clock.now())
            self._told = (view.state, view.condition)
        except StoreError as error:  # told with the next snapshot
            log.warning("modem %s: that it is %s could not be told yet: %s", self.name, view.state, error)


def _told_of(view: ModemView) -> tuple[str | None, str | None, str | None]:
    return view.condition, view.reason, view.advice


def _lanes(view: ModemView) -> tuple[bool, ...]:
    """What the other modems leave to this one."""
    return tuple(view.usable and takes(view, lane) for lane in (Lane.OTP, Lane.NORMAL))
