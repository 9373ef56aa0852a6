"""Answers that are remembered under an Idempotency-Key, in the transaction of what they answer for."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from gateway.store.common import ms, wall_ms
from gateway.store.database import Database
from hardware.clock import Instant

KEPT = 86_400.0  # seconds
CHUNK = 1000  # rows that one purge deletes at most


@dataclass(frozen=True, slots=True)
class Remembered:
    """A remembered answer."""

    same_request: bool
    """Whether path and body were the same as now; otherwise the key was used for something else."""
    status: int
    answer: bytes = field(repr=False)


class Idempotency:
    """Call `find` and `save` inside one `db.accept`: a concurrent duplicate then waits for the first by itself."""

    def __init__(self, database: Database) -> None:
        self._database, self._cipher = database, database.cipher

    def find(self, cx: sqlite3.Connection, client: str, key: str, request: bytes, now: Instant) -> Remembered | None:
        """What was answered under this key; `request`: the path and the canonical body."""
        hashed = self._key(key)
        row = cx.execute("SELECT * FROM idempotency WHERE client = ? AND key = ?", (client, hashed)).fetchone()
        if row is None:
            return None
        if row["created_at"] <= wall_ms(now) - ms(KEPT) and self._database.reached_age(now, KEPT):
            return None  # only where it is as old as the wall clock says: forgotten early, a message goes twice
        answer = self._cipher.unseal(row["answer"], f"idempotency.answer {client}")
        return Remembered(row["request"] == self._request(request), row["status"], answer)

    def save(
        self, cx: sqlite3.Connection, client: str, key: str, request: bytes, status: int, answer: bytes, now: Instant
    ) -> None:
        """Remember an answer (2xx only, by contract) for 24 hours."""
        cx.execute(
            "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?)",
            (
                *(client, self._key(key), self._request(request), status),
                *(self._cipher.seal(answer, f"idempotency.answer {client}"), wall_ms(now)),
            ),
        )

    def purge(self, now: Instant) -> int:
        """Forget what is older than 24 hours; returns how many, at most 1000; none while the clock is in doubt."""
        if not self._database.reached_age(now, KEPT):
            return 0
        until = wall_ms(now) - ms(KEPT)
        with self._database.read() as cx:
            if cx.execute("SELECT 1 FROM idempotency WHERE created_at <= ? LIMIT 1", (until,)).fetchone() is None:
                return 0
        with self._database.mark(synced=False) as cx:
            return cx.execute(
                "DELETE FROM idempotency WHERE (client, key) IN"
                " (SELECT client, key FROM idempotency WHERE created_at <= ? LIMIT ?)",
                (until, CHUNK),
            ).rowcount

    def _key(self, key: str) -> bytes:
        return self._cipher.code_hash(b"idempotency-key\0" + key.encode("utf-8", "surrogatepass"))

    def _request(self, request: bytes) -> bytes:
        return self._cipher.code_hash(b"idempotent-request\0" + request)
