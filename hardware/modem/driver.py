"""One modem: brought up, sending, receiving, watched. Belongs to one thread; only `wake` may come from another."""

from __future__ import annotations

from collections.abc import Callable

from hardware.at.channel import AtChannel, LateResult, SubmitHooks
from hardware.at.results import ErrorClass, cme_class, cms_class
from hardware.clock import Clock
from hardware.errors import CommandRejected, EquipmentError, MessageServiceError
from hardware.modem.arrival import Arrival
from hardware.modem.attention import Attention
from hardware.modem.card import Card
from hardware.modem.centre import Known, ServiceCentre
from hardware.modem.condition import Condition
from hardware.modem.incoming import Incoming
from hardware.modem.ladder import Ladder
from hardware.modem.link import Link
from hardware.modem.network import Network
from hardware.modem.restarting import reset, restart_radio
from hardware.modem.routing import Routing
from hardware.modem.sending import Sending
from hardware.modem.status import (
    Inbox,
    ModemSettings,
    ModemState,
    ModemStatus,
    PinLedger,
    RestartLevel,
)
from hardware.modem.storage import Storage, storage_full
from hardware.modem.supplementary import Ussd
from hardware.pdu import SubmitPdu
from hardware.profiles import Profile
from hardware.transport import Transport
from hardware.ussd import UssdAnswer

_FETCHED_AT_ONCE = 10  # stored messages that are read between two submits; each takes a modem 50 to 200 ms
_SWEEP_PAUSE = 10.0  # seconds between sweeps where the modem announces nothing


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
        self._attention = Attention(
            self._link, self._condition, self._incoming, self._card, self._network, self._ladder
        )
        self._sending = Sending(
            self._link,
            self._condition,
            self._attention,
            self._incoming,
            self._routing,
            self._centre,
            self._ladder,
        )
        self._ussd = Ussd(self._link, self._condition, self._attention, self._incoming, self._ladder)
        self._arrival = Arrival(
            self._link,
            self._condition,
            self._attention,
            self._incoming,
            self._card,
            self._network,
            self._ladder,
            self.sweep,
        )
        self._next_sweep = 0.0

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
            self._arrival.come()

    def submit(self, pdu: SubmitPdu, hooks: SubmitHooks) -> int:
        """Send one SMS-SUBMIT and return its TP-MR (0-255); reports that come meanwhile go to the inbox at once.

        Raises NotReady and EncodeError before anything was written, and what `AtChannel.submit` raises.
        """
        with self._condition.port():
            return self._sending.submit(pdu, hooks)

    def resynchronise(self) -> LateResult | None:
        """Make a channel clean after a command was not answered; the late result of a submit, where one came.

        Raises CommandTimeout where the modem stays silent, ConnectionLost.
        """
        with self._condition.port():
            late = self._channel.resynchronise(self._ladder.profile.boot_wait * self._link.scale)
            self._incoming.check_due = True  # it may have been silent because it restarted
            if late is None:  # else whoever asked has it first: what fails here would lose it
                self._attention.attend()
            return late

    def service(self, timeout: float) -> None:
        """Wait at most `timeout` seconds for news, until `wake`, and do what they ask for.

        Of many stored messages some are fetched, and the others when it is called again, which then waits for nothing.
        Raises ConnectionLost, CommandTimeout, and what the inbox raises; what was not handed over is kept.
        """
        with self._condition.port():
            if self._attention.attend(_FETCHED_AT_ONCE):
                return
            wait = timeout
            if self._routing.polling and self._condition.configured:
                wait = min(wait, max(0.0, self._next_sweep - self._clock.boot()))
            self._channel.listen(wait)
            self._attention.attend(_FETCHED_AT_ONCE)
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
            self._attention.attend(_FETCHED_AT_ONCE)

    def refresh(self) -> None:
        """Ask for registration, signal, operator, storage and routing; sweeps where a storage is nearly full."""
        with self._condition.port():
            self._attention.attend()
            if not self._condition.configured:
                return
            self._network.poll()
            self._network.measure()
            self._centre.watch()
            full = self._storage.watch()
            self._incoming.check_due = True
            if self._card.swapped():
                self._attention.set_up_anew("another SIM is in the modem, or it has taken another IMSI")
            self._attention.attend()
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
            return self._ussd.exchange(code, timeout)

    @property
    def in_dialogue(self) -> bool:
        """Whether a session that `ussd` has opened may still wait for a reply: another code would be taken for it."""
        return self._ussd.in_dialogue

    def ask(self, code: str, timeout: float, give_up: Callable[[], bool]) -> UssdAnswer:
        """As `ussd`, for a question in passing: it ends when `give_up` says so, and a session that is left open too.

        Raises as `ussd`; CommandTimeout also where it was given up.
        """
        with self._condition.port():
            return self._ussd.ask(code, timeout, give_up)

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
            self._attention.set_up_anew("restarted on demand")
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
        self._arrival.woken = True
        self._transport.wake()

    def close(self) -> None:
        """Give the port up, once the inbox was offered what has come in; idempotent."""
        try:
            self._incoming.take_news()
            self._incoming.hand_over_at_last()
        finally:
            self._condition.settle(ModemState.ABSENT, "the port is closed")
            self._transport.close()
