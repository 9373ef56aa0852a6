"""What happened, in the order in which clients see it: written in the transaction that made it happen.

Event streams read this table; each configured webhook has a row in `deliveries` for each event that it wants.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from gateway.messages import OWN_CLIENTS, Json
from gateway.store.boot import DELIVERED_FOR
from gateway.store.common import Waiters, boot_ms, ms, wall_ms
from gateway.store.database import Database
from gateway.store.errors import StoreDamaged
from hardware.clock import Instant

_NEWS = "news"
log = logging.getLogger("simwire.store")


@dataclass(frozen=True, slots=True)
class Subscription:
    """Which events a configured webhook wants."""

    endpoint: str
    kinds: tuple[str, ...] = ("*",)
    """Kinds like `message.delivered`, or groups like `message.*`."""
    clients: tuple[str, ...] = ()
    """Clients whose events it gets; none: all, and what belongs to no client."""

    def wants(self, kind: str, client: str | None) -> bool:
        """Whether an event goes there."""
        if self.clients and client not in self.clients:
            return False
        return any(wanted in ("*", kind, f"{kind.partition('.')[0]}.*") for wanted in self.kinds)


@dataclass(frozen=True, slots=True)
class Sight:
    """Which events a reader may see, and wants to."""

    client: str | None
    """Only this client's; None: everybody's."""
    inbox: bool = False
    """Whether it sees received messages, which belong to no client."""
    modems: bool = False
    kinds: tuple[str, ...] = ("*",)
    """Kinds like `message.delivered`, or groups like `message.*`."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it is kept."""

    id: int
    at: int
    """Unix milliseconds."""
    kind: str
    client: str | None
    subject: str
    body: Json = field(repr=False)


class Events:
    """The table of events. `emit` runs inside the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database, self._cipher = database, database.cipher
        self._waiters = Waiters()
        self.subscriptions: tuple[Subscription, ...] = ()
        """The webhooks of the configuration; set once, before anything is stored."""
        self.on_queued: Callable[[Sequence[str]], None] = lambda _: None
        """Called with the webhooks that an event was queued for, after the commit."""
        self.listeners: list[Callable[[str, Json], None]] = []
        """Called with kind and body of each event after its commit, on the thread that made it."""

    def emit(
        self, cx: sqlite3.Connection, kind: str, client: str | None, subject: str, body: Json, now: Instant
    ) -> None:
        """Keep an event and queue it for every webhook that wants it; streams hear of it after the commit.

        What the gateway sends by itself is no application's business, and has events of its own.
        """
        if client in OWN_CLIENTS:
            return
        sealed = self._cipher.seal(json.dumps(body).encode(), f"events.body {subject}")
        cursor = cx.execute(
            "INSERT INTO events (at, kind, client, subject, body) VALUES (?, ?, ?, ?, ?)",
            (wall_ms(now), kind, client, subject, sealed),
        )
        endpoints = [one.endpoint for one in self.subscriptions if one.wants(kind, client)]
        for endpoint in endpoints:
            cx.execute(
                "INSERT INTO deliveries (event, endpoint, subject, state, next_boot, until_at, until_boot,"
                " accepted_boot) VALUES (?, ?, ?, 'waiting', ?, ?, ?, ?)",
                (
                    *(cursor.lastrowid, endpoint, subject, boot_ms(now), wall_ms(now) + ms(DELIVERED_FOR)),
                    *(boot_ms(now) + ms(DELIVERED_FOR), self._database.boot_number),
                ),
            )
        self._database.after_commit(lambda: self._tell(kind, body))
        if endpoints:
            self._database.after_commit(lambda: self.on_queued(endpoints))

    def after(self, event_id: int, limit: int = 100) -> list[StoredEvent]:
        """The events behind that one, oldest first."""
        with self._database.read() as cx:
            rows = cx.execute("SELECT * FROM events WHERE id > ? ORDER BY id LIMIT ?", (event_id, limit)).fetchall()
        return self._readable(rows)

    def seen(self, event_id: int, sight: Sight, limit: int = 100) -> tuple[list[StoredEvent], int]:
        """What a reader sees behind that event, oldest first, and the id up to which that is everything.

        Ids are given in the order of commits, by the one connection that writes: nothing comes later with a lesser id.
        """
        wanted = " OR ".join("kind GLOB ?" for _ in sight.kinds)
        query = (
            "SELECT * FROM events WHERE id > ? AND id <= ?"  # noqa: S608 - no input in it
            " AND CASE WHEN kind GLOB 'inbox.*' THEN ? WHEN kind GLOB 'modem.*' OR kind GLOB 'canary.*'"
            " OR kind GLOB 'alarm.*' THEN ? ELSE ? IS NULL OR client = ? END"
            f" AND ({wanted}) ORDER BY id LIMIT ?"
        )
        with self._database.read() as cx:
            newest = _newest(cx)
            rows = cx.execute(
                query,
                (event_id, newest, sight.inbox, sight.modems, sight.client, sight.client, *sight.kinds, limit),
            ).fetchall()
        upto = rows[-1]["id"] if len(rows) == limit else max(event_id, newest)
        return self._readable(rows), upto

    def span(self) -> tuple[int, int]:
        """The oldest id that is kept and the newest that was given; the one after the newest is the oldest of none."""
        with self._database.read() as cx:
            (oldest,) = cx.execute("SELECT min(id) FROM events").fetchone()
            newest = _newest(cx)
        return (newest + 1 if oldest is None else int(oldest)), newest

    def wait(self, event_id: int, seconds: float) -> bool:
        """Wait at most that long for an event behind that one; whether there is one."""
        event = self._waiters.add(_NEWS)
        try:
            return self.span()[1] > event_id or (event.wait(seconds) and self.span()[1] > event_id)
        finally:
            self._waiters.remove(_NEWS, event)

    def event(self, row: sqlite3.Row) -> StoredEvent:
        """A row of the table, opened; raises StoreDamaged where its body cannot be read."""
        where = f"events.body {row['subject']}"
        try:
            body = json.loads(self._cipher.unseal(row["body"], where))
        except ValueError:
            raise StoreDamaged(f"{where} in the database is damaged") from None
        return StoredEvent(row["id"], row["at"], row["kind"], row["client"], row["subject"], body)

    def _readable(self, rows: Iterable[sqlite3.Row]) -> list[StoredEvent]:
        """Those that can be read: one that cannot must not hide what comes after it."""
        found = []
        for row in rows:
            try:
                found.append(self.event(row))
            except StoreDamaged:
                log.error("event %d (%s) is left out: its stored body cannot be read", row["id"], row["kind"])
        return found

    def _tell(self, kind: str, body: Json) -> None:
        self._waiters.tell(_TOLD)
        for listener in self.listeners:
            listener(kind, body)


def _newest(cx: sqlite3.Connection) -> int:
    """The id that was given last, kept or not; 0 before the first."""
    row = cx.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    return 0 if row is None else int(row[0])


_TOLD: Sequence[str] = (_NEWS,)
