"""What was sent lately, for limits to remember over a restart."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from gateway.store.common import boot_ms, ms, wall_ms
from gateway.store.database import Database
from hardware.clock import Instant

_Table = Literal["challenges", "messages"]
_BEYOND: Final = 2**63 - 1  # no row has a greater number
_NUMBER: Final = "recipient"
_OLD_IN_A_ROW: Final = 1000
"""Rows that are too old, one behind the other, behind which nothing is looked for: a wall clock that was wrong for a
moment has stored a few among younger ones."""
_PREFIX: Final = "CASE WHEN recipient LIKE '+%' THEN substr(recipient, 1, length(recipient) - :digits) END"


@dataclass(frozen=True, slots=True)
class Used:
    """What was sent for one subject within one short while."""

    subject: str | bytes = field(repr=False)
    boot: float
    """When the newest of it was accepted, in seconds on this boot's clock."""
    count: int
    approved: int = 0
    """How many of these codes were checked with success."""
    delivery: int = 0
    """Value of `gateway.policy.Delivery`, of codes: what is not live counts by itself."""


class Usage:
    """Reads what limits count, oldest first.

    Ages are counted from the newest row where the wall clock is behind it: nothing gets older than it is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def by_number(self, window: float, step: float, now: Instant) -> Iterator[Used]:
        """Codes started within the last `window` seconds, by number; what is less than `step` apart is one row."""
        return self._grouped("challenges", _NUMBER, window, step, now)

    def by_prefix(self, digits: int, window: float, step: float, now: Instant) -> Iterator[Used]:
        """Codes started, by number without its last `digits`; short codes have no prefix."""
        return self._grouped("challenges", _PREFIX, window, step, now, digits=digits)

    def by_peer(self, window: float, step: float, now: Instant) -> Iterator[Used]:
        """Codes started, by the keyed hash of the end user's address."""
        return self._grouped("challenges", "peer", window, step, now)

    def by_key(self, window: float, step: float, now: Instant, key_id: str | None = None) -> Iterator[Used]:
        """Messages, codes included, by key; of one key only, where it is named."""
        return self._grouped("messages", "key_id", window, step, now, key_id=key_id)

    def _grouped(
        self, table: _Table, subject: str, window: float, step: float, now: Instant, **values: object
    ) -> Iterator[Used]:
        approved, delivery = ("sum(state = 'approved')", "delivery") if table == "challenges" else ("0", "0")
        only = "AND key_id = :key_id" if values.get("key_id") is not None else ""
        with self._database.read() as cx:
            reference = self._reference(cx, table, now)
            values |= {"step": max(1, ms(step)), "since": reference - ms(window)}
            values["first"] = self._first(cx, table, reference - ms(window))
            rows = cx.execute(
                f"SELECT {subject} AS subject, max(created_at) AS newest, count(*) AS n, {approved} AS approved"  # noqa: S608 - no input in it
                f", {delivery} AS mode"
                f" FROM {table} NOT INDEXED"  # or it would walk an index over everything that is stored
                f" WHERE rowid > :first AND created_at >= :since AND subject IS NOT NULL {only}"
                f" GROUP BY subject, mode, created_at / :step ORDER BY newest",
                values,
            ).fetchall()
        for row in rows:
            age = max(0, reference - row["newest"])
            yield Used(row["subject"], (boot_ms(now) - age) / 1000, row["n"], row["approved"], row["mode"])

    @staticmethod
    def _reference(cx: sqlite3.Connection, table: _Table, now: Instant) -> int:
        newest = cx.execute(f"SELECT created_at FROM {table} ORDER BY rowid DESC LIMIT 1").fetchone()  # noqa: S608 - no input in it
        return wall_ms(now) if newest is None else max(wall_ms(now), newest["created_at"])

    @staticmethod
    def _first(cx: sqlite3.Connection, table: _Table, since: int) -> int:
        """The row before the first that can count: the walk begins at the end, and stops where all are too old."""
        old = f"SELECT rowid FROM {table} WHERE created_at < ? AND rowid < ? ORDER BY rowid DESC LIMIT 1"  # noqa: S608 - no input in it
        run = f"SELECT rowid, created_at FROM {table} WHERE rowid <= ? ORDER BY rowid DESC LIMIT {_OLD_IN_A_ROW}"  # noqa: S608 - no input in it
        before = _BEYOND
        while (row := cx.execute(old, (since, before)).fetchone()) is not None:
            young = cx.execute(f"SELECT min(rowid) FROM ({run}) WHERE created_at >= ?", (row[0], since)).fetchone()  # noqa: S608 - no input in it
            if young[0] is None:
                return int(row[0])
            before = young[0]
        return 0
