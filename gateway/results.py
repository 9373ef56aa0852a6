"""What the submits of one modem came to: held until the store has it, counted, and what refusals in a row lead to."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from gateway.allowance import Allowance
from gateway.care import Care
from gateway.directory import SECONDS_PER_PART, ModemView, others_usable
from gateway.messages import ClaimedAttempt, Lane, Refusal
from gateway.others import ACCEPTED, REFUSED, UNKNOWN, Others
from gateway.retry import RetryPolicy, decide
from gateway.store import LATE, StaleAttempt, Store
from hardware.clock import Clock

log = logging.getLogger("simwire.sending")

ASIDE_WAITS = (60.0, 120.0, 300.0, 600.0)  # seconds a SIM stays aside after refusals in a row
REFUSALS_BEFORE_ASIDE = 3
NEWEST_WEIGHS = 0.2  # share by which a submit moves the average of how long one takes


@dataclass(slots=True)
class Counts:
    """Since the start."""

    sent: int = 0
    failed: int = 0
    last_error: str | None = None
    seconds_per_part: float = SECONDS_PER_PART
    """Moving average over the submits that were accepted."""

    def took(self, seconds: float) -> None:
        """A part was handed over within that time."""
        self.seconds_per_part += NEWEST_WEIGHS * (seconds - self.seconds_per_part)


@dataclass(slots=True)
class Outcome:
    """What one submit came to, not yet stored."""

    attempt: ClaimedAttempt
    reference: int | None = None
    refusal: Refusal | None = None
    uncertain: str | None = None
    handed_back: bool = False
    late: bool = False
    """The answer came after the submit had been given up."""


class Results:
    """The outcomes of one worker, in order; used on its thread only. A store that fails for a while loses none."""

    def __init__(
        self,
        store: Store,
        others: Others,
        clock: Clock,
        retries: RetryPolicy,
        view: Callable[[], ModemView],
        allowance: Allowance,
        care: Care,
    ) -> None:
        self._store, self._others, self._clock, self.retries = store, others, clock, retries
        self._view, self._allowance, self._care = view, allowance, care
        self.counts = Counts()
        self.aside_until = 0.0
        """Boot-clock seconds until which the network's refusals keep this SIM aside."""
        self._waiting: deque[Outcome] = deque()
        self._refused_to: deque[str] = deque(maxlen=REFUSALS_BEFORE_ASIDE)
        self._asides = 0

    def carry_on(self, other: Results) -> None:
        """Go on where those of another worker of the same modem were, whose thread takes part no more."""
        self.counts, self.aside_until = other.counts, other.aside_until
        self._waiting = deque(other._waiting)  # a copy: that thread may still add what it takes for handed back
        self._refused_to, self._asides = other._refused_to.copy(), other._asides

    @property
    def unstored(self) -> bool:
        """Whether the store has yet to take some."""
        return bool(self._waiting)

    def add(self, outcome: Outcome) -> None:
        """Hold what a submit came to; it may change until `store`."""
        self._waiting.append(outcome)

    @property
    def aside(self) -> bool:
        """Whether the network refused this SIM so often that it rests."""
        return self.rests_for > 0

    @property
    def rests_for(self) -> float:
        """Seconds for which it still does; 0 where it does not."""
        return max(0.0, self.aside_until - self._clock.boot())

    def card_changed(self) -> None:
        """What the network refused was another SIM's."""
        self.aside_until, self._asides = 0.0, 0
        self._refused_to.clear()

    def store(self) -> bool:
        """Commit everything; whether there was anything. Raises StoreError, and keeps what is left.

        What the store has no place for, as its rows are damaged or gone, ends as it would at a start: it must not keep
        all that comes after it waiting, nor stay open for ever.
        """
        anything = self.unstored
        while self._waiting:
            outcome, attempt = self._waiting[0], self._waiting[0].attempt
            try:
                self._commit(outcome)
            except (StaleAttempt, LookupError, TypeError, ValueError):
                told = "modem %s: what became of part %d of message %s cannot be stored"
                log.exception(told, self._view().name, attempt.part, attempt.message_id)
                self._store.outbox.lose(attempt.id, self._clock.now())
            self._waiting.popleft()
            if outcome.handed_back or outcome.refusal is not None:
                self._others.planned()
            elif outcome.uncertain is not None or attempt.lane is Lane.OTP:
                self._others.upcoming()  # a resend, or another copy where nothing is heard of this one
        return anything

    def _commit(self, outcome: Outcome) -> None:
        outbox, now, attempt = self._store.outbox, self._clock.now(), outcome.attempt
        refusal = outcome.refusal
        if outcome.handed_back:
            outbox.release(attempt.id, now)
            return
        if outcome.uncertain is not None:
            outbox.unknown(attempt.id, now, outcome.uncertain)
            self.counts.last_error = f"outcome unknown: {outcome.uncertain}"
            came_to = UNKNOWN
        elif refusal is not None and refusal.error_class != "accepted":
            self._store_refusal(attempt, refusal)
            came_to = REFUSED
        else:
            result = refusal.result if refusal is not None else f"+CMGS: {outcome.reference}"
            result = f"{result} ({LATE})" if outcome.late else result
            outbox.accepted(attempt.id, outcome.reference, now, result)
            self._asides = 0
            self._refused_to.clear()
            self._care.accepted()
            self.counts.sent += 1
            came_to = ACCEPTED
        self._others.witness.ended(self._view().name, came_to, refusal)

    def _store_refusal(self, attempt: ClaimedAttempt, refusal: Refusal) -> None:
        now, name = self._clock.now(), self._view().name
        others = others_usable(name, attempt.home, attempt.lane, self._others.views())
        verdict = decide(refusal, attempt, self.retries, others_usable=others)
        self._store.outbox.refused(attempt.id, refusal, verdict, now)
        self._allowance.refused(attempt)
        self.counts.failed += 1
        self.counts.last_error = refusal.result
        self._count_refusal(refusal, attempt.to)
        log.info("refused message=%s part=%d modem=%s %s", attempt.message_id, attempt.part, name, refusal.result)

    def _count_refusal(self, refusal: Refusal, to: str) -> None:
        """Let the SIM rest after some in a row; those to one number alone say nothing of the SIM."""
        self._care.refused(refusal)
        doubted = self._care.doubts_centre
        if refusal.error_class != "other_modem" and not doubted:
            return
        self._refused_to.append(to)
        in_a_row, numbers = len(self._refused_to), len(set(self._refused_to))
        if (in_a_row < REFUSALS_BEFORE_ASIDE or numbers == 1) and not doubted:
            return
        wait = ASIDE_WAITS[min(self._asides, len(ASIDE_WAITS) - 1)]
        self._refused_to.clear()
        self._asides += 1
        self.aside_until = self._clock.boot() + wait
        log.warning("modem %s rests for %g s: %s", self._view().name, wait, refusal.result)
