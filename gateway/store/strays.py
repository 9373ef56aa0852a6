"""Answers that come when nobody waits for one: to which submit of unknown outcome they belong."""

from __future__ import annotations

import sqlite3

from gateway.messages import AttemptKind, AttemptState
from gateway.reports import WINDOW_LIMIT
from gateway.store.case import Case
from gateway.store.common import ms, wall_ms
from gateway.store.ledger import Event
from gateway.store.outcomes import Outcomes
from gateway.store.states import MAYBE_LEFT, UNLEFT
from hardware.clock import Instant

LATE = "late"  # in the timeline: the modem's answer came after the submit had been given up
_OF_SIM = "SELECT id, mr, state, report_status, submitted_at FROM attempts WHERE imsi = ? AND submitted_at > ?"
_REFERENCES = ", ".join(str(mr) for mr in range(256))  # each is one look into an index; a range would be a long walk


class Strays(Outcomes):
    """Settles late answers."""

    def settle_stray(self, imsi: str, mr: int, now: Instant) -> str | None:
        """A +CMGS came by a SIM while nobody waited for one; the message that this settles, None where that is open.

        It belongs to the one submit of that SIM whose outcome is unknown, if there is but one of late and no other of
        its submits stands against that. See `_owner_of_stray`.
        """
        with self._database.mark() as cx:
            found = self._owner_of_stray(cx, imsi, mr, now)
            if found is None:
                return None
            attempt_id, own, moved = found
            if moved is not None:
                self._rename(self._case(cx, moved), moved, mr, now)
            case = self._case(cx, attempt_id)
            self._accept(case, attempt_id, own, now, f"+CMGS: {own} ({LATE})")
            if moved is not None:
                self._match_again(cx, now, imsi=imsi, mr=mr)
            return str(case.message["id"])

    # -- inside -------------------------------------------------------------------------------------------------------

    def _owner_of_stray(
        self, cx: sqlite3.Connection, imsi: str, mr: int, now: Instant
    ) -> tuple[int, int, int | None] | None:
        """Whose a +CMGS is that answers nothing pending: the attempt, its TP-MR, and another that gets `mr` instead.

        A modem sends one message after the other and answers in that order. So of two submits and two answers the
        first belongs to the first: what was taken for the second's answer was the first's, where this one follows it.
        """
        since = wall_ms(now) - ms(WINDOW_LIMIT)
        lost = cx.execute(f"{_OF_SIM} AND state = 'unknown' AND mr IS NULL", (imsi, since)).fetchall()
        if not lost:
            return None
        after_it = (imsi, since, min(row["id"] for row in lost))
        refused = cx.execute(f"{_OF_SIM} AND state = 'refused' AND id > ?", after_it).fetchall()
        for row in refused:  # each may have been the lost one's, and this the answer to what was taken for refused
            self._doubt(cx, row["id"], now)
        if refused or len(lost) != 1:
            return None
        owning = cx.execute(f"{_OF_SIM} AND mr IN ({_REFERENCES})", (imsi, since)).fetchall()
        after = sorted((row for row in owning if row["id"] > lost[0]["id"]), key=lambda row: row["id"])
        if any(row["mr"] == mr for row in owning):
            return None  # said before
        if not after or after[0]["mr"] == (mr + 1) % 256:
            return lost[0]["id"], mr, None
        only = after[0]
        follows = mr == (only["mr"] + 1) % 256
        unreported = only["state"] == AttemptState.ACCEPTED and only["report_status"] is None
        return (lost[0]["id"], only["mr"], only["id"]) if len(after) == 1 and follows and unreported else None

    def _doubt(self, cx: sqlite3.Connection, attempt_id: int, now: Instant) -> None:
        """A submit that was taken for refused may have been accepted: what is planned of its part is a second copy."""
        case = self._case(cx, attempt_id)
        attempt = case.attempt(attempt_id)
        planned = [
            row["id"]
            for row in case.attempts
            if row["part"] == attempt["part"] and row["state"] in UNLEFT and row["kind"] == AttemptKind.RETRY
        ]
        case.change(planned, kind=AttemptKind.RESEND)
        again = any(
            row["part"] == attempt["part"] and row["id"] > attempt_id and row["state"] in MAYBE_LEFT
            for row in case.attempts
        )
        told = "the refusal may have been that of the message before"
        self._ledger.note(case, now, Event(told, attempt["modem"], attempt_id, attempt["part"], duplicate=again))

    def _rename(self, case: Case, attempt_id: int, mr: int, now: Instant) -> None:
        """An attempt has another reference than was thought."""
        attempt = case.attempt(attempt_id)
        case.change([attempt_id], mr=mr)
        told = f"+CMGS: {mr} (the one before belongs to another message)"
        self._ledger.note(case, now, Event(told, attempt["modem"], attempt_id, attempt["part"]))
