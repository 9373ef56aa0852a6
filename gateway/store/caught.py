"""Messages of keys that must not reach anybody: kept as a virtual handset would have received them."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.messages import Secret
from gateway.store.audit import Audit
from gateway.store.common import Waiters, new_id, wall_ms
from gateway.store.database import Database
from hardware.clock import Instant
from hardware.pdu import Segment

_NEXT = "next"


@dataclass(frozen=True, slots=True)
class Caught:
    """A message that was caught; times in Unix milliseconds."""

    id: str
    message_id: str
    client: str
    to: str = field(repr=False)
    """Whom it was for."""
    text: Secret | None
    """None for octets."""
    data: bytes | None = field(repr=False)
    port: int | None
    code: Secret | None
    """The code that it carries: exact for a code of the gateway's own that was caught when it was accepted, else picked
    out of the text; None without one."""
    parts: int
    encoding: str
    caught_at: int
    seq: int
    """Order of arrival; see `CaughtStore.next_after`."""


@dataclass(frozen=True, slots=True)
class CaughtFilter:
    """What a list is narrowed to; `since` in Unix milliseconds."""

    client: str | None = None
    """None: every client's."""
    to: str | None = None
    message_id: str | None = None
    since: int | None = None


class CaughtStore:
    """The table of caught messages. Bodies are sealed."""

    def __init__(self, database: Database) -> None:
        self._database, self._cipher, self._audit = database, database.cipher, Audit(database)
        self._waiters = Waiters()

    def add(
        self,
        cx: sqlite3.Connection,
        message: sqlite3.Row,
        text: Secret | None,
        segments: Sequence[bytes],
        code: Secret | None,
        now: Instant,
    ) -> None:
        """Keep a message and the code that it carries, inside the caller's transaction."""
        caught_id = new_id(now)
        data, port = _octets(segments) if text is None else (None, None)
        body = {
            "text": None if text is None else text.reveal(),
            "data": data,
            "port": port,
            "code": None if code is None else code.reveal(),
            "parts": message["parts"],
            "encoding": message["encoding"],
        }
        cx.execute(
            "INSERT INTO caught (id, client, recipient, message_id, body, caught_at) VALUES (?, ?, ?, ?, ?, ?)",
            (
                *(caught_id, message["client"], message["recipient"], message["id"]),
                *(self._cipher.seal(json.dumps(body).encode(), f"caught.body {caught_id}"), wall_ms(now)),
            ),
        )
        self._database.after_commit(lambda: self._waiters.tell([_NEXT]))

    def get(self, caught_id: str, client: str | None = None) -> Caught | None:
        """One by id; None where there is none, or not for this client (None: any)."""
        with self._database.read() as cx:
            row = cx.execute("SELECT * FROM caught WHERE id = ?", (caught_id,)).fetchone()
        return None if row is None or client not in (None, row["client"]) else self._caught(row)

    def list(
        self, filters: CaughtFilter, limit: int = 50, cursor: str | None = None
    ) -> tuple[list[Caught], str | None]:
        """Newest first, and the cursor of the next page (None at the end).

        Raises ValueError for a cursor that this method did not make.
        """
        where, values = _conditions(filters)
        if cursor is not None:
            if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
                raise ValueError("the cursor is not one that a list gave")
            where.append("seq < ?")
            values.append(int(cursor))
        with self._database.read() as cx:
            rows = cx.execute(
                f"SELECT * FROM caught WHERE {' AND '.join(where)} ORDER BY seq DESC LIMIT ?",  # noqa: S608 - conditions are ours
                (*values, limit + 1),
            ).fetchall()
        more = str(rows[limit - 1]["seq"]) if len(rows) > limit else None
        return [self._caught(row) for row in rows[:limit]], more

    def next_after(self, seq: int, seconds: float, filters: CaughtFilter) -> Caught | None:
        """The first one after that one, waiting at most that many seconds for it."""
        where, values = _conditions(filters)
        query = f"SELECT * FROM caught WHERE {' AND '.join(where)} AND seq > ? ORDER BY seq LIMIT 1"  # noqa: S608 - conditions are ours
        deadline = time.monotonic() + seconds
        event = self._waiters.add(_NEXT)
        try:
            while True:
                event.clear()  # before the look, so that one that comes after it is not missed
                with self._database.read() as cx:
                    row = cx.execute(query, (*values, seq)).fetchone()
                left = deadline - time.monotonic()
                if row is not None or left <= 0:
                    return None if row is None else self._caught(row)
                event.wait(left)
        finally:
            self._waiters.remove(_NEXT, event)

    def clear(self, client: str, now: Instant, *, actor: str) -> int:
        """Delete everything that was caught of a client; returns how many."""

        def work(cx: sqlite3.Connection) -> int:
            deleted = cx.execute("DELETE FROM caught WHERE client = ?", (client,)).rowcount
            if deleted:
                self._audit.append(cx, actor, "caught.clear", client, {"deleted": deleted}, now)
            return deleted

        return self._database.accept(work)

    def code_of(self, message_id: str) -> Secret | None:
        """The code of a message that was caught; None where it was not."""
        with self._database.read() as cx:
            row = cx.execute("SELECT * FROM caught WHERE message_id = ?", (message_id,)).fetchone()
        return None if row is None else self._caught(row).code

    def _caught(self, row: sqlite3.Row) -> Caught:
        body = json.loads(self._cipher.unseal(row["body"], f"caught.body {row['id']}"))
        return Caught(
            id=row["id"],
            message_id=row["message_id"],
            client=row["client"],
            to=row["recipient"],
            text=None if body["text"] is None else Secret(body["text"]),
            data=None if body["data"] is None else bytes.fromhex(body["data"]),
            port=body["port"],
            code=None if body["code"] is None else Secret(body["code"]),
            parts=body["parts"],
            encoding=body["encoding"],
            caught_at=row["caught_at"],
            seq=row["seq"],
        )


def _octets(segments: Sequence[bytes]) -> tuple[str, int | None]:
    """The octets of a binary message in hexadecimal, and the port that they are for."""
    parts = [Segment.from_bytes(stored) for stored in segments]
    ports = parts[0].header.ports if parts[0].header is not None else None
    return b"".join(part.content for part in parts).hex(), None if ports is None else ports.destination


def _conditions(filters: CaughtFilter) -> tuple[list[str], list[object]]:
    where, values = ["1"], list[object]()
    for condition, value in (
        ("client = ?", filters.client),
        ("recipient = ?", filters.to),
        ("message_id = ?", filters.message_id),
        ("caught_at >= ?", filters.since),
    ):
        if value is not None:
            where.append(condition)
            values.append(value)
    return where, values
