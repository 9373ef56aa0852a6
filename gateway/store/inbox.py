"""Received messages: taken in part by part, joined, shown once.

A modem deletes or acknowledges a part only after `receive` has returned, so a crash in between brings it again: the
same octets of the same SIM are one part. Parts of a long message wait for each other over restarts, with a time limit.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence

from gateway.messages import Secret
from gateway.store.common import Waiters, ms, new_id, wall_ms
from gateway.store.database import Database
from gateway.store.errors import StoreDamaged
from gateway.store.events import Events
from gateway.store.received import Part, content_of
from gateway.store.removal import INBOX_FLOOR
from gateway.store.shown import Received, listed, received_of
from hardware.clock import Instant
from hardware.pdu import DeliverPdu

WAIT_FOR_PARTS = 86_400.0  # seconds after the newest part until a long message is shown without what is missing
_NEXT = "next"
log = logging.getLogger("simwire.store")

Taker = Callable[[sqlite3.Connection, Secret, str, Instant], bool]
"""Looks at the text of a message and the modem that received it before anybody else; True: it is not shown."""
Listener = Callable[[sqlite3.Connection, str, Secret, Instant], None]
"""Hears sender and text of a message, inside the transaction that shows it."""


class InboxStore:
    """The tables of received messages and of the parts that wait for others."""

    def __init__(self, database: Database, events: Events) -> None:
        self._database, self._cipher, self._events = database, database.cipher, events
        self._waiters = Waiters()
        self.listeners: list[Listener] = []
        """Told of every text that came in whole; set before anything is received."""
        self.takers: list[Taker] = []
        """Asked about every text that came in whole, inside the transaction that would show it; set as `listeners`."""

    def receive(self, raw_hex: str, message: DeliverPdu | None, modem: str, imsi: str, now: Instant) -> str | None:
        """Take in one part; durable when this returns. The id of the message that it completes, if it does.

        None for `message` keeps a PDU that no decoder could read.
        """
        part = Part(raw_hex, message, modem, imsi, wall_ms(now))
        digest = self._cipher.key_hash(
            b"incoming\0" + imsi.encode() + b"\0" + raw_hex.upper().encode("utf-8", "replace")
        )
        joins = part.joins(self._cipher)
        with self._database.mark() as cx:
            if cx.execute("SELECT 1 FROM inbox_parts WHERE digest = ?", (digest,)).fetchone() is not None:
                return None
            if joins is not None and not self._make_room(cx, joins, part, now):
                return None
            self._keep(cx, part, digest, joins)
            if joins is None:
                return self._publish(cx, [part], now, "digest = ?", digest)
            waiting = self._waiting(cx, joins)
            return self._publish_group(cx, waiting, joins, now) if len(waiting) == part.place[1] else None

    def release_incomplete(self, now: Instant) -> int:
        """Show long messages whose missing parts have not come in time; returns how many.

        While the clock is in doubt they wait on: what comes later would be another message.
        """
        if not self._database.reached_age(now, WAIT_FOR_PARTS):
            return 0
        query = (
            "SELECT joins FROM inbox_parts WHERE message IS NULL AND joins IS NOT NULL"
            " GROUP BY joins HAVING max(received_at) <= ?"
        )
        with self._database.read() as cx:
            late = [row["joins"] for row in cx.execute(query, (wall_ms(now) - ms(WAIT_FOR_PARTS),))]
        for joins in late:
            with self._database.mark() as cx:
                if waiting := self._waiting(cx, joins):
                    self._publish_group(cx, waiting, joins, now)
        return len(late)

    def get(self, message_id: str) -> Received | None:
        """A received message by id."""
        with self._database.read() as cx:
            row = cx.execute("SELECT * FROM inbox WHERE id = ?", (message_id,)).fetchone()
        return None if row is None else received_of(row, self._cipher)

    def list(
        self,
        limit: int = 50,
        cursor: str | None = None,
        *,
        sender: str | None = None,
        since: int | None = None,
        until: int | None = None,
    ) -> tuple[list[Received], str | None]:
        """Messages, newest first, and the cursor of the next page (None at the end); times in Unix milliseconds.

        Raises ValueError for a cursor that this method did not make.
        """
        if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
            raise ValueError("the cursor is not one that a list gave")
        before = None if cursor is None else int(cursor)
        with self._database.read() as cx:
            rows = listed(cx, limit + 1, before, sender=sender, since=since, until=until)
        more = str(rows[limit - 1]["seq"]) if len(rows) > limit else None
        return [received_of(row, self._cipher) for row in rows[:limit]], more

    def newest(self) -> int:
        """`seq` of the message that came last; 0 where there is none."""
        with self._database.read() as cx:
            return int(cx.execute("SELECT coalesce(max(seq), 0) FROM inbox").fetchone()[0])

    def next_after(self, seq: int, seconds: float, sender: str | None = None) -> Received | None:
        """The first message after that one, waiting at most that many seconds for it."""
        deadline = time.monotonic() + seconds
        event = self._waiters.add(_NEXT)
        try:
            while True:
                event.clear()  # before the look, so that one that comes after it is not missed
                query = "SELECT * FROM inbox WHERE seq > ? AND (? IS NULL OR sender = ?) ORDER BY seq LIMIT 1"
                with self._database.read() as cx:
                    row = cx.execute(query, (seq, sender, sender)).fetchone()
                left = deadline - time.monotonic()
                if row is not None or left <= 0:
                    return None if row is None else received_of(row, self._cipher)
                event.wait(left)
        finally:
            self._waiters.remove(_NEXT, event)

    def forget_waiting(self, cx: sqlite3.Connection, senders: Sequence[str]) -> int:
        """Delete the parts of a sender that wait for others; returns how many messages they would have become."""
        query = "SELECT joins FROM inbox_parts WHERE message IS NULL AND joins IS NOT NULL GROUP BY joins"
        gone = 0
        for (joins,) in cx.execute(query).fetchall():
            waiting = self._waiting(cx, joins)
            first = waiting[0].message if waiting else None
            if first is not None and first.originator.number in senders:
                cx.execute("DELETE FROM inbox_parts WHERE joins = ? AND message IS NULL", (joins,))
                gone += 1
        return gone

    # -- parts --------------------------------------------------------------------------------------------------------

    def _make_room(self, cx: sqlite3.Connection, joins: bytes, part: Part, now: Instant) -> bool:
        """Whether the part is new. One of another message under the same reference ends the message that waits."""
        # Not for ever what a clock that was ahead has stored, so on both sides.
        around = part.received_at - ms(WAIT_FOR_PARTS) + 1, part.received_at + ms(WAIT_FOR_PARTS)
        query = (
            "SELECT content, message FROM inbox_parts WHERE joins = ? AND sequence = ?"
            " AND (message IS NULL OR received_at BETWEEN ? AND ?)"
        )
        rows = cx.execute(query, (joins, part.place[0], *around)).fetchall()
        if any(row["content"] == part.content(self._cipher) for row in rows):
            return False
        if any(row["message"] is None for row in rows) and (waiting := self._waiting(cx, joins)):
            self._publish_group(cx, waiting, joins, now)
        return True

    def _keep(self, cx: sqlite3.Connection, part: Part, digest: bytes, joins: bytes | None) -> None:
        body = self._cipher.seal(part.raw_hex.encode("utf-8", "replace"), "inbox_parts.body")
        cx.execute(
            "INSERT INTO inbox_parts (digest, joins, content, sequence, total, body, modem, imsi, received_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (digest, joins, part.content(self._cipher), *part.place, body, part.modem, part.imsi, part.received_at),
        )

    def _waiting(self, cx: sqlite3.Connection, joins: bytes) -> Sequence[Part]:
        """The parts of a message that wait for others.

        One that cannot be read any more counts as one that never came: else no other could be taken from its modem.
        """
        query = "SELECT * FROM inbox_parts WHERE joins = ? AND message IS NULL ORDER BY sequence"
        found = []
        for row in cx.execute(query, (joins,)).fetchall():
            try:
                raw_hex = self._cipher.unseal(row["body"], "inbox_parts.body").decode()
            except StoreDamaged:
                log.error("part %d of a received message is lost: it cannot be read any more", row["sequence"])
                cx.execute("DELETE FROM inbox_parts WHERE id = ?", (row["id"],))
                continue
            message = DeliverPdu.decode(raw_hex)
            found.append(Part(raw_hex, message, row["modem"], row["imsi"], row["received_at"]))
        return found

    def _publish_group(self, cx: sqlite3.Connection, parts: Sequence[Part], joins: bytes, now: Instant) -> str | None:
        return self._publish(cx, parts, now, "joins = ? AND message IS NULL", joins)

    def _publish(
        self, cx: sqlite3.Connection, parts: Sequence[Part], now: Instant, where: str, key: bytes
    ) -> str | None:
        """Show a message of these parts, and tie them to it; None where it is for nobody's eyes."""
        message_id = new_id(now)
        first = parts[0].message
        total = parts[0].place[1]
        content = content_of(parts)
        if content["text"] is not None and self._taken(cx, Secret(str(content["text"])), parts[-1].modem, now):
            cx.execute(f"DELETE FROM inbox_parts WHERE {where}", (key,))  # noqa: S608 - conditions are ours
            return None
        body = self._cipher.seal(json.dumps(content).encode(), f"inbox.body {message_id}")
        cx.execute(
            "INSERT INTO inbox (seq, id, sender, body, parts, missing, readable, modem, imsi, sent_at, received_at)"
            # Behind everything that there ever was: whoever waits for the next one knows the last by its number.
            " VALUES (1 + max(coalesce((SELECT max(seq) FROM inbox), 0),"
            " coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE name = ?), 0)), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(INBOX_FLOOR, message_id, first.originator.number if first else "", body, total, total - len(parts)),
                *(int(first is not None), parts[-1].modem, parts[-1].imsi),
                ms(first.timestamp.timestamp()) if first and first.timestamp else None,
                max(part.received_at for part in parts),
            ),
        )
        cx.execute(f"UPDATE inbox_parts SET message = ? WHERE {where}", (message_id, key))  # noqa: S608 - conditions are ours
        self._database.after_commit(lambda: self._waiters.tell([_NEXT]))
        told = {
            "id": message_id,
            "from": first.originator.number if first else "",
            **content,
            "parts": total,
            "missing": total - len(parts),
            "modem": parts[-1].modem,
        }
        self._events.emit(cx, "inbox.received", None, message_id, told, now)
        if first is not None and content["text"] is not None and len(parts) == total:
            self._let_hear(cx, first.originator.number, Secret(str(content["text"])), now)
        return message_id

    def _taken(self, cx: sqlite3.Connection, text: Secret, modem: str, now: Instant) -> bool:
        """Whether somebody takes it; what cannot be looked at is shown."""
        try:
            with self._database.alone():
                return any(taker(cx, text, modem, now) for taker in self.takers)
        except Exception as error:
            if not cx.in_transaction:
                raise  # a full disk, say: there is nothing left to go on with
            log.error("a received message is shown, and was not looked at: %s", type(error).__name__, exc_info=True)
        return False

    def _let_hear(self, cx: sqlite3.Connection, sender: str, text: Secret, now: Instant) -> None:
        """Each listener by itself: what one cannot deal with must not lose the message."""
        for listener in self.listeners:
            try:
                with self._database.alone():
                    listener(cx, sender, text, now)
            except Exception as error:
                if not cx.in_transaction:
                    raise  # a full disk, say: there is nothing left to go on with
                log.error("a received message is kept, and not acted on: %s", type(error).__name__, exc_info=True)
