"""Rows with everything that hangs on them, deleted in an order that foreign keys allow, in the caller's transaction.

`secure_delete` overwrites what is deleted with zeros in the file; the log keeps older pages until a checkpoint.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

INBOX_FLOOR = "inbox_seq"
"""Name in `meta` of the greatest `inbox.seq` that was deleted: later messages come behind it."""

_MESSAGES = (
    "DELETE FROM message_tags WHERE message IN (SELECT value FROM json_each(:keys))",
    (
        "DELETE FROM reports WHERE attempt IN"
        " (SELECT id FROM attempts WHERE message IN (SELECT value FROM json_each(:keys)))"
    ),
    "DELETE FROM attempts WHERE message IN (SELECT value FROM json_each(:keys))",
    "DELETE FROM timeline WHERE message IN (SELECT value FROM json_each(:keys))",
    "DELETE FROM messages WHERE seq IN (SELECT value FROM json_each(:keys))",
)
_INBOX = (
    (
        f"INSERT INTO meta SELECT '{INBOX_FLOOR}', max(seq) FROM inbox HAVING max(seq) IS NOT NULL"  # noqa: S608 - no input in it
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    ),
    "DELETE FROM inbox_parts WHERE message IN (SELECT id FROM inbox WHERE seq IN (SELECT value FROM json_each(:keys)))",
    "DELETE FROM inbox WHERE seq IN (SELECT value FROM json_each(:keys))",
)
_EVENTS = (
    "DELETE FROM deliveries WHERE event IN (SELECT value FROM json_each(:keys))",
    "DELETE FROM events WHERE id IN (SELECT value FROM json_each(:keys))",
)


def remove_messages(cx: sqlite3.Connection, seqs: Sequence[int]) -> None:
    """Messages by `seq`, with their attempts, reports, timelines and tags."""
    _run(cx, _MESSAGES, seqs)


def remove_challenges(cx: sqlite3.Connection, ids: Sequence[str]) -> None:
    """Challenges by id, with their messages."""
    query = "SELECT seq FROM messages WHERE challenge_id IN (SELECT value FROM json_each(?))"
    remove_messages(cx, [row["seq"] for row in cx.execute(query, (json.dumps(ids),)).fetchall()])
    cx.execute("DELETE FROM challenges WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(ids),))


def remove_received(cx: sqlite3.Connection, seqs: Sequence[int]) -> None:
    """Received messages by `seq`, with their parts."""
    _run(cx, _INBOX, seqs)


def remove_events(cx: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Events by id, with their deliveries."""
    _run(cx, _EVENTS, ids)


def _run(cx: sqlite3.Connection, statements: Sequence[str], keys: Sequence[int]) -> None:
    if keys:
        for statement in statements:
            cx.execute(statement, {"keys": json.dumps(keys)})
