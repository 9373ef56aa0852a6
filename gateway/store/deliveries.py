"""What is still to be sent to webhooks, what was, and what was given up."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from gateway.store.boot import DELIVERED_FOR
from gateway.store.common import boot_ms, ms, wall_ms
from gateway.store.database import Database
from gateway.store.errors import StoreDamaged
from gateway.store.events import Events, StoredEvent
from hardware.clock import Instant

log = logging.getLogger("simwire.store")

NOT_IN_TIME = "not delivered within 24 h"
UNREADABLE = "its stored body cannot be read"
NOT_CONFIGURED = "its webhook is not configured any more"
_EVENT = "e.id, e.at, e.kind, e.client, e.subject, e.body"
_HEAD = (
    "NOT EXISTS (SELECT 1 FROM deliveries AS b WHERE b.endpoint = d.endpoint AND b.subject = d.subject"
    " AND b.state = 'waiting' AND b.id < d.id)"
)
"""First of its subject at its endpoint: what comes after it waits."""
_ID_DIGITS = 18  # what fits a signed 64-bit integer


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event that is due at an endpoint."""

    id: int
    event: StoredEvent
    attempts: int
    """How many there were before."""
    until_boot: int
    """Milliseconds on the boot clock: given up then."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What an attempt came to."""

    id: int
    state: Literal["done", "waiting", "dead"]
    next_boot: int | None = None
    """When it is tried again, where it waits; milliseconds on the boot clock."""
    status: int | None = None
    """HTTP status, where there was an answer."""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class DeadDelivery:
    """An event that was given up at an endpoint; times in Unix milliseconds."""

    id: int
    endpoint: str
    event: int
    kind: str
    client: str | None
    subject: str
    attempts: int
    status: int | None
    error: str | None
    created_at: int
    dead_at: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much an endpoint has before it, and how much it has lost."""

    waiting: int = 0
    oldest_at: int | None = None
    """Unix milliseconds of the oldest event that waits."""
    dead: int = 0


class Deliveries:
    """The table of deliveries. Each endpoint's worker is the only one that takes and ends what belongs to it."""

    def __init__(self, database: Database, events: Events) -> None:
        self._database, self._events = database, events

    def due(self, endpoint: str, now: Instant, limit: int) -> tuple[list[Delivery], int | None]:
        """What may be sent now, one event a subject, and when (boot milliseconds) the next one may if none may yet."""
        query = (
            f"SELECT d.id AS delivery, d.attempts, d.next_boot, d.until_boot, d.accepted_boot, {_EVENT}"  # noqa: S608 - both are ours
            " FROM deliveries AS d JOIN events AS e ON e.id = d.event"
            f" WHERE d.endpoint = ? AND d.state = 'waiting' AND {_HEAD} ORDER BY d.next_boot, d.id LIMIT ?"
        )
        with self._database.read() as cx:
            rows = cx.execute(query, (endpoint, limit)).fetchall()
        ready = [row for row in rows if row["next_boot"] <= boot_ms(now)]
        found, unreadable = [], []
        for row in ready:
            try:
                event = self._events.event(row)
            except StoreDamaged:
                log.error("event %d is given up for webhook %s: its stored body cannot be read", row["id"], endpoint)
                unreadable.append(Ended(row["delivery"], "dead", error=UNREADABLE))
            else:
                found.append(Delivery(row["delivery"], event, row["attempts"], self._until(row, now)))
        if unreadable:  # else they would be the first again and again, and hold up what is behind them
            self.end(unreadable, now)
            if not found:
                return self.due(endpoint, now, limit)
        return found, (rows[0]["next_boot"] if rows and not ready else None)

    def waits(self, delivery: int) -> bool:
        """Whether it still waits: asked right before it is sent, because an erasure may have come in between."""
        with self._database.read() as cx:
            query = "SELECT 1 FROM deliveries WHERE id = ? AND state = 'waiting'"
            return cx.execute(query, (delivery,)).fetchone() is not None

    def end(self, attempts: Iterable[Ended], now: Instant) -> None:
        """Note what attempts came to. A power loss may undo it: then they are sent again, which receivers expect."""
        values = [
            (
                *(one.state, one.next_boot, one.status, one.error),
                *(None if one.state == "waiting" else wall_ms(now), one.id),
            )
            for one in attempts
        ]
        with self._database.mark(synced=False) as cx:
            cx.executemany(
                "UPDATE deliveries SET state = ?, attempts = attempts + 1, next_boot = coalesce(?, next_boot),"
                " status = ?, error = ?, done_at = ? WHERE id = ? AND state = 'waiting'",
                values,
            )

    def hasten(self, endpoint: str, now: Instant) -> int:
        """An endpoint takes events again: let none wait any longer because it did not. Returns how many there were."""
        with self._database.mark(synced=False) as cx:
            return cx.execute(
                "UPDATE deliveries SET next_boot = ? WHERE endpoint = ? AND state = 'waiting' AND next_boot > ?",
                (boot_ms(now), endpoint, boot_ms(now)),
            ).rowcount

    def give_up(self, endpoint: str, now: Instant) -> int:
        """End what waits for longer than it is tried; for an endpoint that does not answer. Returns how many.

        What another boot left is not given up before the wall clock, which tells its age, can be relied on.
        """
        late = (
            "endpoint = :endpoint AND state = 'waiting' AND until_boot <= :boot"
            " AND (accepted_boot = :number OR :trusted)"
        )
        values = {
            "endpoint": endpoint,
            "boot": boot_ms(now),
            "number": self._database.boot_number,
            "trusted": self._database.trusted,
            "error": NOT_IN_TIME,
            "wall": wall_ms(now),
        }
        with self._database.read() as cx:
            if cx.execute(f"SELECT 1 FROM deliveries WHERE {late} LIMIT 1", values).fetchone() is None:  # noqa: S608
                return 0
        with self._database.mark(synced=False) as cx:
            return cx.execute(
                "UPDATE deliveries SET state = 'dead', error = coalesce(error, :error), done_at = :wall"  # noqa: S608 - the condition is ours
                f" WHERE {late}",
                values,
            ).rowcount

    def end_unknown(self, endpoints: Sequence[str], now: Instant) -> int:
        """End what waits for endpoints other than these; returns how many."""
        marks = ", ".join("?" for _ in endpoints)
        with self._database.mark() as cx:
            return cx.execute(
                "UPDATE deliveries SET state = 'dead', error = ?, done_at = ?"  # noqa: S608 - only question marks
                f" WHERE state = 'waiting' AND endpoint NOT IN ({marks})",
                (NOT_CONFIGURED, wall_ms(now), *endpoints),
            ).rowcount

    def dead(
        self, endpoint: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> tuple[list[DeadDelivery], str | None]:
        """What was given up, newest first, and the cursor of the next page (None at the end).

        Raises ValueError for a cursor that this method did not make.
        """
        if cursor is not None and _number(cursor) is None:
            raise ValueError("the cursor is not one that a list gave")
        before = _number(cursor) if cursor is not None else None
        with self._database.read() as cx:
            rows = cx.execute(
                "SELECT d.*, e.at, e.kind, e.client FROM deliveries AS d JOIN events AS e ON e.id = d.event"
                " WHERE d.state = 'dead' AND (:endpoint IS NULL OR d.endpoint = :endpoint)"
                " AND (:before IS NULL OR d.id < :before) ORDER BY d.id DESC LIMIT :limit",
                {"endpoint": endpoint, "before": before, "limit": limit + 1},
            ).fetchall()
        more = str(rows[limit - 1]["id"]) if len(rows) > limit else None
        return [_dead(row) for row in rows[:limit]], more

    def replay(self, ids: Iterable[str], endpoints: Sequence[str], now: Instant) -> list[str]:
        """Queue ended deliveries of these endpoints once more, for another 24 h; returns those that are none."""
        unknown = []
        with self._database.mark() as cx:
            for one in ids:
                row = cx.execute("SELECT endpoint FROM deliveries WHERE id = ?", (_number(one),)).fetchone()
                known = row is not None and row["endpoint"] in endpoints
                if not known or not self._again(cx, "id = ? AND state <> 'waiting'", _number(one), now):
                    unknown.append(one)
        return unknown

    def replay_dead(self, endpoint: str, now: Instant) -> int:
        """Queue everything once more that was given up at an endpoint; returns how many."""
        with self._database.mark() as cx:
            return self._again(cx, "endpoint = ? AND state = 'dead'", endpoint, now)

    def counts(self) -> dict[str, Waiting]:
        """What waits and what was given up, by endpoint; only endpoints that have any."""
        with self._database.read() as cx:
            waiting = cx.execute(
                "SELECT w.endpoint, w.n, e.at FROM (SELECT endpoint, count(*) AS n, min(id) AS oldest FROM deliveries"
                " WHERE state = 'waiting' GROUP BY endpoint) AS w"
                " JOIN deliveries AS d ON d.id = w.oldest JOIN events AS e ON e.id = d.event"
            ).fetchall()
            dead = dict(
                cx.execute(
                    "SELECT endpoint, count(*) FROM deliveries WHERE state = 'dead' GROUP BY endpoint"
                ).fetchall()
            )
        found = {row["endpoint"]: Waiting(row["n"], row["at"], dead.get(row["endpoint"], 0)) for row in waiting}
        return {endpoint: Waiting(dead=count) for endpoint, count in dead.items()} | found

    def _again(self, cx: sqlite3.Connection, where: str, value: object, now: Instant) -> int:
        """Queue ended deliveries once more."""
        return cx.execute(
            "UPDATE deliveries SET state = 'waiting', attempts = 0, next_boot = ?, until_at = ?, until_boot = ?,"  # noqa: S608 - conditions are ours
            f" accepted_boot = ?, status = NULL, error = NULL, done_at = NULL WHERE {where}",
            (
                *(boot_ms(now), wall_ms(now) + ms(DELIVERED_FOR), boot_ms(now) + ms(DELIVERED_FOR)),
                *(self._database.boot_number, value),
            ),
        ).rowcount

    def _until(self, row: sqlite3.Row, now: Instant) -> int:
        known = self._database.trusted or row["accepted_boot"] == self._database.boot_number
        return int(row["until_boot"]) if known else boot_ms(now) + ms(DELIVERED_FOR)


def _number(written: str) -> int | None:
    return int(written) if written.isascii() and written.isdigit() and len(written) <= _ID_DIGITS else None


def _dead(row: sqlite3.Row) -> DeadDelivery:
    return DeadDelivery(
        id=row["id"],
        endpoint=row["endpoint"],
        event=row["event"],
        kind=row["kind"],
        client=row["client"],
        subject=row["subject"],
        attempts=row["attempts"],
        status=row["status"],
        error=row["error"],
        created_at=row["at"],
        dead_at=row["done_at"],
    )
