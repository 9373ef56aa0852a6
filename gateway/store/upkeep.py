"""What happens by itself as time passes: attempts fall due, lifetimes end, codes get a second way."""

from __future__ import annotations

import json
import logging
import secrets
import sqlite3
from collections.abc import Callable, Sequence

from gateway.messages import CATCH, AttemptKind, AttemptState, Lane, MessageState
from gateway.store.case import Case, Settings, Slot
from gateway.store.claims import Claims
from gateway.store.common import boot_ms, ms, wall_ms
from gateway.store.database import Database
from gateway.store.events import Events
from gateway.store.ledger import IN_FLIGHT_LOOK, Event
from gateway.store.states import UNLEFT, sendings
from hardware.clock import Instant

log = logging.getLogger("simwire.store")

ROUTED = "routed"
"""Name in `meta` of the prefixes by which open messages were routed last."""
CHUNK = 500  # messages that one transaction expires at most, so that modems never wait long for theirs
AT_ONCE = 200  # messages that one round plans for at most
CAUGHT_AT_ONCE = 20  # messages that one transaction catches: each is unsealed, and its code picked out of its text


_Action = Callable[[Case, sqlite3.Row], bool]
"""Does something to a message that a query found; tells whether it changed."""


class Upkeep(Claims):
    """Each method does what is due at `now`, in short transactions, and returns how much it changed."""

    def __init__(self, database: Database, settings: Settings, events: Events) -> None:
        super().__init__(database, settings, events)
        self._unusable_since: dict[str, int] = {}
        self.also_expires: list[Callable[[Instant], int]] = []
        """What else has lifetimes; called by `expire_due`."""

    def wake_due(self, now: Instant) -> int:
        """Waiting attempts whose time has come are ready; a modem that refused may take its part again."""
        query = "SELECT 1 FROM attempts WHERE due_boot <= ? LIMIT 1"
        with self._database.read() as cx:
            if cx.execute(query, (boot_ms(now),)).fetchone() is None:
                return 0
        with self._database.mark(synced=False) as cx:
            return cx.execute(
                "UPDATE attempts SET due_boot = NULL, avoid = NULL,"
                " state = CASE state WHEN 'waiting' THEN 'ready' ELSE state END WHERE due_boot <= ?",
                (boot_ms(now),),
            ).rowcount

    def catch_due(self, now: Instant) -> int:
        """Catch the messages whose time for that has come; `wake_due` made them ready."""
        query = "SELECT message, min(id) AS attempt FROM attempts WHERE queue = ? AND state = 'ready' GROUP BY message"
        total = 0

        def catch(case: Case, row: sqlite3.Row) -> bool:
            return self._catch_ready(case, row["attempt"], now)

        while caught := self._for_each(query, (CATCH,), catch, CAUGHT_AT_ONCE):
            total += caught
        return total

    def expire_due(self, now: Instant) -> int:
        """End messages whose lifetime is over, and those sent of which no report came."""
        self._database.settle_clock(now)
        total = 0
        while True:
            query = (
                "SELECT seq AS message FROM messages WHERE final = 0 AND check_boot <= ? ORDER BY check_boot LIMIT ?"
            )
            with self._database.read() as cx:
                rows = cx.execute(query, (boot_ms(now), CHUNK)).fetchall()
            if rows:
                with self._database.mark() as cx:
                    total += sum(self._expire_alone(cx, row, now) for row in rows)
            if len(rows) < CHUNK:
                return total + sum(expires(now) for expires in self.also_expires)

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
        """Send codes once more that were sent `after` seconds ago and of which nothing was heard; see `_again`."""
        query = (
            "SELECT m.seq AS message FROM messages AS m JOIN challenges AS c ON c.id = m.challenge_id"
            " WHERE m.final = 0 AND m.lane = 0 AND m.state = 'sent' AND m.sent_boot <= :due"
            " AND c.state = 'pending' AND c.expires_boot > :now AND NOT EXISTS (SELECT 1 FROM attempts AS a"
            " WHERE a.message = m.seq AND "
            " (a.kind = 'unconfirmed' AND a.state <> 'withdrawn' OR a.report_status IS NOT NULL))"
        )
        values = {"due": boot_ms(now) - ms(after), "now": boot_ms(now)}
        return self._for_each(query, values, lambda case, _: self._unconfirmed(case, now, slots))

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

    def next_due(self, hedge_after: float, resend_unconfirmed_after: float) -> float | None:
        """When the next of these is due, in boot-clock seconds; 0 turns a rule off. None where nothing is."""
        now = round(self._database.clock.boot() * 1000)
        with self._database.read() as cx:
            moments = [
                cx.execute("SELECT min(due_boot) FROM attempts WHERE due_boot IS NOT NULL").fetchone()[0],
                cx.execute("SELECT min(check_boot) FROM messages WHERE final = 0").fetchone()[0],
                cx.execute("SELECT min(expires_boot) FROM challenges WHERE state = 'pending'").fetchone()[0],
            ]
            # What is past stays undone for a reason (no other SIM, say): the next event or the safety net sees to it.
            if hedge_after:
                query = "SELECT min(submitted_boot) FROM attempts WHERE state = 'submitting' AND lane = 0"
                values = (now - ms(hedge_after),)
                moments.append(_plus(cx.execute(f"{query} AND submitted_boot > ?", values).fetchone()[0], hedge_after))
            if resend_unconfirmed_after:
                after = resend_unconfirmed_after
                query = "SELECT min(sent_boot) FROM messages WHERE final = 0 AND lane = 0 AND state = 'sent'"
                moments.append(_plus(cx.execute(f"{query} AND sent_boot > ?", (now - ms(after),)).fetchone()[0], after))
        stranded = (_plus(since, self._settings.strand_after) for since in self._unusable_since.values())
        moments += [moment for moment in stranded if moment is not None and moment > now]
        return min((moment / 1000 for moment in moments if moment is not None), default=None)

    def reroute(self, prefixes: Sequence[str]) -> int:
        """At start: what waits in the queue of a prefix that is no longer configured goes to the one it has now.

        Every open message is looked at, so that is done only where the prefixes are not those of the last time.
        """
        configured = json.dumps(sorted({*prefixes}))
        with self._database.read() as cx:
            last = cx.execute("SELECT value FROM meta WHERE name = ?", (ROUTED,)).fetchone()
        if last is not None and last["value"] == configured:
            return 0
        known = {f"route:{prefix}" for prefix in ("", *prefixes)}
        query = "SELECT DISTINCT home FROM messages WHERE final = 0 AND home >= 'route:' AND home < 'route;'"
        with self._database.read() as cx:
            lost = {row["home"] for row in cx.execute(query)} - known
        changed = 0
        for home in lost:
            with self._database.mark() as cx:
                for prefix in sorted({"", *prefixes}, key=len, reverse=True):
                    values = (f"route:{prefix}", home, len(prefix), prefix)
                    where = "final = 0 AND home = ? AND substr(recipient, 1, ?) = ?"
                    rows = cx.execute(f"UPDATE messages SET home = ? WHERE {where} RETURNING seq", values).fetchall()  # noqa: S608 - no input in it
                    moved = "message = ? AND queue = ? AND state IN ('ready', 'waiting')"
                    cx.executemany(
                        f"UPDATE attempts SET queue = ? WHERE {moved}",  # noqa: S608 - no input in it
                        [(f"route:{prefix}", row["seq"], home) for row in rows],
                    )
                    changed += len(rows)
        with self._database.mark() as cx:
            cx.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (ROUTED, configured))
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

    def _expire_alone(self, cx: sqlite3.Connection, row: sqlite3.Row, now: Instant) -> bool:
        done = self._alone(cx, row, lambda case, _: self._expire(case, now))
        if done is not None:
            return done
        # Not at once again: rounds would follow each other without a pause, and with many such ones never end.
        later = boot_ms(now) + ms(IN_FLIGHT_LOOK)
        cx.execute("UPDATE messages SET check_boot = ? WHERE seq = ?", (later, row["message"]))
        return False

    def _expire(self, case: Case, now: Instant) -> bool:
        if case.message["final"] or not case.over(now):
            return False
        was_sent = case.state is MessageState.SENT
        self._ledger.settle(case, now, Event())
        if not case.message["final"]:
            case.set(check_boot=boot_ms(now) + ms(IN_FLIGHT_LOOK))
        elif was_sent and case.state is MessageState.EXPIRED:
            silent = {row["imsi"] for row in case.attempts if row["state"] == AttemptState.ACCEPTED and row["report"]}
            case.cx.executemany(
                "INSERT INTO sims (imsi, silent) VALUES (?, 1) ON CONFLICT (imsi) DO UPDATE SET silent = silent + 1",
                [(imsi,) for imsi in silent],
            )
        return True

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
        """Over another SIM if there is one, and only over one that has given reports lately."""
        # The look that found it took no lock: another round may have planned one since, or a report have come.
        heard = any(row["report_status"] is not None for row in case.attempts)
        if heard or self._planned(case, AttemptKind.UNCONFIRMED):
            return False
        used = {row["imsi"] for row in case.attempts if row["state"] == AttemptState.ACCEPTED and row["report"]}
        serving = [slot for slot in slots if slot.reports and slot.serves(case.message["home"])]
        fit = [slot for slot in serving if self._reports_lately(case.cx, slot, now)]
        fit.sort(key=lambda slot: slot.imsi in used)
        if not used or not fit or case.state is not MessageState.SENT or not case.sendable(now):
            return False
        return self._again(case, AttemptKind.UNCONFIRMED, f"sim:{fit[0].imsi}", now)

    @staticmethod
    def _planned(case: Case, kind: AttemptKind) -> bool:
        """Whether there is one of that kind, apart from those that never left and never will."""
        return any(row["kind"] == kind and row["state"] != AttemptState.WITHDRAWN for row in case.attempts)

    def _reports_lately(self, cx: sqlite3.Connection, slot: Slot, now: Instant) -> bool:
        row = cx.execute("SELECT last_report_at FROM sims WHERE imsi = ?", (slot.imsi,)).fetchone()
        last = None if row is None else row["last_report_at"]
        return last is not None and wall_ms(now) - last <= ms(self._settings.reports_lately)

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
        return True


def _other_reference(reference: int) -> int:
    """Another concatenation reference of the same width: only the low octet changes."""
    return (reference & ~0xFF) | ((reference + 1 + secrets.randbelow(255)) & 0xFF)


def _plus(moment: int | None, seconds: float) -> int | None:
    return None if moment is None else moment + ms(seconds)
