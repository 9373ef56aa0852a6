"""What happens by itself as time passes: attempts fall due, messages are caught, lifetimes end."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence

from gateway.messages import CATCH, AttemptState, Lane, MessageState
from gateway.store.case import Case, Settings
from gateway.store.common import boot_ms, ms
from gateway.store.database import Database
from gateway.store.events import Events
from gateway.store.ledger import IN_FLIGHT_LOOK, Event
from gateway.store.second_ways import SecondWays
from hardware.clock import Instant

ROUTED = "routed"
"""Name in `meta` of the prefixes by which open messages were routed last."""
CHUNK = 100  # messages that one transaction expires at most, so that modems never wait long for theirs
CHUNKS = 20  # such transactions in a round: what is due besides, a code's retry say, does not wait for a million
CAUGHT_AT_ONCE = 20  # messages that one transaction catches: each is unsealed, and its code picked out of its text


class Upkeep(SecondWays):
    """Each method does what is due at `now`, in short transactions, and returns how much it changed."""

    def __init__(self, database: Database, settings: Settings, events: Events) -> None:
        super().__init__(database, settings, events)
        self.also_expires: list[Callable[[Instant], int]] = []
        """What else has lifetimes; called by `expire_due`."""

    def wake_due(self, now: Instant) -> int:
        """Waiting attempts whose time has come are ready; a modem that refused may take its part again."""
        query = "SELECT 1 FROM attempts WHERE due_boot <= ? LIMIT 1"
        with self._database.read() as cx:
            if cx.execute(query, (boot_ms(now),)).fetchone() is None:
                return 0
        with self._database.mark(synced=False) as cx:
            codes: set[str] = set()
            woken = 0
            for lane, queue in cx.execute(
                "UPDATE attempts SET due_boot = NULL, avoid = NULL,"
                " state = CASE state WHEN 'waiting' THEN 'ready' ELSE state END WHERE due_boot <= ?"
                " RETURNING lane, queue",
                (boot_ms(now),),
            ):
                woken += 1
                if lane == Lane.OTP:
                    codes.add(queue)
            self._tell_queues(codes)
        return woken

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
        """End messages whose lifetime is over, and those sent of which no report came.

        Of many only some are ended at once: `next_due` tells that there are more.
        """
        self._database.settle_clock(now)
        query = "SELECT seq AS message FROM messages WHERE final = 0 AND check_boot <= ? ORDER BY check_boot LIMIT ?"
        total = 0
        for _ in range(CHUNKS):
            with self._database.read() as cx:
                rows = cx.execute(query, (boot_ms(now), CHUNK)).fetchall()
            if rows:
                with self._database.mark() as cx:
                    total += sum(self._expire_alone(cx, row, now) for row in rows)
            if len(rows) < CHUNK:
                break
        return total + sum(expires(now) for expires in self.also_expires)

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


def _plus(moment: int | None, seconds: float) -> int | None:
    return None if moment is None else moment + ms(seconds)
