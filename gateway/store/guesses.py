"""Wrong codes in a row, per client, number and delivery, over challenges: a lock for a while, then a stop.

A right code ends the row. Counting per client keeps one application from locking out the users of another, and per
delivery keeps tests from locking out people.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.messages import masked
from gateway.store.audit import Audit
from gateway.store.case import Settings
from gateway.store.challenge import Whose
from gateway.store.common import boot_ms, wall_ms
from gateway.store.database import Database
from hardware.clock import Instant

_ONE = "client = ? AND recipient = ? AND delivery = ?"
_OF_ALL = (
    "SELECT g.* FROM json_each(?) AS q CROSS JOIN guesses AS g ON g.client = json_extract(q.value, '$[0]')"
    " AND g.recipient = json_extract(q.value, '$[1]') AND g.delivery = json_extract(q.value, '$[2]')"
)


@dataclass(frozen=True, slots=True)
class Guesses:
    """What is known of the guesses at one number's codes."""

    client: str
    recipient: str = field(repr=False)
    failures: int
    locked_for: float
    """Seconds from now during which no code is judged or sent; 0 where it is not locked."""
    locked_until: int | None
    """Unix milliseconds; None where it is not locked."""
    newest_at: int
    """Unix milliseconds of the newest wrong code; 0 where there is none."""
    stopped: bool
    """Too many: nothing more until an operator clears it."""
    delivery: int
    """Value of `gateway.policy.Delivery`: how the codes that were guessed at are delivered."""

    @property
    def shut(self) -> bool:
        """Whether no code may be judged or sent now."""
        return self.stopped or self.locked_for > 0


class GuessLedger:
    """The table of guesses. Methods that take `cx` run inside the caller's transaction."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database, self._settings, self._audit = database, settings, Audit(database)

    def look(self, cx: sqlite3.Connection, whose: Whose, now: Instant) -> Guesses:
        """Where a number stands with a client."""
        return self.look_all(cx, [(whose, now)])[0]

    def look_all(self, cx: sqlite3.Connection, asked: Sequence[tuple[Whose, Instant]]) -> list[Guesses]:
        """`look`, in one statement."""
        rows = cx.execute(_OF_ALL, (json.dumps([whose for whose, _ in asked]),)).fetchall()
        found = {(row["client"], row["recipient"], row["delivery"]): row for row in rows}
        return [_guesses(found[whose], now) if whose in found else _none(whose) for whose, now in asked]

    def left(self, guesses: Guesses) -> int:
        """Wrong codes that are allowed until the next lock."""
        after = self._settings.lock_after
        return 0 if guesses.shut else after - guesses.failures % after

    def wrong(self, cx: sqlite3.Connection, client: str, to: str, delivery: int, now: Instant) -> Guesses:
        """Count a wrong code; locks or stops where that makes too many."""
        settings = self._settings
        (failures,) = cx.execute(
            "INSERT INTO guesses (client, recipient, delivery, failures, newest_at, accepted_boot)"
            " VALUES (?, ?, ?, 1, ?, ?) ON CONFLICT (client, recipient, delivery)"
            " DO UPDATE SET failures = failures + 1, newest_at = excluded.newest_at"
            " RETURNING failures",
            (client, to, delivery, wall_ms(now), self._database.boot_number),
        ).fetchone()
        if failures % settings.lock_after == 0:
            until = now.after(settings.lock_for)
            cx.execute(
                "UPDATE guesses SET locked_until = ?, locked_boot = ?, accepted_boot = ?"  # noqa: S608 - no input in it
                f" WHERE {_ONE}",
                (wall_ms(until), boot_ms(until), self._database.boot_number, client, to, delivery),
            )
        if failures >= settings.stop_after:
            query = f"UPDATE guesses SET stopped_at = ? WHERE {_ONE}"  # noqa: S608 - no input in it
            cx.execute(query, (wall_ms(now), client, to, delivery))
        return self.look(cx, (client, to, delivery), now)

    def right(self, cx: sqlite3.Connection, client: str, to: str, delivery: int) -> None:
        """A right code ends the row of wrong ones."""
        cx.execute(f"DELETE FROM guesses WHERE {_ONE}", (client, to, delivery))  # noqa: S608 - no input in it

    def clear(self, to: str, client: str | None, now: Instant, *, actor: str) -> int:
        """An operator forgives a number, for one client or all; returns how many counts that ended."""
        query = "DELETE FROM guesses WHERE recipient = ? AND (? IS NULL OR client = ?)"
        with self._database.mark() as cx:
            cleared = cx.execute(query, (to, client, client)).rowcount
            if cleared:
                details = {"client": client, "cleared": cleared}
                self._audit.append(cx, actor, "numbers.unlock", masked(to), details, now)
        return cleared

    def shut(self, now: Instant, limit: int = 1000) -> list[Guesses]:
        """Numbers that are locked or stopped now, the newest first."""
        with self._database.read() as cx:
            rows = cx.execute(
                "SELECT * FROM guesses WHERE stopped_at IS NOT NULL OR locked_boot > ? ORDER BY newest_at DESC LIMIT ?",
                (boot_ms(now), limit),
            ).fetchall()
        return [_guesses(row, now) for row in rows]


def _none(whose: Whose) -> Guesses:
    client, to, delivery = whose
    return Guesses(client, to, 0, 0.0, None, 0, stopped=False, delivery=delivery)


def _guesses(row: sqlite3.Row, now: Instant) -> Guesses:
    locked = max(0, (row["locked_boot"] or 0) - boot_ms(now)) / 1000
    return Guesses(
        client=row["client"],
        recipient=row["recipient"],
        failures=row["failures"],
        locked_for=locked,
        locked_until=row["locked_until"] if locked else None,
        newest_at=row["newest_at"],
        stopped=row["stopped_at"] is not None,
        delivery=row["delivery"],
    )
