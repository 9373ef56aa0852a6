"""Everything about one number, erased: from the tables, from copies of it, and from the files.

A part that a modem holds, or held a moment ago, stays: its outcome is still to be written, and its attempt must be
there then. Erasing again later takes that too.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from gateway.messages import MessageState
from gateway.store.challenge import ChallengeState
from gateway.store.challenges import Challenges
from gateway.store.common import ms, recipient_tail, wall_ms
from gateway.store.database import Database
from gateway.store.dossier import counted_in
from gateway.store.errors import Conflict, StoreDamaged
from gateway.store.inbox import InboxStore
from gateway.store.outbox import Outbox
from gateway.store.removal import remove_challenges, remove_events, remove_messages, remove_received
from hardware.clock import Instant

CHUNK = 100  # messages that one transaction erases at most
LOOKED_AT = 1000  # sealed rows that are opened in one reading transaction
IN_HAND = 600.0  # seconds after a claim in which a modem's thread may still tell what became of it

_OF_NUMBER = "(m.recipient = :number OR m.sent_to = :number)"
_OPEN = (
    f"SELECT m.seq, m.id FROM messages AS m WHERE {_OF_NUMBER} AND m.final = 0 AND m.withdrawn IS NULL"  # noqa: S608
    " AND m.seq > :after ORDER BY m.seq LIMIT :limit"
)
_SETTLED = (
    f"SELECT m.seq FROM messages AS m WHERE {_OF_NUMBER} AND m.final = 1 AND NOT EXISTS"  # noqa: S608
    " (SELECT 1 FROM attempts WHERE message = m.seq AND claimed_at > :lately"
    " AND state NOT IN ('accepted', 'refused', 'delivered', 'undelivered'))"
    " AND m.seq > :after ORDER BY m.seq LIMIT :limit"
)
_CHALLENGES = (
    "SELECT id FROM challenges AS c WHERE recipient = ? AND state <> 'pending'"
    " AND NOT EXISTS (SELECT 1 FROM messages WHERE challenge_id = c.id) LIMIT ?"
)


@dataclass(slots=True)
class Erased:
    """How much was erased, and what had to stay."""

    cancelled: int = 0
    """Messages that waited, and were cancelled first."""
    messages: int = 0
    challenges: int = 0
    received: int = 0
    caught: int = 0
    events: int = 0
    answers: int = 0
    """Answers that were remembered under an Idempotency-Key."""
    reports: int = 0
    """Reports whose message was never found."""
    counters: int = 0
    """Of wrong codes, and as a SIM's recipient."""
    remaining: int = 0
    """Messages that are on the air, or were a moment ago: erase again later."""
    blocked: bool = False
    """Whether the number is still in the list of those that are never sent to."""
    keys: list[str] = field(default_factory=list)
    """Ids of keys that redirect to the number: an operator's handset, which is not erased by itself."""
    files_clean: bool = False
    """Whether the write-ahead log was emptied; another program that reads the database keeps it from that."""


class Erasure:
    """Erases what is kept about a number."""

    def __init__(self, database: Database, outbox: Outbox, challenges: Challenges, inbox: InboxStore) -> None:
        self._database, self._cipher = database, database.cipher
        self._outbox, self._challenges, self._inbox = outbox, challenges, inbox

    def erase(self, number: str, forms: Sequence[str], now: Instant, *, forget_block: bool = False) -> Erased:
        """Erase everything about a number; `forms`: how else it is written. The list of blocked numbers keeps it,
        or it would be sent to again, unless `forget_block`.
        """
        erased = Erased()
        erased.cancelled = self._cancel(number, now)
        erased.messages = self._messages(number, now)
        erased.challenges = self._challenges_of(number)
        erased.received = self._received(forms)
        erased.caught, erased.reports, erased.counters = self._small(number, forget_block=forget_block)
        erased.events = self._events(forms, now)
        erased.answers = self._answers(forms)
        erased.keys = self._keys(number)
        query = f"SELECT count(*) FROM messages AS m WHERE {_OF_NUMBER}"  # noqa: S608 - no input in it
        with self._database.read() as cx:
            erased.remaining = cx.execute(query, {"number": number}).fetchone()[0]
            blocked = cx.execute("SELECT 1 FROM blocked_numbers WHERE recipient = ?", (number,)).fetchone()
        erased.blocked = blocked is not None
        erased.files_clean = self._database.checkpoint()
        return erased

    # -- messages and challenges --------------------------------------------------------------------------------------

    def _cancel(self, number: str, now: Instant) -> int:
        query = "SELECT id FROM challenges WHERE recipient = ? AND state = 'pending'"
        with self._database.read() as cx:
            open_ones = [row["id"] for row in cx.execute(query, (number,)).fetchall()]
        before = self._withdrawn(number)
        for challenge_id in open_ones:
            with self._database.mark() as cx:
                self._challenges.close(cx, challenge_id, ChallengeState.CANCELLED, now)
        for rows in self._chunks(_OPEN, {"number": number}):
            with self._database.mark() as cx:
                for row in rows:
                    self._cancel_one(cx, row["id"], now)
        return self._withdrawn(number) - before

    def _withdrawn(self, number: str) -> int:
        query = f"SELECT count(*) FROM messages AS m WHERE {_OF_NUMBER} AND state = 'cancelled'"  # noqa: S608
        with self._database.read() as cx:
            return int(cx.execute(query, {"number": number}).fetchone()[0])

    def _cancel_one(self, cx: sqlite3.Connection, message_id: str, now: Instant) -> None:
        try:
            with self._database.alone():
                assert self._outbox.cancel(cx, message_id, now).state is MessageState.CANCELLED
        except (Conflict, KeyError):
            return  # it may have left, or it is gone: what it comes to is waited for

    def _messages(self, number: str, now: Instant) -> int:
        done = 0
        values = {"number": number, "lately": wall_ms(now) - ms(IN_HAND)}
        for rows in self._chunks(_SETTLED, values):
            with self._database.mark() as cx:
                remove_messages(cx, [row["seq"] for row in rows])
            done += len(rows)
        return done

    def _challenges_of(self, number: str) -> int:
        done = 0
        while True:
            with self._database.mark() as cx:
                ids = [row["id"] for row in cx.execute(_CHALLENGES, (number, CHUNK)).fetchall()]
                remove_challenges(cx, ids)
            done += len(ids)
            if len(ids) < CHUNK:
                return done

    def _chunks(self, query: str, values: dict[str, object]) -> Iterator[list[sqlite3.Row]]:
        after = 0
        while True:
            with self._database.read() as cx:
                rows = cx.execute(query, {**values, "after": after, "limit": CHUNK}).fetchall()
            if rows:
                yield rows
                after = rows[-1]["seq"]
            if len(rows) < CHUNK:
                return

    # -- received, and what is counted ---------------------------------------------------------------------------------

    def _received(self, forms: Sequence[str]) -> int:
        done = 0
        query = "SELECT seq FROM inbox WHERE sender IN (SELECT value FROM json_each(?)) LIMIT ?"
        while True:
            with self._database.mark() as cx:
                seqs = [row["seq"] for row in cx.execute(query, (json.dumps(forms), CHUNK)).fetchall()]
                remove_received(cx, seqs)
                if len(seqs) < CHUNK:
                    return done + len(seqs) + self._inbox.forget_waiting(cx, forms)
            done += len(seqs)

    def _small(self, number: str, *, forget_block: bool) -> tuple[int, int, int]:
        """What of a number is a few rows at most: caught messages, reports without a message, counters, the block."""
        with self._database.mark() as cx:
            caught = cx.execute("DELETE FROM caught WHERE recipient = ?", (number,)).rowcount
            query = "DELETE FROM reports WHERE outcome <> 'matched' AND recipient_tail = ?"
            reports = cx.execute(query, (recipient_tail(number),)).rowcount
            counters = cx.execute("DELETE FROM guesses WHERE recipient = ?", (number,)).rowcount
            for imsi, period in counted_in(cx, number):
                query = "DELETE FROM sim_recipients WHERE imsi = ? AND period = ? AND recipient = ?"
                counters += cx.execute(query, (imsi, period, number)).rowcount
            if forget_block:
                cx.execute("DELETE FROM blocked_numbers WHERE recipient = ?", (number,))
        return caught, reports, counters

    def _keys(self, number: str) -> list[str]:
        """Forget whom keys that were revoked redirected to: they send nothing more. Returns the others' ids."""
        ended = "UPDATE keys SET policy = json_set(json_remove(policy, '$.redirect_to'), '$.delivery', 'catch')"
        that = "json_extract(policy, '$.redirect_to') = ?"
        with self._database.mark() as cx:
            cx.execute(f"{ended} WHERE {that} AND revoked_at IS NOT NULL", (number,))
            rows = cx.execute(f"SELECT id FROM keys WHERE {that} ORDER BY id", (number,)).fetchall()  # noqa: S608
        return [row["id"] for row in rows]

    # -- copies -------------------------------------------------------------------------------------------------------

    def _events(self, forms: Sequence[str], now: Instant) -> int:
        """Events that name the number, with their deliveries, also those that are still to be made."""
        done, after = 0, 0
        names = _naming(forms)
        while True:
            query = "SELECT id, subject, body FROM events WHERE id > ? ORDER BY id LIMIT ?"
            with self._database.read() as cx:
                rows = cx.execute(query, (after, LOOKED_AT)).fetchall()
            hits = [row["id"] for row in rows if names(self._opened(row["body"], f"events.body {row['subject']}"))]
            if hits:
                with self._database.mark() as cx:
                    self._remove_events(cx, hits, now)
            done += len(hits)
            if len(rows) < LOOKED_AT:
                return done
            after = rows[-1]["id"]

    def _remove_events(self, cx: sqlite3.Connection, ids: Sequence[int], now: Instant) -> None:
        """The newest event and the newest delivery stay as empty rows: their ids must not be given again, because
        streams resume by the one, and who is sending the other will settle it by its id.
        """
        newest = cx.execute("SELECT max(id) FROM events").fetchone()[0]
        delivery = cx.execute("SELECT id, event FROM deliveries ORDER BY id DESC LIMIT 1").fetchone()
        emptied = {newest} if delivery is None else {newest, delivery["event"]}
        remove_events(cx, [one for one in ids if one not in emptied])
        for one in emptied.intersection(ids):
            subject = cx.execute("SELECT subject FROM events WHERE id = ?", (one,)).fetchone()["subject"]
            body = self._cipher.seal(json.dumps({"id": subject, "erased": True}).encode(), f"events.body {subject}")
            cx.execute("UPDATE events SET body = ? WHERE id = ?", (body, one))
            last = 0 if delivery is None else delivery["id"]
            cx.execute("DELETE FROM deliveries WHERE event = ? AND id <> ?", (one, last))
            query = "UPDATE deliveries SET state = 'done', error = NULL, done_at = ? WHERE event = ?"
            cx.execute(query, (wall_ms(now), one))

    def _answers(self, forms: Sequence[str]) -> int:
        done = 0
        client, key = "", b""
        names = _naming(forms)
        while True:
            query = "SELECT * FROM idempotency WHERE (client, key) > (?, ?) ORDER BY client, key LIMIT ?"
            with self._database.read() as cx:
                rows = cx.execute(query, (client, key, LOOKED_AT)).fetchall()
            hits = [row for row in rows if names(self._opened(row["answer"], f"idempotency.answer {row['client']}"))]
            if hits:
                with self._database.mark() as cx:
                    query = "DELETE FROM idempotency WHERE client = ? AND key = ?"
                    cx.executemany(query, [(row["client"], row["key"]) for row in hits])
            done += len(hits)
            if len(rows) < LOOKED_AT:
                return done
            client, key = rows[-1]["client"], rows[-1]["key"]

    def _opened(self, sealed: bytes, where: str) -> bytes:
        try:
            return self._cipher.unseal(sealed, where)
        except StoreDamaged:
            return b""  # nobody can read it


def _naming(forms: Sequence[str]) -> Callable[[bytes], bool]:
    """Whether a JSON document has the number, in any of its forms, as a value."""
    values = [json.dumps(form).encode() for form in forms]
    return lambda document: any(value in document for value in values)
