"""Codes that replace each other on the handset: which TP-PID type whose codes have, and which SIM sent the last one.

A handset replaces a message by one of the same type from the same number (23.040 9.2.3.9), so it takes both.
"""

from __future__ import annotations

import sqlite3

from gateway.store.states import MAYBE_LEFT

TYPES = range(1, 8)
_LEFT = ", ".join(f"'{state.value}'" for state in sorted(MAYBE_LEFT))
_LOOKED_AT = 20  # newest messages to a number in which the last code is looked for


def type_for(cx: sqlite3.Connection, client: str, purpose: str) -> int | None:
    """The replace type of a client's codes for a purpose; None where all seven are given to others.

    Two of them never share one: a handset would let the code of one application overwrite another's.
    """
    query = "SELECT type FROM replace_types WHERE client = ? AND purpose = ?"
    if (row := cx.execute(query, (client, purpose)).fetchone()) is not None:
        return int(row["type"])
    taken = {row["type"] for row in cx.execute("SELECT type FROM replace_types")}
    free = next((kind for kind in TYPES if kind not in taken), None)
    if free is not None:
        cx.execute("INSERT INTO replace_types (type, client, purpose) VALUES (?, ?, ?)", (free, client, purpose))
    return free


def last_sim(cx: sqlite3.Connection, client: str, to: str, kind: int) -> str | None:
    """IMSI of the SIM that sent the newest code of that type to that number; None where none may have left."""
    row = cx.execute(
        "SELECT a.imsi FROM (SELECT seq, replace_type FROM messages WHERE recipient = ? AND client = ?"  # noqa: S608 - states are ours
        f" ORDER BY seq DESC LIMIT {_LOOKED_AT}) AS m JOIN attempts AS a ON a.message = m.seq"
        f" WHERE m.replace_type = ? AND a.state IN ({_LEFT}) ORDER BY m.seq DESC, a.id DESC LIMIT 1",
        (to, client, kind),
    ).fetchone()
    return None if row is None else row["imsi"]
