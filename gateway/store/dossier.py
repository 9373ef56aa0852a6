"""Everything that is kept about one number, page by page; without copies: events, deliveries, remembered answers."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.messages import Json, Lane, Message, Secret, TimelineEntry
from gateway.store.blocked import BlockedNumber, BlockedNumbers
from gateway.store.caught import Caught
from gateway.store.challenge import Challenge
from gateway.store.challenges import Challenges
from gateway.store.database import Database
from gateway.store.inbox import InboxStore
from gateway.store.ledger import message_of
from gateway.store.outbox import Outbox
from gateway.store.parts import MESSAGE_COLUMNS
from gateway.store.shown import Received

PAGE = 1000
"""Items of one page, all kinds together."""
# Each in the order of its key, so that a page goes on where the one before it ended.
_KEYS = {
    "messages": "SELECT seq AS key, id FROM messages WHERE (recipient = :number OR sent_to = :number) AND seq > :after"
    " ORDER BY seq LIMIT :limit",
    "challenges": "SELECT rowid AS key, id FROM challenges WHERE recipient = :number AND rowid > :after"
    " ORDER BY rowid LIMIT :limit",
    "received": "SELECT seq AS key, id FROM inbox WHERE sender IN (SELECT value FROM json_each(:forms))"
    " AND seq > :after ORDER BY seq LIMIT :limit",
    "caught": "SELECT seq AS key, id FROM caught WHERE recipient = :number AND seq > :after ORDER BY seq LIMIT :limit",
}
_SECTIONS = tuple(_KEYS)


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message with its timeline; its text unless it carries a code."""

    message: Message
    timeline: list[TimelineEntry]
    text: Secret | None
    sent_to: str | None = field(repr=False)
    """The handset that really got it, where a key redirected it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the gateway knows of a number beyond messages; rows of tables, times in Unix milliseconds."""

    blocked: BlockedNumber | None
    wrong_codes: list[Json]
    """For each client: wrong codes in a row, and the lock that came of them."""
    counted: list[Json]
    """The SIMs and months in which it is counted as a recipient."""


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of what is kept about a number."""

    standing: Standing
    messages: list[KeptMessage]
    challenges: list[Challenge]
    received: list[Received]
    caught: list[Caught]
    cursor: str | None
    """Of the next page; None at the end."""


class Dossier:
    """Reads what is kept about a number. `forms`: how else the number is written, as a sender."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        challenges: Challenges,
        inbox: InboxStore,
        blocked: BlockedNumbers,
    ) -> None:
        self._database, self._outbox, self._challenges = database, outbox, challenges
        self._inbox, self._blocked = inbox, blocked

    def page(self, number: str, forms: Sequence[str], cursor: str | None = None, limit: int = PAGE) -> Page:
        """At most `limit` items; raises ValueError for a cursor that this method did not make."""
        section, after = _read(cursor)
        found: dict[str, list[str]] = {name: [] for name in _SECTIONS}
        more: str | None = None
        with self._database.read() as cx:
            standing = _standing(cx, number, self._blocked.get(number))
            for name in _SECTIONS[_SECTIONS.index(section) :]:
                room = limit - sum(map(len, found.values()))
                values = {"number": number, "forms": json.dumps(forms), "after": after, "limit": room + 1}
                rows = cx.execute(_KEYS[name], values).fetchall()
                found[name] = [row["id"] for row in rows[:room]]
                if len(rows) > room:
                    more = f"{name}-{rows[room - 1]['key'] if room else after}"
                    break
                after = 0
        return Page(
            standing,
            [kept for one in found["messages"] if (kept := self._message(one)) is not None],
            [challenge for one in found["challenges"] if (challenge := self._challenges.get(one)) is not None],
            [received for one in found["received"] if (received := self._inbox.get(one)) is not None],
            [caught for one in found["caught"] if (caught := self._outbox.caught.get(one)) is not None],
            more,
        )

    def _message(self, message_id: str) -> KeptMessage | None:
        query = f"SELECT {MESSAGE_COLUMNS} FROM messages AS m WHERE m.id = ?"  # noqa: S608 - columns are ours
        with self._database.read() as cx:
            row = cx.execute(query, (message_id,)).fetchone()
        if row is None:
            return None
        text = None if row["lane"] == Lane.OTP else self._outbox.text(message_id)
        return KeptMessage(message_of(row), self._outbox.timeline(message_id), text, row["sent_to"])


def _read(cursor: str | None) -> tuple[str, int]:
    if cursor is None:
        return _SECTIONS[0], 0
    section, _, after = cursor.partition("-")
    if section not in _SECTIONS or not (after.isascii() and after.isdigit() and len(after) < 19):
        raise ValueError("the cursor is not one that an export gave")
    return section, int(after)


def _standing(cx: sqlite3.Connection, number: str, blocked: BlockedNumber | None) -> Standing:
    wrong = cx.execute(
        "SELECT client, failures, newest_at, locked_until, stopped_at FROM guesses WHERE recipient = ?", (number,)
    )
    return Standing(
        blocked,
        [dict(row) for row in wrong],
        [{"imsi": imsi, "since": period} for imsi, period in counted_in(cx, number)],
    )


def counted_in(cx: sqlite3.Connection, number: str) -> list[tuple[str, int]]:
    """The SIMs and periods that count the number, without reading the others' rows."""
    found: list[tuple[str, int]] = []
    imsi, period = "", -1
    while True:
        query = "SELECT imsi, period FROM sim_recipients WHERE (imsi, period) > (?, ?) ORDER BY imsi, period LIMIT 1"
        row = cx.execute(query, (imsi, period)).fetchone()
        if row is None:
            return found
        imsi, period = row["imsi"], row["period"]
        query = "SELECT 1 FROM sim_recipients WHERE imsi = ? AND period = ? AND recipient = ?"
        if cx.execute(query, (imsi, period, number)).fetchone() is not None:
            found.append((imsi, period))
