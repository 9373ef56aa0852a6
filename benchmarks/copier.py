"""Copies a pattern of messages, with all that hangs on them, any number of times in plain SQL."""

from __future__ import annotations

import sqlite3

from gateway.store.cipher import Cipher

APART = 10_000  # milliseconds between two messages: 10^4 reach back as far as reports may come late
PER_NUMBER = 10  # messages that one number gets, on average
SIMS = 4
EVENTS_KEPT, TEXTS_KEPT = 7 * 86_400 * 1000, 30 * 86_400 * 1000  # milliseconds, as retention usually has it

_SHIFTED = {
    "messages": ("created_at", "not_before_at", "expires_at", "sent_at", "delivered_at"),
    "attempts": ("due_at", "claimed_at", "submitted_at", "result_at", "reported_at"),
    "timeline": ("at",),
    "reports": ("service_centre_at", "discharged_at", "received_at"),
    "challenges": ("created_at", "sent_at", "expires_at", "closed_at"),
    "events": ("at",),
    "inbox": ("sent_at", "received_at"),
    "inbox_parts": ("received_at",),
    "message_tags": (),
}
_COUNTED = {  # keys that go on from copy to copy
    "messages": "seq",
    "attempts": "id",
    "timeline": "id",
    "reports": "id",
    "challenges": "rowid",
    "events": "id",
    "inbox": "seq",
    "inbox_parts": "id",
}
_POINTS_AT = {  # columns that hold such a key
    ("attempts", "message"): "messages",
    ("timeline", "message"): "messages",
    ("timeline", "attempt"): "attempts",
    ("reports", "attempt"): "attempts",
    ("message_tags", "message"): "messages",
}
_IDS = {
    ("messages", "id"),
    ("messages", "challenge_id"),
    ("challenges", "id"),
    ("challenges", "message_id"),
    ("events", "subject"),
    ("inbox", "id"),
    ("inbox_parts", "message"),
}
_WHO = {  # how the pattern's number of a row is found
    "messages": "t.seq",
    "attempts": "t.message",
    "reports": "(SELECT message FROM temp.attempts WHERE id = t.attempt)",
    "challenges": "(SELECT seq FROM temp.messages WHERE challenge_id = t.id)",
}
_DIGITS = "printf('%09d', 500000000 + (c.n * :pattern + {who}) * 7919 % :people)"
_OTHERS = {
    ("messages", "recipient"): f"'+447' || {_DIGITS}",
    ("challenges", "recipient"): f"'+447' || {_DIGITS}",
    ("attempts", "recipient_tail"): f"substr({_DIGITS}, 2)",
    ("reports", "recipient_tail"): f"substr({_DIGITS}, 2)",
    ("attempts", "mr"): "(t.mr + c.n * 7) % 256",
    ("reports", "mr"): "(t.mr + c.n * 7) % 256",
    ("reports", "digest"): "randomblob(32)",
    ("inbox_parts", "digest"): "randomblob(32)",
    ("inbox", "sender"): "'+447' || printf('%09d', 500000000 + (c.n * 7919) % :people)",
    ("inbox", "body"): "resealed(t.body, 'inbox.body ', t.id, c.shift)",
    ("events", "body"): "resealed(t.body, 'events.body ', t.subject, c.shift)",
    ("challenges", "details"): "resealed(t.details, 'challenges.details ', t.id, c.shift)",
    ("messages", "body"): (
        "CASE WHEN t.created_at + c.shift > :texts AND t.body IS NOT NULL"
        " THEN resealed(t.body, 'messages.body ', t.id, c.shift) END"
    ),
}
for _table in ("attempts", "reports"):
    _OTHERS[_table, "imsi"] = f"printf('00101%010d', 1 + (substr(t.imsi, 6) - 1 + c.n) % {SIMS})"


class Copier:
    """Takes the pattern out of a database, and puts copies of it in; the last one ends at `newest` (Unix ms)."""

    def __init__(self, cx: sqlite3.Connection, cipher: Cipher, copies: int, newest: int) -> None:
        self._cx, self._cipher, self._copies, self._newest = cx, cipher, copies, newest
        cx.create_function("moved", 2, _moved, deterministic=True)
        cx.create_function("resealed", 4, self._resealed)
        cx.execute("DELETE FROM events WHERE kind LIKE 'modem.%'")
        cx.execute("UPDATE events SET id = id - (SELECT min(id) - 1 FROM events)")
        self._size: dict[str, int] = {}
        self._opened: dict[bytes, bytes] = {}
        for table in _SHIFTED:
            rowid = "rowid AS key, " if table == "challenges" else ""
            cx.execute(f"CREATE TEMP TABLE {table} AS SELECT {rowid}* FROM main.{table}")
            if table in _COUNTED:
                (self._size[table],) = cx.execute(f"SELECT max({_COUNTED[table]}) FROM main.{table}").fetchone()
        cx.execute("CREATE INDEX temp.of_challenge ON messages(challenge_id)")
        (self._begin,) = cx.execute("SELECT min(created_at) FROM messages").fetchone()
        for table in reversed(_SHIFTED):
            cx.execute(f"DELETE FROM main.{table}")
        self._statements = [self._statement(table) for table in _SHIFTED]

    def copy(self, first: int, end: int) -> None:
        """Make the copies from `first` to before `end`, counted from 0, the oldest."""
        size = self._size["messages"]
        span = size * APART
        self._cx.execute("DROP TABLE IF EXISTS temp.copies")
        self._cx.execute("CREATE TEMP TABLE copies (n INTEGER PRIMARY KEY, shift INTEGER)")
        rows = [(n, self._newest - (self._copies - n) * span - self._begin) for n in range(first, end)]
        self._cx.executemany("INSERT INTO temp.copies VALUES (?, ?)", rows)
        values = {
            "pattern": size,
            "people": max(1000, self._copies * size // PER_NUMBER),
            "texts": self._newest - TEXTS_KEPT,
            "events": self._newest - EVENTS_KEPT,
        }
        self._cx.execute("BEGIN")
        for statement in self._statements:
            self._cx.execute(statement, values)
        self._cx.execute("COMMIT")

    def finish(self) -> None:
        """Take the pattern away, whose tables would hide those of the database."""
        for table in _SHIFTED:
            self._cx.execute(f"DROP TABLE temp.{table}")

    def _statement(self, table: str) -> str:
        columns = [row[1] for row in self._cx.execute(f"PRAGMA main.table_info({table})")]
        values = [self._value(table, column) for column in columns]
        if table == "challenges":
            columns, values = ["rowid", *columns], [f"t.key + c.n * {self._size[table]}", *values]
        where = " WHERE t.at + c.shift > :events" if table == "events" else ""
        return (
            f"INSERT INTO main.{table} ({', '.join(columns)}) SELECT {', '.join(values)}"
            f" FROM temp.copies AS c CROSS JOIN temp.{table} AS t{where}"
        )

    def _value(self, table: str, column: str) -> str:
        if (table, column) in _OTHERS:
            return _OTHERS[table, column].format(who=_WHO.get(table, ""))
        if (table, column) in _IDS:
            return f"moved(t.{column}, c.shift)"
        if column == _COUNTED.get(table):
            return f"t.{column} + c.n * {self._size[table]}"
        if (table, column) in _POINTS_AT:
            return f"t.{column} + c.n * {self._size[_POINTS_AT[table, column]]}"
        return f"t.{column} + c.shift" if column in _SHIFTED[table] else f"t.{column}"

    def _resealed(self, sealed: bytes, where: str, identity: str, shift: int) -> bytes:
        """What was sealed for a row of the pattern, sealed for its copy."""
        if sealed not in self._opened:
            self._opened[sealed] = self._cipher.unseal(sealed, where + identity)
        return self._cipher.seal(self._opened[sealed], f"{where}{_moved(identity, shift)}")


def _moved(identity: str | None, shift: int) -> str | None:
    """An id of another time: it begins with the milliseconds (RFC 9562 5.7)."""
    if identity is None:
        return None
    digits = f"{int(identity[:8] + identity[9:13], 16) + shift:012x}"
    return f"{digits[:8]}-{digits[8:]}{identity[13:]}"
