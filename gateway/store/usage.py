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
_AGE: Final = {
    table: f"(CASE accepted_boot WHEN :number THEN :boot - {accepted} ELSE :reference - created_at END)"
    for table, accepted in {
        # Lifetimes began on both clocks at once. A challenge counts from its newest send, which may be a little late.
        "messages": "(expires_boot - (expires_at - created_at))",
        "challenges": "sent_boot",
    }.items()
}
"""Milliseconds since a row was accepted: by the boot clock where that is the same boot, whatever the wall clock did."""
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

    What this boot accepted is as old as the boot clock says. What another one left is aged by the wall clock, or from
    the newest such row where the wall clock is behind that: nothing gets older than it is.
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
        age = _AGE[table]
        with self._database.read() as cx:
            values |= {"boot": boot_ms(now), "number": self._database.boot_number, "window": ms(window)}
            values |= {"step": max(1, ms(step)), "reference": self._reference(cx, table, now)}
            values["first"] = self._first(cx, table, values)
            rows = cx.execute(
                f"SELECT {subject} AS subject, min({age}) AS age, count(*) AS n, {approved} AS approved"  # noqa: S608 - no input in it
                f", {delivery} AS mode"
                f" FROM {table} NOT INDEXED"  # or it would walk an index over everything that is stored
                f" WHERE rowid > :first AND {age} <= :window AND subject IS NOT NULL {only}"
                f" GROUP BY subject, mode, {age} / :step ORDER BY age DESC",
                values,
            ).fetchall()
        for row in rows:
            when = (boot_ms(now) - max(0, row["age"])) / 1000
            yield Used(row["subject"], when, row["n"], row["approved"], row["mode"])

    def _reference(self, cx: sqlite3.Connection, table: _Table, now: Instant) -> int:
        """What the wall clock should show at least, by the newest row that another boot left."""
        query = f"SELECT created_at, accepted_boot FROM {table} ORDER BY rowid DESC LIMIT 1"  # noqa: S608 - no input in it
        newest = cx.execute(query).fetchone()
        if newest is None or newest["accepted_boot"] == self._database.boot_number:
            return wall_ms(now)
        return max(wall_ms(now), int(newest["created_at"]))

    @staticmethod
    def _first(cx: sqlite3.Connection, table: _Table, values: dict[str, object]) -> int:
        """The row before the first that can count: the walk begins at the end, and stops where all are too old."""
        age = _AGE[table]
        old = f"SELECT rowid FROM {table} WHERE {age} > :window AND rowid < :before ORDER BY rowid DESC LIMIT 1"  # noqa: S608 - no input in it
        run = f"SELECT rowid, {age} AS age FROM {table} WHERE rowid <= :old ORDER BY rowid DESC LIMIT {_OLD_IN_A_ROW}"  # noqa: S608 - no input in it
        young = f"SELECT min(rowid) FROM ({run}) WHERE age <= :window"  # noqa: S608 - no input in it
        before = _BEYOND
        while (row := cx.execute(old, {**values, "before": before}).fetchone()) is not None:
            found = cx.execute(young, {**values, "old": row[0]}).fetchone()
            if found[0] is None:
                return int(row[0])
            before = found[0]
        return 0
