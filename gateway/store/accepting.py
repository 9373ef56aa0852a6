"""Messages into the outbox: each with its first attempts and the first row of its timeline, many in few statements."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from gateway.messages import OWN_CLIENTS, Lane, Message, MessageState, NewMessage
from gateway.policy import Delivery
from gateway.store.case import Case
from gateway.store.common import boot_ms, ms, new_id, pack_body, recipient_tail, wall_ms
from gateway.store.modes import PARTS_APART, Modes
from gateway.store.rows import insert
from hardware.clock import Instant

_MESSAGES = (
    "messages (seq, id, client, recipient, country, lane, state, parts, encoding, body, report,"
    " replace_type, flash, silent, on_unknown, home, wanted, challenge_id, client_ref, tags, warnings,"
    " created_at, not_before_at, expires_at, expires_boot, spare, check_boot, accepted_boot,"
    " key_id, delivery, sent_to)"
)
_MESSAGE = "(?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_TIMELINE = "INSERT INTO timeline (message, at, state) SELECT seq, created_at, 'queued' FROM messages WHERE seq >= ?"
_ATTEMPTS = (
    "attempts (message, part, generation, number, kind, lane, position, state, queue, due_boot, due_at,"
    " concat_reference, recipient_tail)"
)
_ATTEMPT = "(?, ?, 0, 1, 'first', ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message of which everything is made but its place in the outbox."""

    message: Message
    """As its client will see it."""
    new: NewMessage
    now: Instant
    row: tuple[object, ...] = field(repr=False)


class Accepting(Modes):
    """Enqueue."""

    def enqueue(self, cx: sqlite3.Connection, new: NewMessage, now: Instant) -> Message:
        """Store an accepted message, inside `db.accept`; it is durable once that returns."""
        prepared = self.prepared((new,), now)
        self.put(cx, prepared)
        return prepared[0].message

    def prepared(self, new: Sequence[NewMessage], now: Instant) -> list[Prepared]:
        """Make what `put` will store: all that needs no transaction, so that nobody waits for it."""
        # Whoever asks for many asks for the same text: it is packed once, and sealed for each message by itself.
        packed = lru_cache(maxsize=1)(pack_body) if len(new) > 1 else pack_body
        return [self._prepared(one, packed(one.text, one.segments), now) for one in new]

    def put(self, cx: sqlite3.Connection, prepared: Sequence[Prepared]) -> None:
        """Store accepted messages, inside `db.accept`; they are durable once that returns."""
        first = cx.execute("SELECT coalesce(max(seq), 0) + 1 FROM messages").fetchone()[0]
        numbered = list(enumerate(prepared, first))
        insert(cx, _MESSAGES, _MESSAGE, [(seq, *one.row) for seq, one in numbered])
        cx.execute(_TIMELINE, (first,))
        attempts = [row for seq, one in numbered for row in self._first_attempts(seq, one.new, one.now)]
        insert(cx, _ATTEMPTS, _ATTEMPT, attempts)
        if tags := [(tag, seq) for seq, one in numbered for tag in one.new.tags]:
            cx.executemany("INSERT OR IGNORE INTO message_tags VALUES (?, ?)", tags)
        for seq, one in numbered:
            if _caught_at_once(one.new, one.now):
                self._keep_caught(Case(cx, seq), one.now, one.new.text, one.new.segments, one.new.code)
        self._database.after_commit(lambda: self._tell_accepted(prepared))

    def _prepared(self, new: NewMessage, body: bytes, now: Instant) -> Prepared:
        message_id = new_id(now)
        start = _start(new, now)
        expires = now.after(new.lifetime) if start is None else start.after(new.lifetime)
        spare = ms(min(self._settings.min_remaining, new.lifetime / 2)) if new.lane is Lane.OTP else 0
        message = Message(
            id=message_id,
            client=new.client,
            to=new.to,
            state=MessageState.QUEUED,
            reason=None,
            parts=len(new.segments),
            encoding=new.encoding,
            lane=new.lane,
            modem=new.modem,
            attempts=0,
            report=new.report,
            created_at=wall_ms(now),
            expires_at=wall_ms(expires),
            next_attempt_at=None if start is None else wall_ms(start),
            sent_at=None,
            delivered_at=None,
            client_ref=new.client_ref,
            tags=new.tags,
            warnings=new.warnings,
            challenge_id=new.challenge_id,
            final=False,
        )
        sealed = self._cipher.seal(body, f"messages.body {message_id}")
        row = (
            *(message_id, new.client, new.to, new.country, int(new.lane), len(new.segments), new.encoding),
            *(sealed, int(new.report), new.replace, int(new.flash), int(new.silent), new.on_unknown, new.route),
            *(new.modem, new.challenge_id, new.client_ref, _listed(new.tags), _listed(new.warnings)),
            *(message.created_at, None if new.not_before is None else wall_ms(start or now), message.expires_at),
            *(boot_ms(expires), spare, boot_ms(expires) - spare, self._database.boot_number, new.key_id),
            *(new.delivery, new.sent_to),
        )
        return Prepared(message, new, now, row)

    @staticmethod
    def _first_attempts(seq: int, new: NewMessage, now: Instant) -> list[tuple[object, ...]]:
        """The rows of a message's first attempts, which wait until its start where it has one."""
        if _caught_at_once(new, now):
            return []
        start = _start(new, now)
        state, boot, wall = ("ready", None, None) if start is None else ("waiting", boot_ms(start), wall_ms(start))
        shared = (new.concat_reference, recipient_tail(new.sent_to or new.to))
        lane, queue = int(new.lane), queue_of(new)
        return [
            (seq, part, lane, seq * PARTS_APART + part, state, queue, boot, wall, *shared)
            for part in range(1, len(new.segments) + 1)
        ]

    def _tell_accepted(self, prepared: Sequence[Prepared]) -> None:
        of_clients = [one for one in prepared if one.new.client not in OWN_CLIENTS]
        for lane, count in Counter(one.new.lane for one in of_clients).items():
            self.on_accepted(lane, count)
        for one in of_clients:
            if one.new.lane is Lane.OTP and one.new.delivery != Delivery.CATCH:
                self.on_code(one.message.id)


def queue_of(new: NewMessage) -> str:
    """The queue that a new message waits in."""
    return new.route if new.sim is None else f"sim:{new.sim}"


def _start(new: NewMessage, now: Instant) -> Instant | None:
    """When the message may go, where that is later than now."""
    if new.not_before is None or new.not_before <= now.wall:
        return None
    return now.after(new.not_before - now.wall)


def _caught_at_once(new: NewMessage, now: Instant) -> bool:
    return new.delivery == Delivery.CATCH and _start(new, now) is None


def _listed(words: tuple[str, ...]) -> str:
    return json.dumps(words) if words else "[]"
