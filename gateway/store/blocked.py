"""Numbers that get nothing more: their owner said STOP, or an operator blocked them."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.messages import Lane, Reason, Secret, masked
from gateway.store.audit import GATEWAY, Audit
from gateway.store.common import wall_ms
from gateway.store.database import Database
from gateway.store.errors import Conflict
from gateway.store.events import Events
from gateway.store.outbox import Outbox
from hardware.clock import Instant

_ANY_OF = "IN (SELECT value FROM json_each(?))"
_CURSOR = re.compile(r"\+?[0-9]{2,20}", re.ASCII)


class Block(StrEnum):
    """Why, and how far, a number is blocked."""

    OPTED_OUT = "opted_out"  #: by the person, with an incoming word: nothing but codes
    BLOCKED = "blocked"  #: by an operator: nothing but codes
    BLOCKED_ALL = "blocked_all"  #: by an operator: codes neither

    def refuses(self, lane: Lane) -> bool:
        """Whether messages of that lane are refused."""
        return lane is not Lane.OTP or self is Block.BLOCKED_ALL


@dataclass(frozen=True, slots=True)
class BlockedNumber:
    """A number that is blocked."""

    number: str = field(repr=False)
    block: Block
    note: Secret | None
    """What the operator wrote about it."""
    by: str | None
    """The operator's client; None where the person did it."""
    at: int
    """Unix milliseconds."""


class BlockedNumbers:
    """The table of blocked numbers."""

    def __init__(self, database: Database, outbox: Outbox, events: Events, audit: Audit) -> None:
        self._database, self._outbox, self._events, self._cipher = database, outbox, events, database.cipher
        self._audit = audit

    def add(
        self,
        number: str,
        block: Block,
        by: str,
        now: Instant,
        note: Secret | None = None,
        *,
        actor: str = GATEWAY,
    ) -> BlockedNumber:
        """Block a number as an operator; takes the place of what was there."""
        blocked = BlockedNumber(number, block, note, by, wall_ms(now))
        with self._database.mark() as cx:
            self._put(cx, blocked)
            details = {"everything": block is Block.BLOCKED_ALL}
            self._audit.append(cx, actor, "numbers.block", masked(number), details, now)
        return blocked

    def remove(self, number: str, now: Instant, *, actor: str = GATEWAY) -> BlockedNumber | None:
        """Block a number no more, whoever did it; what was there, None where nothing was."""
        with self._database.mark() as cx:
            found = self._one(cx, number)
            if found is not None:
                cx.execute("DELETE FROM blocked_numbers WHERE recipient = ?", (number,))
                details = {"was": found.block.value}
                self._audit.append(cx, actor, "numbers.unblock", masked(number), details, now)
        return found

    def get(self, number: str) -> BlockedNumber | None:
        """How a number is blocked; None where it is not."""
        with self._database.read() as cx:
            return self._one(cx, number)

    def list(self, limit: int = 50, cursor: str | None = None) -> tuple[list[BlockedNumber], str | None]:
        """Blocked numbers in their order, and the cursor of the next page (None at the end).

        Raises ValueError for a cursor that this method did not make.
        """
        if cursor is not None and not _CURSOR.fullmatch(cursor):
            raise ValueError("the cursor is not one that a list gave")
        with self._database.read() as cx:
            rows = cx.execute(
                "SELECT * FROM blocked_numbers WHERE recipient > ? ORDER BY recipient LIMIT ?",
                (cursor or "", limit + 1),
            ).fetchall()
        more = rows[limit - 1]["recipient"] if len(rows) > limit else None
        return [self._blocked(row) for row in rows[:limit]], more

    def among(self, cx: sqlite3.Connection, numbers: Iterable[str]) -> dict[str, Block]:
        """Which of these numbers are blocked, inside the caller's transaction; one query, however many they are."""
        asked = list(numbers)
        which, value = ("= ?", asked[0]) if len(asked) == 1 else (_ANY_OF, json.dumps(asked))
        rows = cx.execute(f"SELECT recipient, reason FROM blocked_numbers WHERE recipient {which}", (value,))  # noqa: S608 - no input in it
        return {row["recipient"]: Block(row["reason"]) for row in rows}

    def opt_out(self, cx: sqlite3.Connection, number: str, now: Instant) -> int:
        """The person wants nothing more: withdraw what is queued and no code, inside the caller's transaction.

        Returns how many messages were withdrawn. An operator's block stays as it is.
        """
        known = self._one(cx, number)
        if known is None:
            self._put(cx, BlockedNumber(number, Block.OPTED_OUT, None, None, wall_ms(now)))
        withdrawn = self._withdraw(cx, number, now)
        if known is None:
            body = {"number": number, "withdrawn": withdrawn}
            self._events.emit(cx, "number.opted_out", None, masked(number), body, now)
        return withdrawn

    def opt_in(self, cx: sqlite3.Connection, number: str, now: Instant) -> bool:
        """The person takes it back, inside the caller's transaction; an operator's block stays. Whether it did."""
        query = "DELETE FROM blocked_numbers WHERE recipient = ? AND reason = ?"
        if not cx.execute(query, (number, Block.OPTED_OUT.value)).rowcount:
            return False
        self._events.emit(cx, "number.opted_in", None, masked(number), {"number": number}, now)
        return True

    def _withdraw(self, cx: sqlite3.Connection, number: str, now: Instant) -> int:
        query = (
            "SELECT id FROM messages WHERE (recipient = ? OR sent_to = ?)"
            " AND lane <> ? AND final = 0 AND withdrawn IS NULL"
        )
        withdrawn = 0
        for row in cx.execute(query, (number, number, int(Lane.OTP))).fetchall():
            try:
                self._outbox.cancel(cx, row["id"], now, Reason.OPTED_OUT)
            except Conflict:
                continue  # something of it has left: it goes its way
            withdrawn += 1
        return withdrawn

    def _put(self, cx: sqlite3.Connection, blocked: BlockedNumber) -> None:
        number, note = blocked.number, blocked.note
        sealed = None if note is None else self._cipher.seal(note.reveal().encode(), f"blocked_numbers.note {number}")
        cx.execute(
            "INSERT OR REPLACE INTO blocked_numbers (recipient, reason, note, by, at) VALUES (?, ?, ?, ?, ?)",
            (number, blocked.block.value, sealed, blocked.by, blocked.at),
        )

    def _one(self, cx: sqlite3.Connection, number: str) -> BlockedNumber | None:
        row = cx.execute("SELECT * FROM blocked_numbers WHERE recipient = ?", (number,)).fetchone()
        return None if row is None else self._blocked(row)

    def _blocked(self, row: sqlite3.Row) -> BlockedNumber:
        note = row["note"]
        plain = None if note is None else self._cipher.unseal(note, f"blocked_numbers.note {row['recipient']}").decode()
        return BlockedNumber(
            number=row["recipient"],
            block=Block(row["reason"]),
            note=None if plain is None else Secret(plain),
            by=row["by"],
            at=row["at"],
        )
