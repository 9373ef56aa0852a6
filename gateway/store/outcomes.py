"""The back half of an attempt's life: accepted, refused, or of unknown outcome."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable

from gateway.messages import POSSIBLE_DUPLICATES, AttemptKind, AttemptState, MessageState, Reason, Refusal
from gateway.retry import GiveUp, Retry
from gateway.store.case import Case
from gateway.store.common import boot_ms, ms, wall_ms
from gateway.store.errors import SENSELESS, StaleAttempt, StoreError
from gateway.store.ledger import Event, reports_until
from gateway.store.matching import Matching
from gateway.store.states import MAYBE_LEFT, UNLEFT
from hardware.clock import Instant

log = logging.getLogger("simwire.store")

_OPEN = (AttemptState.CLAIMED, AttemptState.SUBMITTING)
_TAKEN = (AttemptState.ACCEPTED, AttemptState.DELIVERED, AttemptState.UNDELIVERED)
DAMAGE = (StoreError, sqlite3.Error, *SENSELESS)
DAMAGED = "its stored row is damaged"
AVOIDED_FOR = 10.0  # seconds for which the modem that refused leaves a part to another one

_IN_HAND = (
    "SELECT id, message, modem FROM attempts WHERE state = 'claimed'",
    "SELECT id, message, modem FROM attempts WHERE state = 'submitting'",
)


class Outcomes(Matching):
    """What came of a submit."""

    def accepted(self, attempt_id: int, mr: int | None, now: Instant, result: str) -> None:
        """+CMGS came: the attempt owns its TP-MR. Reports that came before this are looked at again."""
        with self._database.mark() as cx:
            case = self._case(cx, attempt_id)
            state = case.attempt(attempt_id)["state"]
            if state in _TAKEN:
                return
            if state not in (*_OPEN, AttemptState.UNKNOWN):
                raise StaleAttempt(f"attempt {attempt_id} is {state}: it cannot have been accepted")
            self._accept(case, attempt_id, mr, now, result)

    def refused(self, attempt_id: int, refusal: Refusal, verdict: Retry | GiveUp, now: Instant) -> None:
        """The modem or the network refused it; `verdict` says what follows. A withdrawn one stays so."""
        with self._database.mark() as cx:
            case = self._case(cx, attempt_id)
            if case.attempt(attempt_id)["state"] in _OPEN:
                self._refuse(case, attempt_id, refusal, verdict, now)

    def unknown(self, attempt_id: int, now: Instant, reason: str) -> None:
        """It may or may not have been accepted; the message's policy decides whether it is sent again."""
        with self._database.mark() as cx:
            case = self._case(cx, attempt_id)
            if case.attempt(attempt_id)["state"] in _OPEN:
                self._lost_sight(case, attempt_id, now, reason)

    def recover(self, now: Instant, modem: str | None = None) -> tuple[int, int]:
        """After a start: claimed parts are ready again, begun ones are of unknown outcome. Returns how many of each.

        With `modem` only those of that modem, whose worker was given up. A message that cannot be dealt with is ended,
        and keeps neither the others nor the start waiting.
        """
        why = f"modem {modem} was given up" if modem else "the gateway ended"
        with self._database.mark() as cx:
            # Not in order of id: that would walk the whole table rather than the few that are in hand.
            claimed, begun = (
                [row for row in cx.execute(rows).fetchall() if modem in (None, row["modem"])] for rows in _IN_HAND
            )
            for row in (*begun, *claimed):
                self._recover_alone(cx, row, now, f"{why} before the modem answered")
        return len(claimed), len(begun)

    def lose(self, attempt_id: int, now: Instant) -> None:
        """What became of a part cannot be stored, as its message makes no sense: deal with it as after a start."""
        with self._database.mark() as cx:
            query = "SELECT id, message FROM attempts WHERE id = ? AND state IN ('claimed', 'submitting')"
            for row in cx.execute(query, (attempt_id,)).fetchall():
                self._recover_alone(cx, row, now, "what became of it could not be stored")

    # -- inside -------------------------------------------------------------------------------------------------------

    def _recover_alone(self, cx: sqlite3.Connection, row: sqlite3.Row, now: Instant, why: str) -> None:
        try:
            with self._database.alone():
                self._recover(cx, row["id"], now, why)
        except DAMAGE as error:
            if not cx.in_transaction:
                raise  # a full disk, say: there is nothing left to go on with
            self._end_damaged(cx, row["message"], now, error)

    def _recover(self, cx: sqlite3.Connection, attempt_id: int, now: Instant, why: str) -> None:
        case = self._case(cx, attempt_id)
        state = case.attempt(attempt_id)["state"]
        if state == AttemptState.SUBMITTING:
            self._lost_sight(case, attempt_id, now, why)
        elif state == AttemptState.CLAIMED:  # else what was begun has withdrawn it
            self._hand_back(case, attempt_id, now)

    def _end_senseless(self, attempt_id: int, now: Instant, error: Exception) -> None:
        """End the message of a part that cannot be dealt with, so that it keeps none behind it waiting."""
        with self._database.mark() as cx:
            (seq,) = cx.execute("SELECT message FROM attempts WHERE id = ?", (attempt_id,)).fetchone()
            self._end_damaged(cx, seq, now, error)

    def _end_damaged(self, cx: sqlite3.Connection, seq: int, now: Instant, error: Exception) -> None:
        """End a message whose row makes no sense, by what its attempts alone say: it may have left, or it has not."""
        marks = ", ".join(f"'{state.value}'" for state in sorted(MAYBE_LEFT))
        left = f"SELECT 1 FROM attempts WHERE message = ? AND state IN ({marks})"  # noqa: S608 - states are ours
        state, reason = (
            (MessageState.UNKNOWN, Reason.UNKNOWN_OUTCOME)
            if cx.execute(left, (seq,)).fetchone() is not None
            else (MessageState.FAILED, Reason.REFUSED)
        )
        log.error(
            *("message number %d ends as %s: its stored row is damaged (%s)", seq, state, type(error).__name__),
            exc_info=error,
        )
        cx.execute(
            "UPDATE attempts SET due_boot = NULL, result = :why, result_at = :at,"
            " state = CASE state WHEN 'submitting' THEN 'unknown' ELSE 'withdrawn' END"
            " WHERE message = :seq AND state IN ('ready', 'waiting', 'claimed', 'submitting')",
            {"seq": seq, "why": DAMAGED, "at": wall_ms(now)},
        )
        values = {"seq": seq, "state": state, "reason": reason, "at": wall_ms(now), "why": DAMAGED}
        cx.execute("UPDATE messages SET state = :state, reason = :reason, final = 1 WHERE seq = :seq", values)
        cx.execute(
            "INSERT INTO timeline (message, at, state, reason, result) VALUES (:seq, :at, :state, :reason, :why)",
            values,
        )
        try:
            with self._database.alone():
                self._ledger.tell(Case(cx, seq), now, Event(DAMAGED))
        except DAMAGE:
            log.error("message number %d: nobody could be told that it ended", seq)

    def _accept(self, case: Case, attempt_id: int, mr: int | None, now: Instant, result: str) -> None:
        attempt = case.attempt(attempt_id)
        case.change(
            [attempt_id],
            state=AttemptState.ACCEPTED,
            mr=mr,
            result=result,
            result_at=wall_ms(now),
            submitted_at=attempt["submitted_at"] or wall_ms(now),
            submitted_boot=attempt["submitted_boot"] or boot_ms(now),
        )
        if case.message["sent_at"] is None:
            case.set(modem=attempt["modem"])
        self._regroup(case, attempt["generation"])
        self._ledger.settle(case, now, Event(result, attempt["modem"], attempt_id, attempt["part"], always=True))
        if case.message["sent_at"] is not None and not case.message["final"]:
            case.set(check_boot=max(case.message["check_boot"], reports_until(case, now)))
        if mr is not None:
            self._match_again(case.cx, now, imsi=attempt["imsi"], mr=mr)

    def _refuse(self, case: Case, attempt_id: int, refusal: Refusal, verdict: Retry | GiveUp, now: Instant) -> None:
        attempt = case.attempt(attempt_id)
        self._note_refusal(case, attempt_id, refusal, now)
        if attempt["state"] == AttemptState.CLAIMED:
            case.set(attempts=case.message["attempts"] + 1)
        event = Event(refusal.result, attempt["modem"], attempt_id, attempt["part"], always=True)
        if not self._needed(case, attempt):
            pass  # another attempt of this part is under way or was accepted: it decides
        elif isinstance(verdict, GiveUp):
            event.refusal = verdict.reason
        elif case.message["withdrawn"] is None:
            self._plan_retry(case, attempt, verdict, now)
        self._regroup(case, attempt["generation"])
        self._ledger.settle(case, now, event)
        self._tell_ready(case, attempt["generation"])

    def _note_refusal(self, case: Case, attempt_id: int, refusal: Refusal, now: Instant) -> None:
        case.change(
            [attempt_id],
            state=AttemptState.REFUSED,
            result=refusal.result,
            code=refusal.code,
            result_at=wall_ms(now),
        )

    def _needed(self, case: Case, attempt: sqlite3.Row) -> bool:
        """Whether a refused or lost part must be planned again: nothing else carries it, or has carried it."""
        for row in case.attempts:
            same_part = case.parts == 1 or (
                row["part"] == attempt["part"] and row["generation"] == attempt["generation"]
            )
            if not same_part or row["id"] == attempt["id"]:
                continue
            if row["state"] in (AttemptState.ACCEPTED, AttemptState.DELIVERED, AttemptState.SUBMITTING) or (
                row["state"] in UNLEFT
            ):
                return False
        return True

    def _plan_retry(self, case: Case, attempt: sqlite3.Row, verdict: Retry, now: Instant) -> None:
        kind = self._kind_of_retry(case, attempt)
        bound = case.bound_to(attempt["generation"])
        due = now.after(verdict.delay)
        plan: dict[str, object] = {"state": AttemptState.READY}
        if verdict.delay > 0:
            plan = {"state": AttemptState.WAITING, "due_boot": boot_ms(due), "due_at": wall_ms(due)}
        elif verdict.where == "other" and bound is None:
            plan |= {"avoid": attempt["modem"], "due_boot": boot_ms(now) + ms(AVOIDED_FOR)}
        case.insert(
            attempt,
            kind=kind,
            number=attempt["number"] + 1,
            step=verdict.step,
            hopped=int(verdict.hopped),
            without=stored_options(options(attempt["without"]) | verdict.without),
            **plan,
        )
        case.reload()
        self._hold_back(case, attempt, plan)

    def _hold_back(self, case: Case, attempt: sqlite3.Row, plan: dict[str, object]) -> None:
        """Later parts wait with the one before them. What a worker holds is replaced: its claim must not succeed."""
        for row in case.attempts:
            if row["generation"] != attempt["generation"] or row["part"] <= attempt["part"]:
                continue
            if row["state"] == AttemptState.CLAIMED:
                case.change([row["id"]], state=AttemptState.WITHDRAWN)
                case.insert(row, **plan)
                case.reload()
            elif row["state"] == AttemptState.READY:
                case.change([row["id"]], **plan)

    @staticmethod
    def _kind_of_retry(case: Case, attempt: sqlite3.Row) -> AttemptKind:
        """A retry is a plain one only where nothing of this part, in any sending, may have left."""
        if attempt["kind"] in POSSIBLE_DUPLICATES:
            return AttemptKind(attempt["kind"])
        copies = [row for row in case.attempts if row["part"] == attempt["part"] and row["id"] != attempt["id"]]
        return AttemptKind.RESEND if any(row["state"] in MAYBE_LEFT for row in copies) else AttemptKind.RETRY

    def _lost_sight(self, case: Case, attempt_id: int, now: Instant, reason: str) -> None:
        """Record an unknown outcome, let a report that is here already settle it, and follow the message's policy."""
        attempt = case.attempt(attempt_id)
        case.change(
            [attempt_id],
            state=AttemptState.UNKNOWN,
            result=reason,
            result_at=wall_ms(now),
            submitted_at=attempt["submitted_at"] or wall_ms(now),
            submitted_boot=attempt["submitted_boot"] or boot_ms(now),
        )
        event = Event(f"outcome unknown: {reason}", attempt["modem"], attempt_id, attempt["part"], always=True)
        self._plan_resend(case, attempt, now)
        self._regroup(case, attempt["generation"])
        self._ledger.settle(case, now, event)
        self._match_again(case.cx, now, imsi=attempt["imsi"])

    def _plan_resend(self, case: Case, attempt: sqlite3.Row, now: Instant) -> None:
        if case.message["on_unknown"] != "resend" or not case.sendable(now) or not self._needed(case, attempt):
            return
        before = sum(
            1
            for row in case.attempts
            if row["part"] == attempt["part"] and row["kind"] == AttemptKind.RESEND and row["state"] in MAYBE_LEFT
        )
        if before >= len(self._settings.resend_waits):
            return
        due = now.after(self._settings.resend_waits[before])
        case.insert(
            attempt,
            kind=AttemptKind.RESEND,
            number=attempt["number"] + 1,
            state=AttemptState.WAITING,
            due_boot=boot_ms(due),
            due_at=wall_ms(due),
        )
        case.reload()

    def _hand_back(self, case: Case, attempt_id: int, now: Instant) -> None:
        attempt = case.attempt(attempt_id)
        case.change([attempt_id], state=AttemptState.READY, modem=None, imsi=None, claimed_at=None)
        self._regroup(case, attempt["generation"])
        self._ledger.settle(case, now, Event(modem=attempt["modem"], attempt=attempt_id, part=attempt["part"]))
        self._tell_ready(case, attempt["generation"])


def options(stored: str) -> frozenset[str]:
    """Options that an attempt goes without, as stored."""
    return frozenset(stored.split(",")) if stored else frozenset()


def stored_options(names: Iterable[str]) -> str:
    """The inverse of `options`, in a stable order."""
    return ",".join(sorted(names))
