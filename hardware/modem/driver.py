"""One modem: brought up, sending, receiving, watched. Belongs to one thread; only `wake` may come from another."""

from __future__ import annotations

import sys
from collections.abc import Callable

from hardware.at.channel import AtChannel, LateResult, SubmitHooks
from hardware.at.results import ErrorClass, cme_class, cms_class
from hardware.clock import Clock
from hardware.errors import CommandRejected, EquipmentError, HardwareError, MessageServiceError
from hardware.modem.card import Card
from hardware.modem.centre import Known, ServiceCentre
from hardware.modem.condition import Condition
from hardware.modem.incoming import Incoming, Watch
from hardware.modem.ladder import Ladder
from hardware.modem.link import Link
from hardware.modem.network import Network
from hardware.modem.restarting import reset, restart_radio
from hardware.modem.routing import Routing
from hardware.modem.status import (
    CONFIGURED,
    Inbox,
    ModemSettings,
    ModemState,
    ModemStatus,
    NotReady,
    PinLedger,
    RestartLevel,
)
from hardware.modem.storage import Storage, storage_full
from hardware.modem.supplementary import exchange_ussd
from hardware.pdu import Address, SubmitPdu
from hardware.profiles import Profile
from hardware.transport import Transport
from hardware.ussd import UssdAnswer

_SLOW = 15.0  # seconds without a result after which a submit counts as slow; most take one to six
_SURE_FOR = 2.0  # seconds for which PDU mode is sure once it has shown: no modem restarts in less
_LADDERS = 3  # a modem that restarts while it is set up is set up again, that often
_POLL_PAUSE = 2.0  # seconds between looks at the registration
_FETCHED_AT_ONCE = 10  # stored messages that are read between two submits; each takes a modem 50 to 200 ms
_SWEEP_PAUSE = 10.0  # seconds between sweeps where the modem announces nothing
_NO_CENTRE, _NO_NETWORK = 330, 331
_ASKS_BACK = 1  # +CUSD: a reply is expected
_CARD_GONE = (310, 311, 312, 313, 315, 316)
_CARD_GONE_CME = (10, 11, 12, 13, 15)


class Modem:
    """A modem on an open transport.

    `bring_up` first; then `submit`, `service`, `refresh`, `sweep` as its owner has work or time. Whenever the state
    falls back to CONFIGURING the modem has lost its settings, and `bring_up` is due again. After ConnectionLost the
    object is done with: close it and make another one on a new transport.
    """

    def __init__(
        self,
        transport: Transport,
        settings: ModemSettings,
        inbox: Inbox,
        pin_ledger: PinLedger,
        clock: Clock,
        *,
        profile: Profile | None = None,
        known_centre: Known = lambda _: None,
    ) -> None:
        self._transport, self._settings, self._clock = transport, settings, clock
        self._channel = AtChannel(transport, clock)
        self._link = Link(self._channel, clock, settings.time_scale)
        self._card = Card(self._link, settings, pin_ledger)
        self._network, self._routing, self._storage = Network(self._link), Routing(self._link), Storage(self._link)
        self._centre = ServiceCentre(self._link, settings, known_centre)
        parts = (self._card, self._network, self._routing, self._storage, self._centre)
        self._ladder = Ladder(self._link, settings, parts, profile)
        self._incoming = Incoming(self._link, inbox, self._network, self._routing, self._storage)
        self._condition = Condition()
        self._late: LateResult | None = None
        self._sure_until = 0.0
        self._next_sweep = 0.0
        self._woken = False

    @property
    def status(self) -> ModemStatus:
        """How the modem is, as far as it was last heard; costs no command."""
        condition = self._condition
        reason, advice, trouble = condition.reason, condition.advice, condition.trouble
        if condition.state is ModemState.READY and self._storage.stuck:
            reason, advice, trouble = storage_full(self._storage.stuck)
        return ModemStatus(
            state=condition.state,
            reason=reason,
            advice=advice,
            trouble=trouble,
            identity=self._ladder.identity,
            operator=self._network.operator,
            registration=self._network.registration,
            signal_dbm=self._network.signal_dbm,
            profile=self._ladder.profile.name,
            report_route=self._routing.route.value,
            storage=self._storage.levels,
            service_centre=self._centre.number,
        )

    def bring_up(self) -> None:
        """Climb the ladder to READY; returns in LOCKED, SEARCHING, DENIED and FAILED too, and the status says why.

        Raises CommandTimeout where the modem is silent, ConnectionLost, and what the inbox raises.
        """
        with self._condition.port():
            settled = self._condition.state in (ModemState.SEARCHING, ModemState.DENIED)
            # A modem that restarted without a word waits for its PIN and finds no network for ever.
            if settled and self._card.is_open() and self._join():
                return
            advice = "check that it has power and that this is its AT port"
            self._condition.settle(self._condition.state, "waiting for the modem's first answer", advice)
            for _ in range(_LADDERS):
                late = self._channel.resynchronise(self._ladder.first_wait * self._link.scale)
                self._late = late or self._late
                self._condition.settle(ModemState.CONFIGURING, "being set up")
                self._incoming.restarted()
                try:
                    self._ladder.climb()
                except NotReady as stop:
                    self._condition.settle(stop.state, stop.reason, stop.advice, stop.trouble)
                    self._incoming.take_news()
                    return
                if not self._ladder.silences_echo():
                    continue
                self._incoming.card_news_explained()
                self._condition.settle(ModemState.SEARCHING, "set up, looking for the network")
                if self._join():
                    return

    def _join(self) -> bool:
        """Read what is stored, then wait for the network until `wake`; False where the modem restarted meanwhile."""
        self._incoming.check_due = True
        self._attend()
        self.sweep()
        deadline = self._link.deadline(self._ladder.profile.network_wait)
        self._woken = False
        while self._condition.configured:
            self._network.poll()
            self._attend()
            over = self._woken or self._clock.boot() >= deadline
            if over or self._condition.state is not ModemState.SEARCHING:
                break
            self._channel.listen(_POLL_PAUSE * self._link.scale)
        if self._condition.configured:
            self._network.measure()
            self._attend()
        return self._condition.configured

    def submit(self, pdu: SubmitPdu, hooks: SubmitHooks) -> int:
        """Send one SMS-SUBMIT and return its TP-MR (0-255); reports that come meanwhile go to the inbox at once.

        Raises NotReady and EncodeError before anything was written, and what `AtChannel.submit` raises.
        """
        with self._condition.port():
            if self._incoming.check_due:
                self._attend()
            self._take_news()
            self._condition.require_ready()
            self._make_sure()
            self._late = None
            encoded = pdu.encode(self._service_centre(pdu))
            self._incoming.acknowledge()
            profile, scale = self._ladder.profile, self._link.scale
            try:
                reference = self._channel.submit(
                    encoded.tpdu_length,
                    encoded.hex,
                    Watch(hooks, self._news_during_submit, self._must_be_set_up),
                    prompt_timeout=profile.prompt_timeout * scale,
                    result_timeout=profile.submit_timeout * scale,
                    slow_after=_SLOW * scale,
                )
                self._sure_until = self._link.deadline(_SURE_FOR)
                return reference
            except CommandRejected as refused:
                self._learn(refused)
                raise
            finally:
                self._after_submit()

    def _make_sure(self) -> None:
        """Ask whether PDU mode is still on, unless it has just shown; raises NotReady where it is not.

        A modem that keeps ATE0 over a restart gives no sign of one, and in text mode the length in AT+CMGS is a number
        to send to. In a backlog the message before has just shown it, so that only the first one after a rest asks.
        """
        if self._clock.boot() < self._sure_until:
            return
        if not self._routing.in_pdu_mode():
            self._card.was_reset()
            self._condition.fall("the modem restarted without a word: it is in text mode")
        self._take_news()
        self._condition.require_ready()

    def _service_centre(self, pdu: SubmitPdu) -> Address | None:
        if pdu.service_centre is None and self._centre.in_pdu and self._centre.number:
            return Address.parse(self._centre.number)
        return None

    def _learn(self, refused: CommandRejected) -> None:
        """What a refusal says about the modem, beyond the message."""
        if isinstance(refused, MessageServiceError) and refused.code == _NO_CENTRE:
            self._centre.refused()
        elif isinstance(refused, MessageServiceError) and refused.code == _NO_NETWORK:
            self._incoming.check_due = True
        elif refused.code in (_CARD_GONE if isinstance(refused, MessageServiceError) else _CARD_GONE_CME):
            self._condition.fall(f"the SIM is not usable any more: {refused}")

    def _after_submit(self) -> None:
        """What waited for the end of the transaction, above all +CNMA; whatever fails here is found again later."""
        self._take_news()
        if not self._incoming.hand_over_in_submit() or self._channel.dirty or not self._incoming.acknowledgements:
            return
        try:
            self._incoming.acknowledge(late=True)
        except HardwareError:
            self._incoming.check_due = True

    def resynchronise(self) -> LateResult | None:
        """Make a channel clean after a command was not answered; the late result of a submit, where one came.

        Raises CommandTimeout where the modem stays silent, ConnectionLost.
        """
        with self._condition.port():
            late = self._channel.resynchronise(self._ladder.profile.boot_wait * self._link.scale)
            late, self._late = late or self._late, None
            self._incoming.check_due = True  # it may have been silent because it restarted
            if late is None:  # else whoever asked has it first: what fails here would lose it
                self._attend()
            return late

    def service(self, timeout: float) -> None:
        """Wait at most `timeout` seconds for news, until `wake`, and do what they ask for.

        Of many stored messages some are fetched, and the others when it is called again, which then waits for nothing.
        Raises ConnectionLost, CommandTimeout, and what the inbox raises; what was not handed over is kept.
        """
        with self._condition.port():
            if self._attend(_FETCHED_AT_ONCE):
                return
            wait = timeout
            if self._routing.polling and self._condition.configured:
                wait = min(wait, max(0.0, self._next_sweep - self._clock.boot()))
            self._channel.listen(wait)
            self._attend(_FETCHED_AT_ONCE)
            if self._routing.polling and self._condition.configured and self._clock.boot() >= self._next_sweep:
                self.sweep()

    @property
    def news_press(self) -> bool:
        """Whether stored messages and reports wait to be fetched, although submits follow each other: see `fetch`."""
        return self._incoming.pressing

    def fetch(self) -> None:
        """Between two submits of a backlog: take in some of what is stored and announced, the oldest first.

        A few at a time, so that a code does not wait for many. Raises as `service`.
        """
        with self._condition.port():
            self._attend(_FETCHED_AT_ONCE)

    def refresh(self) -> None:
        """Ask for registration, signal, operator, storage and routing; sweeps where a storage is nearly full."""
        with self._condition.port():
            self._attend()
            if not self._condition.configured:
                return
            self._network.poll()
            self._network.measure()
            self._centre.watch()
            full = self._storage.watch()
            self._incoming.check_due = True
            if self._card.swapped():
                self._card.was_reset()
                self._condition.fall("another SIM is in the modem, or it has taken another IMSI")
            self._attend()
            if full and self._condition.configured:
                self.sweep()

    def mend_centre(self) -> bool:
        """Go back to the service centre that is configured or worked before; whether another one was in use.

        Raises ConnectionLost, CommandTimeout.
        """
        with self._condition.port():
            return self._condition.configured and self._centre.mend()

    def sweep(self) -> int:
        """Hand over and delete what every storage holds; the number of messages handed over."""
        with self._condition.port():
            self._next_sweep = self._link.deadline(_SWEEP_PAUSE)
            return self._incoming.sweep() if self._condition.configured else 0

    def backlog(self, on: bool) -> None:
        """Keep the relay link between submits while there is a backlog (27.005 3.5.6); a refusal is no matter."""
        with self._condition.port():
            self._link.attempt(f"AT+CMMS={2 if on else 0}")

    def ussd(self, code: str, timeout: float = 60.0) -> UssdAnswer:
        """Send a USSD code, or a reply in an open session, and return the network's answer.

        Raises NotReady, CommandRejected, CommandTimeout after `timeout` seconds, EncodeError, ConnectionLost.
        """
        with self._condition.port():
            self._condition.require_ready()
            self._incoming.ussd.clear()
            return exchange_ussd(self._link, self._ladder.profile, code, timeout, self._ussd_news)

    def ask(self, code: str, timeout: float, give_up: Callable[[], bool]) -> UssdAnswer:
        """As `ussd`, for a question in passing: it ends when `give_up` says so, and a session that is left open too.

        Raises as `ussd`; CommandTimeout also where it was given up.
        """
        with self._condition.port():
            self._condition.require_ready()
            self._incoming.ussd.clear()
            answer = exchange_ussd(self._link, self._ladder.profile, code, timeout, self._ussd_news, give_up)
            if answer.mode == _ASKS_BACK:
                self._link.attempt("AT+CUSD=2", timeout=10)
            return answer

    def _ussd_news(self) -> list[str]:
        self._attend()
        said = list(self._incoming.ussd)
        self._incoming.ussd.clear()
        return said

    @property
    def tries_pin(self) -> bool:
        """Whether a PIN was written whose answer must be heard: one that got none is not tried again."""
        return self._card.tries_pin

    @property
    def can_reset(self) -> bool:
        """Whether its family has a reset that does more good than harm."""
        return self._ladder.profile.reset_command is not None

    def restart(self, level: RestartLevel = RestartLevel.RADIO) -> None:
        """Restart the radio or the whole modem; the state is CONFIGURING then, or the port is gone (ConnectionLost).

        One that answers nothing is told to as well: it may hear. Returns when the restart has begun.
        """
        with self._condition.port():
            self._condition.fall("restarted on demand")
            self._card.was_reset()
            wanted = level is RestartLevel.DEVICE
            if not (wanted and reset(self._link, self._ladder.profile, self._incoming)):
                restart_radio(self._link)

    def classify(self, error: CommandRejected) -> ErrorClass:
        """What a refused submit calls for, with this family's own codes."""
        if isinstance(error, MessageServiceError):
            return cms_class(error.code, error.result, overrides=self._ladder.profile.cms_classes)
        return cme_class(error.code, error.result) if isinstance(error, EquipmentError) else ErrorClass.RETRY

    def wake(self) -> None:
        """End a waiting `service`, now or the next one, or the search of `bring_up`; safe from any thread."""
        self._woken = True
        self._transport.wake()

    def close(self) -> None:
        """Give the port up; idempotent."""
        self._condition.settle(ModemState.ABSENT, "the port is closed")
        self._transport.close()

    def _take_news(self) -> None:
        """Sort what came and follow it in the state; writes nothing to the modem."""
        self._incoming.take_news()
        if self._channel.take_echoed() and self._ladder.echo_tells:
            self._incoming.check_due = True
        restart = self._incoming.restart
        if restart is not None and self._condition.state in (*CONFIGURED, ModemState.LOCKED, ModemState.FAILED):
            self._card.was_reset()
            self._condition.fall(f"the modem restarted ({restart})")
        if self._incoming.lost_settings and self._condition.configured:
            self._condition.fall("the modem has lost its settings")
        if self._condition.configured:
            self._condition.settle(*self._network.state)

    def _news_during_submit(self) -> None:
        """Called while a submit waits: nothing may be written now, and everything that came is handed over."""
        self._take_news()
        self._incoming.hand_over_in_submit()

    def _must_be_set_up(self) -> None:
        """Raise NotReady where the modem echoes again although it was told not to: it has restarted."""
        if self._channel.take_echoed() and self._ladder.echo_tells:
            self._card.was_reset()
            self._condition.fall("the modem restarted without a word: it echoes again")
        self._take_news()
        self._condition.require_ready()

    def _attend(self, most: int = sys.maxsize) -> bool:
        """Do what came in: hand over, acknowledge, fetch, `most` messages where given; whether there was anything."""
        self._take_news()
        if not self._condition.configured:
            return self._incoming.hand_over()
        done = self._incoming.work(most)
        self._take_news()
        return done
