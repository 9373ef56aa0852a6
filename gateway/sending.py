"""From the outbox onto the air and back: what one worker claims, hands over, and stores of the outcome.

While a PDU is on the air the next part is claimed; when the final result comes, the next AT+CMGS is written first and
the result is committed while the modem makes its prompt.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from gateway.directory import ModemView, others_usable, routes_for
from gateway.incoming import ModemInbox
from gateway.messages import ClaimedAttempt, Lane, Refusal
from gateway.retry import RetryPolicy, decide
from gateway.store import Slot, Store
from gateway.submission import refusal_of, submit_pdu
from hardware.clock import Clock
from hardware.errors import CommandRejected, CommandTimeout, ConnectionLost, SubmitUncertain
from hardware.modem import Modem, NotReady, RestartLevel

log = logging.getLogger("simwire.sending")

ASIDE_WAITS = (60.0, 120.0, 300.0, 600.0)  # seconds a SIM stays aside after refusals in a row
REFUSALS_BEFORE_ASIDE = 3
RECOVERIES_BEFORE_RADIO, RECOVERIES_BEFORE_RESET = 3, 6  # in a row, before the radio and then the modem are restarted


class Others(Protocol):
    """What a worker knows of the other modems."""

    def views(self) -> list[ModemView]:
        """A snapshot of every modem."""
        ...

    def prefixes(self) -> tuple[str, ...]:
        """Every configured prefix."""
        ...

    def planned(self) -> None:
        """Attempts were planned or became ready: wake whoever can take them, re-arm the scheduler."""
        ...


class WithdrawnError(Exception):
    """The message was withdrawn or expired between the claim and the PDU."""


@dataclass(slots=True)
class Counts:
    """Since the start."""

    sent: int = 0
    failed: int = 0
    last_error: str | None = None


@dataclass(slots=True)
class _Outcome:
    """The result of one submit, not yet stored."""

    attempt: ClaimedAttempt
    reference: int | None = None
    refusal: Refusal | None = None
    uncertain: str | None = None
    handed_back: bool = False


class Sender:
    """The sending half of one worker; used on its thread, but for `urgent` and `paused`, which others may set."""

    def __init__(
        self,
        store: Store,
        others: Others,
        sink: ModemInbox,
        clock: Clock,
        retries: RetryPolicy,
        view: Callable[[], ModemView],
    ) -> None:
        self._store, self._others, self._sink, self._clock = store, others, sink, clock
        self._retries, self._view = retries, view
        self.counts = Counts()
        self.urgent = Lane.BULK
        """The most urgent lane that something was stored for since the last claim."""
        self.paused = False
        self.aside_until = 0.0
        """Boot-clock seconds until which the network's refusals keep this SIM aside."""
        self._ahead: ClaimedAttempt | None = None
        self._unstored: _Outcome | None = None
        self._refusals = self._recoveries = self._asides = 0

    @property
    def aside(self) -> bool:
        """Whether the network refused this SIM so often that it rests."""
        return self._clock.boot() < self.aside_until

    def forgive(self) -> None:
        """Forget why the SIM was set aside."""
        self.aside_until, self._refusals, self._asides = 0.0, 0, 0

    # -- claiming -----------------------------------------------------------------------------------------------------

    def take(self) -> ClaimedAttempt | None:
        """The part that goes next; the one claimed ahead, unless something more urgent came since."""
        ahead, self._ahead = self._ahead, None
        urgent, self.urgent = self.urgent, Lane.BULK
        if ahead is not None:
            if urgent >= ahead.lane and self._may_send():
                return ahead
            self._store.outbox.release(ahead.id, self._clock.now())  # it keeps its place
        return self._claim() if self._may_send() else None

    def hand_back(self) -> None:
        """Store what is not stored yet, and give back what is only claimed."""
        self.store_outcome()
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            self._store.outbox.release(ahead.id, self._clock.now())
            self._others.planned()

    @property
    def has_more(self) -> bool:
        """Whether the next part is claimed already: a backlog."""
        return self._ahead is not None

    def _may_send(self) -> bool:
        return not (self.paused or self.aside)

    def _claim(self) -> ClaimedAttempt | None:
        view, imsi = self._view(), self._sink.imsi
        routes = routes_for(view.name, self._others.views(), self._others.prefixes())
        slot = Slot(view.name, imsi, (f"sim:{imsi}", f"modem:{view.name}", *routes), view.reports)
        return self._store.outbox.claim(slot, self._clock.now(), otp_only=view.reserve_for_otp)

    # -- one submit ---------------------------------------------------------------------------------------------------

    def send(self, modem: Modem, attempt: ClaimedAttempt) -> None:
        """Hand one part to the modem. Its outcome is stored by the next AT+CMGS, or by `store_outcome`.

        Raises CommandTimeout, ConnectionLost and NotReady, after which the outcome is kept for `store_outcome` too.
        """
        hooks = _Hooks(self, attempt)
        outcome = _Outcome(attempt)
        try:
            outcome.reference = modem.submit(submit_pdu(attempt, self._clock.boot()), hooks)
        except WithdrawnError:
            outcome.handed_back = True
        except CommandRejected as error:
            outcome.refusal = refusal_of(error, modem.classify(error))
            if hooks.begun and outcome.refusal.error_class == "uncertain":
                outcome.uncertain = outcome.refusal.result
        except SubmitUncertain as error:
            outcome.uncertain = error.reason
        except CommandTimeout as error:
            self._keep(replace(outcome, refusal=Refusal("recover", str(error))))
            raise
        except (ConnectionLost, NotReady):
            self._keep(replace(outcome, handed_back=True))
            raise
        self._keep(outcome)
        if outcome.uncertain is not None:
            self._settle(modem, attempt)
        elif outcome.refusal is not None:
            self.store_outcome()  # at once: it may say that this SIM must rest
            if outcome.refusal.error_class == "recover":
                self._recover(modem)
        else:
            self._recoveries = 0

    def _keep(self, outcome: _Outcome) -> None:
        self.store_outcome()  # the one before, where this command was refused before its hook ran
        self._unstored = outcome

    def _settle(self, modem: Modem, attempt: ClaimedAttempt) -> None:
        """After an unknown outcome: store it, then see what the modem still has to say about it."""
        self.store_outcome()
        late = modem.resynchronise()
        if late is not None:
            refusal = refusal_of(late.error, modem.classify(late.error)) if late.error is not None else None
            self._store.outbox.settle_late(attempt.id, late.reference, refusal, self._clock.now())
            self._others.planned()

    def _recover(self, modem: Modem) -> None:
        """The modem needs help before it can send: the ladder again, which also empties its storage; then harder."""
        self._recoveries += 1
        if self._recoveries >= RECOVERIES_BEFORE_RESET:
            self._recoveries = 0
            modem.restart(RestartLevel.DEVICE)
        elif self._recoveries >= RECOVERIES_BEFORE_RADIO:
            modem.restart(RestartLevel.RADIO)
        modem.bring_up()

    def begin(self, attempt: ClaimedAttempt) -> None:
        """The durable mark before the PDU's first octet; raises WithdrawnError where the part may no longer go."""
        if not self._store.outbox.begin(attempt.id, self._clock.now()):
            raise WithdrawnError
        if attempt.lane is Lane.OTP:
            self._others.planned()  # its hedge is due some time

    def claim_ahead(self) -> None:
        """The PDU is with the modem: claim the part that goes next."""
        if self._ahead is None and self._may_send():
            self.urgent = Lane.BULK
            self._ahead = self._claim()

    # -- outcomes -----------------------------------------------------------------------------------------------------

    def store_outcome(self) -> None:
        """Commit what the last submit came to, if that is not done yet."""
        outcome, self._unstored = self._unstored, None
        if outcome is None:
            return
        outbox, now, attempt = self._store.outbox, self._clock.now(), outcome.attempt
        if outcome.handed_back:
            outbox.release(attempt.id, now)
        elif outcome.uncertain is not None:
            outbox.unknown(attempt.id, now, outcome.uncertain)
            self.counts.last_error = f"outcome unknown: {outcome.uncertain}"
            self._others.planned()
        elif outcome.refusal is not None and outcome.refusal.error_class != "accepted":
            self._store_refusal(attempt, outcome.refusal)
        else:
            outbox.accepted(attempt.id, outcome.reference, now, f"+CMGS: {outcome.reference}")
            self._refusals = self._asides = 0
            self.counts.sent += 1
            if attempt.lane is Lane.OTP or attempt.parts > 1:
                self._others.planned()

    def _store_refusal(self, attempt: ClaimedAttempt, refusal: Refusal) -> None:
        now, name = self._clock.now(), self._view().name
        self.counts.failed += 1
        self.counts.last_error = refusal.result
        self._count_refusal(refusal)
        others = others_usable(name, attempt.to, self._others.views())
        verdict = decide(refusal, attempt, self._retries, others_usable=others)
        self._store.outbox.refused(attempt.id, refusal, verdict, now)
        log.info("refused message=%s part=%d modem=%s %s", attempt.message_id, attempt.part, name, refusal.result)
        self._others.planned()

    def _count_refusal(self, refusal: Refusal) -> None:
        if refusal.error_class != "other_modem":
            return
        self._refusals += 1
        if self._refusals < REFUSALS_BEFORE_ASIDE:
            return
        wait = ASIDE_WAITS[min(self._asides, len(ASIDE_WAITS) - 1)]
        self._refusals, self._asides = 0, self._asides + 1
        self.aside_until = self._clock.boot() + wait
        log.warning("modem %s rests for %g s: %s", self._view().name, wait, refusal.result)


class _Hooks:
    """What the sender does at the moments of a CMGS transaction."""

    def __init__(self, sender: Sender, attempt: ClaimedAttempt) -> None:
        self._sender, self._attempt = sender, attempt
        self.begun = False

    def awaiting_prompt(self) -> None:
        self._sender.store_outcome()

    def before_pdu(self) -> None:
        self._sender.begin(self._attempt)
        self.begun = True

    def on_air(self) -> None:
        self._sender.claim_ahead()

    def news(self) -> None:
        """Reports inside the transaction are handed to the inbox by the modem itself."""
