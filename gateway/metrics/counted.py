"""What is counted as it happens, and the doors through which the gateway counts. Safe from any thread."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec

from prometheus_client import CollectorRegistry, Counter

from gateway.messages import AttemptKind, ClaimedAttempt, Json, Lane, MessageState, Reason, Refusal
from gateway.metrics.catalogue import counter, histogram
from gateway.metrics.countries import Countries
from gateway.objective import OBJECTIVES, Objectives
from gateway.others import RESULTS, Witness
from gateway.recovery import NEW_THREAD, Step
from gateway.store import CheckResult, Store
from hardware.at.results import CME_MEANINGS, CMS_MEANINGS
from hardware.clock import Clock

P = ParamSpec("P")
log = logging.getLogger("simwire.metrics")

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SENDING = {"send_messages": "message", "start_otp": "code", "resend_otp": "resend"}
"""The operations that send, and how they are called here."""
_CODES = {"cms": CMS_MEANINGS, "cme": CME_MEANINGS}
_NO_REASON = "none"
_ALARMING = {
    MessageState.EXPIRED: (
        *(Reason.EXPIRED_IN_QUEUE, Reason.EXPIRED_PARTLY_SENT, Reason.EXPIRED_UNCONFIRMED, Reason.EXPIRED_BY_NETWORK),
    ),
    MessageState.FAILED: (Reason.REFUSED, Reason.NO_ATTEMPT_LEFT),
    MessageState.UNKNOWN: (Reason.UNKNOWN_OUTCOME,),
}
"""Ends that somebody may want to hear of with the first one."""


def _harmless(count: Callable[P, None]) -> Callable[P, None]:
    """What cannot be counted goes all the same: some of it is on the air meanwhile."""

    @wraps(count)
    def counted(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            count(*args, **kwargs)
        except Exception:
            log.exception("a defect of the program: something was not counted")

    return counted


class Counted(Witness):
    """Counts and measures. Where a label's values come from outside, a series is made when it is first needed."""

    def __init__(self, registry: CollectorRegistry, store: Store, clock: Clock) -> None:
        self._accepted = counter("simwire_accepted_total", registry)
        self._accepting = histogram("simwire_accept_seconds", registry)
        self._moves = counter("simwire_messages_total", registry)
        self._ended = counter("simwire_messages_ended_total", registry)
        self._refusals = counter("simwire_refusals_total", registry)
        self._checks = counter("simwire_checks_total", registry)
        self._requests = counter("simwire_http_requests_total", registry)
        self._claims = histogram("simwire_claim_seconds", registry)
        self._submits = histogram("simwire_submit_seconds", registry)
        self._deliveries = histogram("simwire_delivery_seconds", registry)
        self._attempts = counter("simwire_attempts_total", registry)
        self._results = counter("simwire_attempt_results_total", registry)
        self._duplicates = counter("simwire_possible_duplicates_total", registry)
        self._errors = counter("simwire_submit_errors_total", registry)
        self._received = counter("simwire_inbox_received_total", registry)
        self._recoveries = counter("simwire_modem_recoveries_total", registry)
        self._codes = histogram("simwire_code_delivery_seconds", registry)
        self._judged = counter("simwire_objective_codes_total", registry)
        self._countries = Countries()
        self._answers: dict[tuple[str, str | None, int], Counter] = {}
        """Of `_requests`, by method, operation and status: looked up for every request."""
        self.objectives = Objectives(clock, self._codes.observe, self._judge)
        self._listen(store)

    def _listen(self, store: Store) -> None:
        store.events.listeners += (self.objectives.happened, self._happened)
        store.outbox.on_code = self.objectives.accepted
        accepted = {lane: self._accepted.labels(lane_name(lane)) for lane in Lane}
        store.outbox.on_accepted = lambda lane, count: accepted[lane].inc(count)
        store.outbox.on_delivered = self._delivered

    # -- requests -----------------------------------------------------------------------------------------------------

    def answered(self, method: str, operation: str | None, status: int, seconds: float) -> None:
        """A request was answered after so long; no operation: nothing has that path or method."""
        method = method if method in _METHODS else "other"
        answers = self._answers.get((method, operation, status))
        if answers is None:
            answers = self._requests.labels(method, operation or "none", str(status))
            self._answers[method, operation, status] = answers
        answers.inc()
        if (kind := _SENDING.get(operation or "")) is not None:
            result = "accepted" if status < 400 else "refused" if status < 500 else "failed"
            self._accepting.labels(kind, result).observe(seconds)

    def refused(self, code: str) -> None:
        """A request was answered with a problem of that stable code."""
        self._refusals.labels(code).inc()

    def checked(self, result: CheckResult) -> None:
        """A code was checked."""
        self._checks.labels(result.value).inc()

    # -- modems -------------------------------------------------------------------------------------------------------

    @_harmless
    def claimed(self, modem: str, attempt: ClaimedAttempt) -> None:
        """See `Witness`."""
        if attempt.waited is not None:
            self._claims.labels(modem, self._countries.label(attempt.country)).observe(attempt.waited)

    @_harmless
    def begun(self, modem: str, attempt: ClaimedAttempt) -> None:
        """See `Witness`."""
        self._attempts.labels(modem, attempt.kind.value).inc()
        if attempt.possible_duplicate:
            self._duplicates.labels(modem).inc()

    @_harmless
    def submitted(self, modem: str, attempt: ClaimedAttempt, seconds: float) -> None:
        """See `Witness`."""
        self._submits.labels(modem, self._countries.label(attempt.country)).observe(seconds)

    @_harmless
    def ended(self, modem: str, result: str, refusal: Refusal | None) -> None:
        """See `Witness`."""
        self._results.labels(modem, result).inc()
        if refusal is not None:
            self._errors.labels(modem, refusal.error_class, *error_of(refusal)).inc()

    @_harmless
    def recovering(self, modem: str, step: str) -> None:
        """A step was taken to bring a modem back."""
        self._recoveries.labels(modem, step).inc()

    # -- the store ----------------------------------------------------------------------------------------------------

    def _delivered(self, modem: str, country: str | None, seconds: float) -> None:
        self._deliveries.labels(modem, self._countries.label(country)).observe(seconds)

    def _happened(self, kind: str, body: Json) -> None:
        group, _, state = kind.partition(".")
        if group == "message":
            self._moves.labels(state, body["priority"]).inc()
            if body["final"]:
                self._ended.labels(state, body["reason"] or _NO_REASON, body["priority"]).inc()
        elif kind == "inbox.received":
            self._received.labels(body["modem"]).inc()

    def _judge(self, objective: str, good: bool) -> None:
        self._judged.labels(objective, "good" if good else "bad").inc()

    def begin_at_zero(self, modems: Iterable[str]) -> None:
        """A counter that appears only with its first event hides that event from `rate()`."""
        for lane in map(lane_name, Lane):
            self._accepted.labels(lane)
            for state in MessageState:
                self._moves.labels(state.value, lane)
            for state, reasons in _ALARMING.items():
                for reason in reasons:
                    self._ended.labels(state.value, reason.value, lane)
        for result in CheckResult:
            self._checks.labels(result.value)
        for objective in OBJECTIVES:
            for verdict in ("good", "bad"):
                self._judged.labels(objective.name, verdict)
        for modem in modems:
            self._duplicates.labels(modem)
            self._received.labels(modem)
            for family, values in (
                (self._recoveries, (*Step, NEW_THREAD)),
                (self._attempts, AttemptKind),
                (self._results, RESULTS),
            ):
                for value in values:
                    family.labels(modem, str(value))


def lane_name(lane: Lane) -> str:
    """As lanes are called outside."""
    return lane.name.lower()


def error_of(refusal: Refusal) -> tuple[str, str]:
    """Whose error it is (`cms`, `cme`, `none`) and its code: `vendor` for those that no standard has."""
    family = refusal.result[1:4].lower() if refusal.result[:5] in ("+CMS ", "+CME ") else "none"
    if family == "none" or refusal.code is None:
        return family, "none"
    return family, str(refusal.code) if refusal.code in _CODES[family] else "vendor"
