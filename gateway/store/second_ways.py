"""Codes get a second way: while a submit is silent, when nothing was heard of one, and when its SIM is gone."""

from __future__ import annotations

import json
import logging
import secrets
import sqlite3
from collections.abc import Callable, Sequence

from gateway.messages import AttemptKind, AttemptState, Lane, MessageState
from gateway.store.case import Case, Settings, Slot
from gateway.store.claims import Claims
from gateway.store.common import boot_ms, ms, wall_ms
from gateway.store.database import Database
from gateway.store.events import Events
from gateway.store.ledger import Event
from gateway.store.states import UNLEFT, sendings
from hardware.clock import Instant

log = logging.getLogger("simwire.store")

AT_ONCE = 200  # messages that one round plans for at most

_Action = Callable[[Case, sqlite3.Row], bool]
"""Does something to a message that a query found; tells whether it changed."""


class SecondWays(Claims):
    """Each rule does what is due at `now`, in short transactions, and returns how many messages it changed."""

    def __init__(self, database: Database, settings: Settings, events: Events) -> None:
        super().__init__(database, settings, events)
        self._unusable_since: dict[str, int] = {}

    def hedge_due(self, now: Instant, after: float, slots: Sequence[Slot]) -> int:
        """Open a second sending, over another SIM, of codes whose submit is pending for `after` seconds."""
        query = (
            "SELECT a.message, a.imsi FROM attempts AS a JOIN messages AS m ON m.seq = a.message"
            " WHERE a.state = 'submitting' AND m.lane = 0 AND a.submitted_boot <= ?"
            " AND NOT EXISTS (SELECT 1 FROM attempts"
            " WHERE message = a.message AND kind = 'hedge' AND state <> 'withdrawn')"
        )
        values = (boot_ms(now) - ms(after),)
        return self._for_each(query, values, lambda case, row: self._hedge(case, row["imsi"], now, slots))

    def unconfirmed_due(self, now: Instant, after: float, slots: Sequence[Slot]) -> int:
        """Send codes once more that were sent `after` seconds ago and of which nothing was heard, over a SIM that has
        given reports lately; see `_again`.
        """
        fit = self._giving_reports(slots, now)
        if not fit:
            return 0
        # Only what one of them may take: what nobody takes would stand before it, round after round.
        homes = [home for slot in fit for home in (*slot.queues, f"modem:{slot.modem}")]
        anything = any(not slot.queues for slot in fit)
        query = (
            "SELECT m.seq AS message FROM messages AS m JOIN challenges AS c ON c.id = m.challenge_id"
            " WHERE m.final = 0 AND m.lane = 0 AND m.state = 'sent' AND m.sent_boot <= :due"
            " AND c.state = 'pending' AND c.expires_boot > :now"
            " AND (m.home IN (SELECT value FROM json_each(:homes)) OR :anything AND m.home NOT LIKE 'modem:%')"
            " AND NOT EXISTS (SELECT 1 FROM attempts AS a"
            " WHERE a.message = m.seq AND "
            " (a.kind = 'unconfirmed' AND a.state <> 'withdrawn' OR a.report_status IS NOT NULL))"
        )
        due = {"due": boot_ms(now) - ms(after), "now": boot_ms(now)}
        values = {**due, "homes": json.dumps(homes), "anything": anything}
        return self._for_each(query, values, lambda case, _: self._unconfirmed(case, now, fit))

    def strand_due(self, now: Instant, slots: Sequence[Slot]) -> int:
        """Help what waits for a SIM that stays unusable: codes start again on another one, the unbound go anywhere."""
        query = "SELECT DISTINCT queue FROM attempts WHERE state = 'ready' AND queue >= 'sim:' AND queue < 'sim;'"
        with self._database.read() as cx:
            waiting = {row["queue"].removeprefix("sim:") for row in cx.execute(query)}
        gone = waiting - {slot.imsi for slot in slots}
        self._unusable_since = {imsi: self._unusable_since.get(imsi, boot_ms(now)) for imsi in gone}
        changed = 0
        for imsi, since in self._unusable_since.items():
            if boot_ms(now) - since >= ms(self._settings.strand_after):
                query = "SELECT DISTINCT message, queue FROM attempts WHERE state = 'ready' AND queue = ?"
                values = (f"sim:{imsi}",)
                changed += self._for_each(
                    query, values, lambda case, row: self._unstrand(case, row["queue"], now, slots)
                )
        return changed

    # -- inside -------------------------------------------------------------------------------------------------------

    def _for_each(self, query: str, values: object, action: _Action, most: int = AT_ONCE) -> int:
        """Look without a lock, act on each message in one transaction; returns how many were changed."""
        with self._database.read() as cx:
            rows = cx.execute(f"{query} LIMIT {most}", values).fetchall()  # type: ignore[arg-type]
        if not rows:
            return 0
        with self._database.mark() as cx:
            return sum(self._alone(cx, row, action) or False for row in rows)

    def _alone(self, cx: sqlite3.Connection, row: sqlite3.Row, action: _Action) -> bool | None:
        """Act on the message of a row inside a transaction; None where that failed, and then nothing of it is stored.

        A message that cannot be dealt with must not keep the others waiting.
        """
        try:
            with self._database.alone():
                return action(Case(cx, row["message"]), row)
        except Exception as error:
            if not cx.in_transaction:
                raise  # a full disk, say: there is nothing left to go on with
            log.error("message number %d cannot be dealt with: %s", row["message"], type(error).__name__, exc_info=True)
            return None

    def _hedge(self, case: Case, imsi: str, now: Instant, slots: Sequence[Slot]) -> bool:
        waiting = any(row["state"] in UNLEFT and row["part"] == 1 for row in case.attempts)
        complete = any(sending.complete for sending in sendings(case.parts, case.facts, over=False))
        others = [slot for slot in slots if slot.imsi != imsi and slot.serves(case.message["home"])]
        # The look that found it took no lock: another round may have planned one since, or its submit have ended.
        pending = any(row["state"] == AttemptState.SUBMITTING and row["imsi"] == imsi for row in case.attempts)
        if not others or waiting or complete or not pending or self._planned(case, AttemptKind.HEDGE):
            return False
        if not case.sendable(now):
            return False
        busy = {row["imsi"] for row in case.cx.execute("SELECT imsi FROM attempts WHERE state = 'submitting'")}
        others.sort(key=lambda slot: slot.imsi in busy)  # it may be silent too, and one that is free sends at once
        return self._again(case, AttemptKind.HEDGE, f"sim:{others[0].imsi}", now)

    def _unconfirmed(self, case: Case, now: Instant, slots: Sequence[Slot]) -> bool:
        """Over another SIM if there is one."""
        # The look that found it took no lock: another round may have planned one since, or a report have come.
        heard = any(row["report_status"] is not None for row in case.attempts)
        if heard or self._planned(case, AttemptKind.UNCONFIRMED):
            return False
        used = {row["imsi"] for row in case.attempts if row["state"] == AttemptState.ACCEPTED and row["report"]}
        fit = sorted((one for one in slots if one.serves(case.message["home"])), key=lambda one: one.imsi in used)
        if not used or not fit or case.state is not MessageState.SENT or not case.sendable(now):
            return False
        return self._again(case, AttemptKind.UNCONFIRMED, f"sim:{fit[0].imsi}", now)

    @staticmethod
    def _planned(case: Case, kind: AttemptKind) -> bool:
        """Whether there is one of that kind, apart from those that never left and never will."""
        return any(row["kind"] == kind and row["state"] != AttemptState.WITHDRAWN for row in case.attempts)

    def _giving_reports(self, slots: Sequence[Slot], now: Instant) -> list[Slot]:
        """Those whose SIM has given reports lately, and still can."""
        since = wall_ms(now) - ms(self._settings.reports_lately)
        query = "SELECT 1 FROM sims WHERE imsi = ? AND last_report_at >= ?"
        with self._database.read() as cx:
            return [slot for slot in slots if slot.reports and cx.execute(query, (slot.imsi, since)).fetchone()]

    def _unstrand(self, case: Case, queue: str, now: Instant, slots: Sequence[Slot]) -> bool:
        changed = False
        stranded = [row for row in case.attempts if row["state"] == AttemptState.READY and row["queue"] == queue]
        for generation in sorted({row["generation"] for row in stranded}):
            if case.second_way(generation) and case.goes_on_without(generation):
                self._drop(case, generation)
                self._ledger.settle(case, now, Event())
                changed = True
            elif case.bound_to(generation) is None:
                self._gather(case, generation, str(case.message["home"]))
                self._tell_ready(case, generation)
                changed = True
            elif case.message["lane"] == Lane.OTP and case.sendable(now):
                others = [slot for slot in slots if slot.serves(case.message["home"])]
                if others:
                    self._drop(case, generation)
                    changed = self._again(case, AttemptKind.RESTART, str(case.message["home"]), now)
        return changed

    @staticmethod
    def _drop(case: Case, generation: int) -> None:
        """Withdraw what has not left of a sending."""
        gone = [row["id"] for row in case.attempts if row["generation"] == generation and row["state"] in UNLEFT]
        case.change(gone, state=AttemptState.WITHDRAWN, due_boot=None)

    def _again(self, case: Case, kind: AttemptKind, queue: str, now: Instant) -> bool:
        """Plan the whole message once more, as a sending of its own with another concatenation reference."""
        generation = max(row["generation"] for row in case.attempts) + 1
        reference = _other_reference(case.attempts[-1]["concat_reference"])
        for part in range(1, case.parts + 1):
            last = max((row for row in case.attempts if row["part"] == part), key=lambda row: row["number"])
            case.insert(
                last,
                generation=generation,
                number=last["number"] + 1,
                kind=kind,
                state=AttemptState.READY,
                queue=queue,
                step=0,
                hopped=0,
                concat_reference=reference,
            )
        case.reload()
        self._ledger.settle(case, now, Event())
        self._tell_ready(case, generation)
        return True


def _other_reference(reference: int) -> int:
    """Another concatenation reference of the same width: only the low octet changes."""
    return (reference & ~0xFF) | ((reference + 1 + secrets.randbelow(255)) & 0xFF)
