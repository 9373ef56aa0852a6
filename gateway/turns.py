"""One round of a modem's worker: open, bring up, send what there is, else listen."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gateway.announcing import Announcer
from gateway.care import Care
from gateway.conditions import ELSEWHERE, QUARANTINED, Finding, lost
from gateway.directory import ModemView
from gateway.doors import Doors
from gateway.incoming import ModemInbox
from gateway.messages import ClaimedAttempt
from gateway.modem_port import ModemPort
from gateway.others import Others
from gateway.recovery import SILENT_SUBMITS, Trouble
from gateway.sending import Sender
from gateway.snapshot import snapshot
from gateway.store import Store
from hardware.clock import Clock
from hardware.errors import CommandRejected, ConnectionLost, HardwareError, PortUnavailable
from hardware.modem import Modem, ModemState, NotReady
from hardware.transport import Transport

log = logging.getLogger("simwire.dispatcher")

IDLE_WAIT = 30.0  # seconds between looks at registration and signal while nothing happens
SWEEP_EVERY = 60.0  # seconds between sweeps of the storages: indications get lost
NOT_READY_WAIT = 5.0  # seconds between looks at a modem that waits for its SIM, the network or a person


class Turns(Doors):
    """What a worker does on its own thread, turn by turn."""

    def __init__(
        self,
        announcer: Announcer,
        sender: Sender,
        port: ModemPort,
        sink: ModemInbox,
        care: Care,
        store: Store,
        others: Others,
        clock: Clock,
        make_modem: Callable[[Transport, ModemInbox], Modem],
    ) -> None:
        super().__init__(announcer, sender, port)
        self._sink, self._care, self._store, self._others, self._clock = sink, care, store, others, clock
        self._make_modem = make_modem
        self._orphaned = self._store_failed = False
        self._taken_in = False  # whether what the last set-up has found out is gone by
        self._next_sweep = self._next_refresh = 0.0
        self._backlog = self._code_went_first = False

    def turn(self, idle: float) -> None:
        """One round: open, bring up, send what there is, else listen for at most `idle` seconds.

        Raises StoreError where the outbox cannot be read or written.
        """
        setting_up = True
        try:
            self._settle_left()
            if self._store_failed:
                self._sender.hand_back()  # first, so that it keeps its place
                self._store_failed = False
            if self._forgiven:
                self._forgiven = False
                self._healer.forgive()
            if self._healer.quarantined:
                self._errands.refuse(NotReady(ModemState.FAILED, self._view.reason, self._view.advice))
            if not self._port.due(idle):
                self._announcer.catch_up(self.view)
                return
            if self._healer.planned:  # a restart would let nobody hear what became of it
                self._sender.hand_back()
                self._taken_in = False  # some steps set the modem up anew
            modem = self._port.take_step() or self._port.connect()
            if modem.status.state is ModemState.READY:
                setting_up = False
                if not self._taken_in:
                    self._take_in(modem)
                self._work(modem, idle)
            else:
                self._bring_up(modem, idle)
        except (NotReady, CommandRejected) as error:
            self._port.watch.stop_here()  # whatever came in place of that
            # The port is fine: the next round sees what the modem needs.
            log.info("modem %s: %s", self.name, error)
            if self._modem is not None:
                self._publish_status(self._modem)
        except HardwareError as error:
            self._port.watch.stop_here()
            self._lost(error, setting_up=setting_up)

    def _settle_left(self) -> None:
        """What the worker before this one had in hand, as after a crash; but what it came to is known here."""
        if not self._orphaned:
            return
        self._sender.store_outcome()
        self._store.outbox.recover(self._clock.now(), self.name)
        self._orphaned = False
        self._others.planned()

    def _adopt(self, transport: Transport) -> Modem:
        self._publish(state="opening", reason=None, advice=None)
        modem = self._sink.modem = self._make_modem(transport, self._sink)
        self._publish(port=transport.name)
        return modem

    def _bring_up(self, modem: Modem, idle: float) -> None:
        # What is claimed goes back first: this may take minutes, and the SIM may be another one afterwards.
        self._sender.hand_back()
        self._publish_status(modem)
        self._taken_in = False
        modem.bring_up()
        self._take_in(modem)
        if modem.status.state is ModemState.READY:
            self._healer.ready()
            return
        if modem.status.trouble in ELSEWHERE:  # whoever is meant may be at another port, and this one another's
            raise PortUnavailable(self._view.port or "", modem.status.reason or "", str(modem.status.trouble))
        self._healer.answers(modem)
        self._run_requests(modem)
        modem.service(min(idle, NOT_READY_WAIT))
        self._publish_status(modem)

    def _take_in(self, modem: Modem) -> None:
        """Go by what the set-up has found out: which card is in, what that has sent, whether there will be reports.

        Not only behind the set-up itself: what comes in at its end may find the database full, and the modem is ready.
        """
        self._sender.allowance.load(self._sink.imsi)
        if self._care.opened(modem.status.identity):
            self._sender.results.card_changed()
        self._publish_status(modem)
        self._next_refresh = self._clock.boot() + IDLE_WAIT
        self._next_sweep = self._clock.boot() + SWEEP_EVERY
        self._taken_in = True

    def _work(self, modem: Modem, idle: float) -> None:
        self._healer.ready()
        attempt = self._code_first()
        if attempt is None:
            self._run_requests(modem)
            if modem.status.state is not ModemState.READY:
                return  # an operator restarted it: the next turn brings it up
            self._see_to(modem)
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
                modem.service(min(idle, until_refresh, self._sender.opens_in()))
                if modem.status.state is ModemState.READY:
                    attempt = self._code_first(told=True)  # what ended the wait, before what else it found is shown
        finally:
            self.idle = False
        if attempt is not None:
            self._send(modem, attempt)
        else:
            self._publish_status(modem)

    def _code_first(self, *, told: bool = False) -> ClaimedAttempt | None:
        """What goes before all else that is due, as a code came in (`told`: just now); but not twice in a row."""
        due = self._sender.code_came and not self._code_went_first
        attempt = self._sender.take(told=told) if due else None
        self._code_went_first = attempt is not None
        return attempt

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

    def _see_to(self, modem: Modem) -> None:
        """What is due besides sending."""
        now = self._clock.boot()
        if now >= self._next_refresh:
            self._next_refresh = now + IDLE_WAIT
            modem.refresh()
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_EVERY
            modem.sweep()
        if self._care.attend(modem, lambda: self._stopping.is_set() or self._sender.codes_wait()):
            self._publish_status(modem)  # before a wait for news
        if modem.news_press:
            self._sender.store_outcome()  # a report may be that of the part before
            modem.fetch()

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
        self._show_found(state, found, error)
        self._sender.hand_back()

    def _show_found(self, state: str, found: Finding, error: str | None) -> None:
        self._publish(
            state=state, reason=found.reason, advice=found.advice, condition=found.condition, last_error=error
        )

    def _close(self) -> None:
        self._backlog = False
        self._port.close()

    def _publish_status(self, modem: Modem) -> None:
        self._show(snapshot(self._announcer.plain, modem, self._sender, self._sink, self._care))

    def _publish(self, **changes: Any) -> None:  # noqa: ANN401 - fields of ModemView, checked by `replace`
        if "state" in changes:
            changes.setdefault("condition", None)
        self._show(replace(self._announcer.plain, **changes))

    def _show(self, view: ModemView) -> None:
        self._announcer.change(replace(view, recovery=self._healer.view()))
        if not self._stopping.is_set():  # a gateway that stops pauses nothing
            self._announcer.tell(self.view)
