"""From the outbox onto the air and back: what one worker claims, hands over, and stores of the outcome.

While a PDU is on the air the next part is claimed; when the final result comes, the next AT+CMGS is written first and
the result is committed while the modem makes its prompt.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable

from gateway.allowance import Allowance
from gateway.care import Care
from gateway.directory import ModemView, routes_for
from gateway.incoming import ModemInbox
from gateway.messages import ClaimedAttempt, Lane, Refusal
from gateway.others import Others
from gateway.quota import Bounds
from gateway.recovery import SILENT_SUBMITS
from gateway.results import Outcome, Results
from gateway.retry import RetryPolicy
from gateway.store import Slot, Store, StoreError
from gateway.submission import refusal_of, submit_pdu
from hardware.clock import Clock
from hardware.errors import CommandRejected, CommandTimeout, HardwareError, PduError, SubmitUncertain
from hardware.modem import Modem

log = logging.getLogger("simwire.sending")

DEEP = 2  # parts that wait for each modem: from there on a part is claimed while the one before it is on the air


class WithdrawnError(Exception):
    """The message was withdrawn or expired between the claim and the PDU."""


class Sender:
    """The sending half of one worker; used on its thread, but for `hint` and `paused`, which others may use.

    Whatever was claimed is held here until the store has taken its outcome, or has it back: a store that fails for a
    while loses nothing.
    """

    def __init__(
        self,
        store: Store,
        others: Others,
        sink: ModemInbox,
        clock: Clock,
        retries: RetryPolicy,
        view: Callable[[], ModemView],
        allowance: Allowance,
        care: Care,
    ) -> None:
        self._store, self._others, self._sink, self._clock = store, others, sink, clock
        self._view, self.allowance, self._care = view, allowance, care
        self.results = Results(store, others, clock, retries, view, allowance, care)
        self.without_result = 0
        """Submits in a row that got no result at all: no prompt, or nothing after the PDU."""
        self.took = False
        """Whether the network took the last part that was sent."""
        self.needs_help = False
        """Whether the last refusal asks for the modem to be set up again, or too many submits got no result."""
        self.on_air = False
        """Whether a PDU was begun whose outcome is not in hand yet."""
        self.paused = False
        self.bounds: Bounds | None = None
        """What could be claimed when it was tried last; None: nothing."""
        self._hints: deque[Lane] = deque()
        self._ahead: ClaimedAttempt | None = None

    def carry_on(self, other: Sender) -> None:
        """Go on where that of another worker of the same modem was, but for what is claimed: the store knows that."""
        self.paused, self.without_result = other.paused, other.without_result
        self.results.carry_on(other.results)

    def forgive(self) -> None:
        """Forget why the SIM was set aside."""
        self.results.card_changed()
        self._care.forgive()

    # -- claiming -----------------------------------------------------------------------------------------------------

    def hint(self, lane: Lane) -> None:
        """Something was stored in that lane; from any thread."""
        self._hints.append(lane)

    def take(self, *, told: bool = False) -> ClaimedAttempt | None:
        """The part that goes next; the one claimed ahead, unless something more urgent came since. `told`: just now."""
        urgent, ahead = self._urgent(), self._ahead
        if ahead is not None:
            if urgent >= ahead.lane and self._may_send() and self._still_may_go(ahead):
                self._ahead = None
                return ahead
            self.hand_back()  # it keeps its place
        self.bounds = None
        return self._claim(told=told) if self._may_send() else None

    def hand_back(self) -> None:
        """Store what is not stored yet, and give back what is only claimed. Raises StoreError, and keeps the rest."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            self.results.add(Outcome(ahead, handed_back=True))
        self.store_outcome()

    def _urgent(self) -> Lane:
        urgent = Lane.BULK
        while self._hints:
            urgent = min(urgent, self._hints.popleft())
        return urgent

    @property
    def has_more(self) -> bool:
        """Whether the next part is claimed already: a backlog."""
        return self._ahead is not None

    @property
    def has_in_hand(self) -> bool:
        """Whether something was claimed, or came to an outcome, that the store has not got back."""
        return self._ahead is not None or self.results.unstored

    @property
    def code_came(self) -> bool:
        """Whether a code is claimed, or was stored since something was claimed last; costs nothing."""
        return Lane.OTP in tuple(self._hints) or (self._ahead is not None and self._ahead.lane is Lane.OTP)

    def codes_wait(self) -> bool:
        """Whether a code could go now by this modem: what is not urgent is left until later. Raises StoreError."""
        if not self._may_send() or self.allowance.bounds(reserved=self._view().reserve_for_otp) is None:
            return False
        return self.code_came or self._store.outbox.codes_ready(self._own_queues(Lane.OTP), 1) > 0

    def _own_queues(self, lane: Lane) -> tuple[str, ...]:
        """The queues that it takes parts of that lane from now."""
        name, others = self._view().name, self._others
        return (f"sim:{self._sink.imsi}", f"modem:{name}", *routes_for(name, others.views(), others.prefixes(), lane))

    def opens_in(self) -> float:
        """Seconds until more may be sent than now; infinite where nothing is held back, or no time helps."""
        return min(self.allowance.opens_in(), self.results.rests_for or math.inf)

    def _may_send(self) -> bool:
        return not (self.paused or self.results.aside)

    def _still_may_go(self, attempt: ClaimedAttempt) -> bool:
        return self.allowance.allows(attempt, reserved=self._view().reserve_for_otp)

    def _claim(self, *, ahead: bool = False, told: bool = False) -> ClaimedAttempt | None:
        view, imsi = self._view(), self._sink.imsi
        bounds = self.bounds = self.allowance.bounds(reserved=view.reserve_for_otp)
        if bounds is None:
            return None
        views, prefixes = self._others.views(), self._others.prefixes()
        routes, others = (routes_for(view.name, views, prefixes, lane) for lane in (Lane.OTP, Lane.NORMAL))
        if ahead and self._sooner_elsewhere({*routes, *others}, sum(one.usable for one in views)):
            self._others.wake_idle()  # one that is idle was woken for something else perhaps
            return None
        queues, but_codes = (f"sim:{imsi}", f"modem:{view.name}", *routes), tuple(set(others) - set(routes))
        slot = Slot(view.name, imsi, queues, view.reports, but_codes)
        attempt = self._store.outbox.claim(slot, self._clock.now(), bounds, told=told)
        if attempt is not None:
            self._others.witness.claimed(view.name, attempt)
        return attempt

    def _sooner_elsewhere(self, queues: set[str], modems: int) -> bool:
        """Whether another modem, free before this one, would find nothing if this one took a part ahead.

        In a deep backlog none is idle, and what is taken ahead waits hardly longer than what comes behind it; else a
        part waits for whichever is free first.
        """
        outbox, deep = self._store.outbox, DEEP * modems
        if modems == 1:
            return False
        waiting = outbox.codes_ready(queues, deep) or outbox.parts_ready(queues, deep)  # codes go first, so they count
        return 0 < waiting < deep

    # -- one submit ---------------------------------------------------------------------------------------------------

    def send(self, modem: Modem, attempt: ClaimedAttempt) -> None:
        """Hand one part to the modem. Its outcome is stored by the next AT+CMGS, or by `store_outcome`.

        Raises CommandTimeout, ConnectionLost, NotReady and StoreError; what was claimed is kept for `store_outcome`
        then too.
        """
        try:
            self._follow(modem, self._submit(modem, attempt))
        finally:
            self.on_air = False

    def _submit(self, modem: Modem, attempt: ClaimedAttempt) -> Outcome:
        hooks = _Hooks(self, attempt)
        outcome = Outcome(attempt, handed_back=True)
        self.needs_help = self.took = False
        begun = self._clock.boot()
        try:
            reference = modem.submit(submit_pdu(attempt, begun), hooks)
            took = self._clock.boot() - begun
            self.results.counts.took(took)
            outcome = Outcome(attempt, reference)
            self.took, self.without_result = True, 0
            self._others.witness.submitted(self._view().name, attempt, took)
        except WithdrawnError:
            pass
        except PduError as error:
            outcome = Outcome(attempt, refusal=Refusal("permanent", f"no PDU can be made: {error}"))
        except CommandRejected as error:
            self.without_result = 0
            refusal = refusal_of(error, modem.classify(error))
            uncertain = refusal.result if hooks.begun and refusal.error_class == "uncertain" else None
            outcome = Outcome(attempt, refusal=refusal, uncertain=uncertain)
        except SubmitUncertain as error:
            self.without_result += 1
            outcome = Outcome(attempt, uncertain=error.reason)
        except CommandTimeout as error:
            self.without_result += 1
            outcome = Outcome(attempt, refusal=Refusal("recover", str(error)))
            raise
        finally:
            self.results.add(outcome)
        return outcome

    def _follow(self, modem: Modem, outcome: Outcome) -> None:
        """What an outcome asks for at once; a success waits for the next AT+CMGS to be on its way."""
        if outcome.uncertain is not None:
            self._hear_late(modem, outcome)
        if outcome.uncertain is not None:
            self.store_outcome()
            self.needs_help = self.without_result >= SILENT_SUBMITS
        elif outcome.refusal is not None:
            self.store_outcome()  # it may say that this SIM must rest
            self.needs_help = outcome.refusal.error_class == "recover"

    def _hear_late(self, modem: Modem, outcome: Outcome) -> None:
        """See what the modem still has to say about a submit that was given up, before it is called unknown.

        It stays begun meanwhile: a restart finds it so, and a code gets its second way.
        """
        try:
            late = modem.resynchronise()
        except HardwareError:
            self.store_outcome()
            raise
        if late is None:
            return
        self.without_result = 0
        if late.error is None:
            self.took = True
            outcome.reference, outcome.refusal, outcome.uncertain, outcome.late = late.reference, None, None, True
            return
        outcome.refusal, outcome.late = refusal_of(late.error, modem.classify(late.error)), True
        outcome.uncertain = outcome.refusal.result if outcome.refusal.error_class == "uncertain" else None

    def begin(self, attempt: ClaimedAttempt) -> None:
        """The durable mark before the PDU's first octet; raises WithdrawnError where the part may no longer go."""
        allowed = self._still_may_go(attempt)
        if not allowed or not self._store.outbox.begin(attempt.id, self._clock.now(), self.allowance.period):
            self._others.planned()  # it may have been planned anew, for another modem
            raise WithdrawnError
        self.allowance.begun(attempt)
        self._others.witness.begun(self._view().name, attempt)
        if attempt.lane is Lane.OTP:
            self._others.upcoming()  # its hedge; nobody is woken right before the PDU

    def claim_ahead(self) -> None:
        """The PDU is with the modem: claim the part that goes next, unless that might go sooner by another one."""
        if self._ahead is not None or not self._may_send():
            return
        self._urgent()
        try:
            self._ahead = self._claim(ahead=True)
        except StoreError as error:  # the submit on the air must come to its end whatever the disk does
            log.warning("nothing claimed ahead: %s", error)

    def give_up_ahead(self) -> None:
        """What is on the air takes long: what was claimed to follow it goes to whoever is free."""
        if self._ahead is None or self._ahead.bound:
            return
        try:
            self.hand_back()
        except StoreError as error:  # as in `claim_ahead`
            log.warning("what was claimed ahead is not handed back yet: %s", error)

    def store_outcome(self) -> bool:
        """Commit what the submits came to; whether there was anything. Raises StoreError, and keeps what is left."""
        return self.results.store()


class _Hooks:
    """What the sender does at the moments of a CMGS transaction."""

    def __init__(self, sender: Sender, attempt: ClaimedAttempt) -> None:
        self._sender, self._attempt = sender, attempt
        self.begun = False

    def awaiting_prompt(self) -> None:
        self._sender.store_outcome()

    def before_pdu(self) -> None:
        self._sender.begin(self._attempt)
        self.begun = self._sender.on_air = True

    def on_air(self) -> None:
        self._sender.claim_ahead()

    def slow(self) -> None:
        self._sender.give_up_ahead()

    def news(self) -> None:
        """Reports inside the transaction are handed to the inbox by the modem itself."""
