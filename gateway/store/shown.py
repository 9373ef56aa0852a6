"""Received messages as they are shown: one of them, and pages of them."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field

from gateway.messages import Secret
from gateway.store.cipher import Cipher
from gateway.store.common import id_floor

# An id begins with the time at which its message was shown, which is never before it was received: where the walk ends.
_FIRST_SINCE = "(SELECT min(seq) FROM (SELECT seq FROM inbox WHERE id >= :floor ORDER BY id LIMIT 1000))"
# And where it begins: what came in whole was shown when it was received. What waited for parts that never came was
# shown later; there is little of that, and it has an index.
_LAST_BEFORE = "SELECT max(seq) FROM (SELECT seq FROM inbox WHERE id < ? ORDER BY id DESC LIMIT 1000)"
_LISTED = "SELECT * FROM inbox WHERE {0} ORDER BY seq DESC LIMIT :limit"
_LISTED_UNTIL = (
    "SELECT * FROM inbox WHERE {0} AND seq <= :last UNION ALL"
    " SELECT * FROM inbox INDEXED BY inbox_late WHERE missing > 0 AND {0} AND seq > :last"
    " ORDER BY seq DESC LIMIT :limit"
)


@dataclass(frozen=True, slots=True)
class Received:
    """A received message; times in Unix milliseconds."""

    id: str
    sender: str = field(repr=False)
    text: Secret | None
    """None for octets, and for what could not be read."""
    data: bytes | None = field(repr=False)
    """The octets of a binary message, or the raw PDU of one that could not be read."""
    ports: tuple[int, int] | None
    """Destination and source port, where named."""
    parts: int
    missing: int
    """Parts that never came."""
    readable: bool
    modem: str
    imsi: str = field(repr=False)
    sent_at: int | None
    """The service centre's time stamp."""
    received_at: int
    seq: int
    """Order of arrival; see `InboxStore.next_after`."""


def received_of(row: sqlite3.Row, cipher: Cipher) -> Received:
    """A row of the table, opened; raises StoreDamaged where its body cannot be read."""
    body = json.loads(cipher.unseal(row["body"], f"inbox.body {row['id']}"))
    return Received(
        id=row["id"],
        sender=row["sender"],
        text=None if body["text"] is None else Secret(body["text"]),
        data=None if body["data"] is None else bytes.fromhex(body["data"]),
        ports=None if body["ports"] is None else (body["ports"][0], body["ports"][1]),
        parts=row["parts"],
        missing=row["missing"],
        readable=bool(row["readable"]),
        modem=row["modem"],
        imsi=row["imsi"],
        sent_at=row["sent_at"],
        received_at=row["received_at"],
        seq=row["seq"],
    )


def listed(
    cx: sqlite3.Connection,
    limit: int,
    before: int | None,
    *,
    sender: str | None,
    since: int | None,
    until: int | None,
) -> list[sqlite3.Row]:
    """Rows, newest first; `before`: only what comes behind that `seq`. Ends with its page, however much is kept."""
    where = {
        "sender = :sender": sender,
        "seq < :before": before,
        f"received_at >= :since AND seq >= {_FIRST_SINCE}": since,
        "received_at < :until": until,
    }
    condition = " AND ".join(term for term, value in where.items() if value is not None) or "1"
    values: dict[str, object] = {"sender": sender, "before": before, "since": since, "until": until, "limit": limit}
    if since is not None:
        values["floor"] = id_floor(since)
    if until is not None:
        values["last"] = cx.execute(_LAST_BEFORE, (id_floor(until),)).fetchone()[0] or 0
    query = _LISTED if until is None else _LISTED_UNTIL
    return cx.execute(query.format(condition), values).fetchall()
