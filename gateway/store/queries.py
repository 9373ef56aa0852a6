"""Reading the outbox: one message, its timeline, lists, counts; and waiting for a message to end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.messages import Lane, Message, MessageState, Secret, TimelineEntry
from gateway.store.common import FIRST_SINCE, LAST_BEFORE, boot_ms, id_floor, unpack_body, wall_ms
from gateway.store.ledger import message_of
from gateway.store.modes import PARTS_APART
from gateway.store.parts import MESSAGE_COLUMNS
from gateway.store.upkeep import Upkeep

DEPTH_HOLDS = 1.0  # seconds for which one count of the queue holds


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """What a list is narrowed to; times in Unix milliseconds."""

    client: str | None = None
    """None: every client's."""
    state: MessageState | None = None
    to: str | None = None
    tag: str | None = None
    challenge_id: str | None = None
    since: int | None = None
    until: int | None = None


class Queries(Upkeep):
    """The reading side."""

    _depth: tuple[float, int] = (float("-inf"), 0)
    _waiting: tuple[float, dict[Lane, tuple[int, int | None, int]]] = (float("-inf"), {})

    def get(self, message_id: str, client: str | None = None) -> Message | None:
        """A message by id; None where there is none, or not for this client (None: any)."""
        with self._database.read() as cx:
            row = cx.execute(f"SELECT {MESSAGE_COLUMNS} FROM messages AS m WHERE m.id = ?", (message_id,)).fetchone()  # noqa: S608 - columns are ours
        return None if row is None or client not in (None, row["client"]) else message_of(row)

    def timeline(self, message_id: str) -> list[TimelineEntry]:
        """Everything that happened to a message, oldest first."""
        with self._database.read() as cx:
            rows = cx.execute(
                "SELECT * FROM timeline WHERE message = (SELECT seq FROM messages WHERE id = ?) ORDER BY id",
                (message_id,),
            ).fetchall()
        return [
            TimelineEntry(
                at=row["at"],
                state=MessageState(row["state"]),
                reason=row["reason"],
                modem=row["modem"],
                attempt=row["attempt"],
                part=row["part"],
                result=row["result"],
                possible_duplicate=bool(row["duplicate"]),
            )
            for row in rows
        ]

    def text(self, message_id: str) -> Secret | None:
        """The text; None for binary data, and once it was erased."""
        return self.content(message_id)[0]

    def content(self, message_id: str) -> tuple[Secret | None, tuple[bytes, ...]]:
        """Text and segments, as they were enqueued; (None, ()) once they were erased."""
        with self._database.read() as cx:
            row = cx.execute("SELECT id, body FROM messages WHERE id = ?", (message_id,)).fetchone()
        if row is None or row["body"] is None:
            return None, ()
        text, segments = unpack_body(self._cipher.unseal(row["body"], f"messages.body {row['id']}"))
        return text, tuple(segments)

    def list(
        self, filters: MessageFilter, limit: int = 50, cursor: str | None = None
    ) -> tuple[list[Message], str | None]:
        """Messages, newest first, and the cursor of the next page (None at the end).

        Raises ValueError for a cursor that this method did not make.
        """
        if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
            raise ValueError("the cursor is not one that a list gave")
        query, values = _listed(filters, None if cursor is None else int(cursor))
        with self._database.read() as cx:
            rows = cx.execute(f"{query} LIMIT ?", (*values, limit + 1)).fetchall()
        more = str(rows[limit - 1]["seq"]) if len(rows) > limit else None
        return [message_of(row) for row in rows[:limit]], more

    def counts_by_state(self, client: str | None = None) -> dict[MessageState, int]:
        """How many messages are in each state."""
        query = "SELECT state, count(*) AS n FROM messages WHERE ? IS NULL OR client = ? GROUP BY state"
        with self._database.read() as cx:
            found = {row["state"]: row["n"] for row in cx.execute(query, (client, client))}
        return {state: found.get(state.value, 0) for state in MessageState}

    def queue_depth(self) -> int:
        """How many messages are not final and will be sent; one count holds for a second."""
        counted, depth = self._depth
        now = time.monotonic()
        if now - counted >= DEPTH_HOLDS:
            with self._database.read() as cx:
                (depth,) = cx.execute(
                    "SELECT (SELECT count(*) FROM messages WHERE final = 0)"
                    " - (SELECT count(*) FROM messages WHERE final = 0 AND delivery = 2)"
                ).fetchone()
            self._depth = (now, depth)
        return depth

    def codes_ready(self, queues: Iterable[str], most: int) -> int:
        """How many parts of the otp lane wait in those queues, counted up to `most`."""
        return self._ready(queues, most, Lane.OTP)

    def parts_ready(self, queues: Iterable[str], most: int) -> int:
        """How many parts wait in those queues, counted up to `most`."""
        return self._ready(queues, most, Lane.BULK)

    def _ready(self, queues: Iterable[str], most: int, least: Lane) -> int:
        query = (
            "SELECT count(*) FROM (SELECT 1 FROM json_each(?) AS q JOIN attempts AS a"
            " ON a.queue = q.value AND a.state = 'ready' AND a.lane <= ? LIMIT ?)"
        )
        with self._database.read() as cx:
            return int(cx.execute(query, (json.dumps(sorted(queues)), least, most)).fetchone()[0])

    def waiting(self) -> dict[Lane, tuple[int, int]]:
        """By lane: messages of which a part could go now, and since when the oldest could (Unix milliseconds).

        By the wall clock as it is set now: one that was accepted in this boot has not waited for longer because the
        clock was set. Lanes where nothing waits are left out; one look holds for a second.
        """
        now = self._database.clock.now()
        looked, waiting = self._waiting
        if now.boot - looked >= DEPTH_HOLDS:
            depths = (
                "SELECT lane, count(DISTINCT position / :apart), min(position) / :apart FROM attempts"
                " WHERE state = 'ready' GROUP BY lane"
            )
            # A lifetime begins on both clocks at once: its end tells when that was on this boot's.
            start = (
                "SELECT CASE accepted_boot WHEN ? THEN expires_boot - (expires_at - start) END, start FROM"
                " (SELECT *, max(created_at, coalesce(not_before_at, 0)) AS start FROM messages WHERE seq = ?)"
            )
            with self._database.read() as cx:
                waiting = {
                    Lane(lane): (depth, *cx.execute(start, (self._database.boot_number, oldest)).fetchone())
                    for lane, depth, oldest in cx.execute(depths, {"apart": PARTS_APART}).fetchall()
                }
            self._waiting = (now.boot, waiting)
        ahead = wall_ms(now) - boot_ms(now)
        return {lane: (depth, wall if boot is None else boot + ahead) for lane, (depth, boot, wall) in waiting.items()}

    def wait_final(self, message_id: str, seconds: float, client: str | None = None) -> Message | None:
        """The message once its state is final, or as it is after that many seconds; None where there is none."""
        deadline = time.monotonic() + seconds
        event = self.waiters.add(message_id)
        try:
            while True:
                event.clear()  # before the look, so that a change after it is not missed
                message = self.get(message_id, client)
                left = deadline - time.monotonic()
                if message is None or message.final or left <= 0:
                    return message
                event.wait(left)
        finally:
            self.waiters.remove(message_id, event)


# Each list walks an index in the order of the list and ends with its page, however much is kept.
_EVERY = f"SELECT {MESSAGE_COLUMNS} FROM messages AS m WHERE {{}}"  # noqa: S608 - columns are ours
# What is open and what ended in one of the rarer ways: whoever sees everybody's does not walk through all the others.
_OPEN = f"SELECT {MESSAGE_COLUMNS} FROM messages AS m INDEXED BY messages_open WHERE m.final = 0 AND {{}}"  # noqa: S608
_ENDED = _EVERY.format(f"m.final = 1 AND m.state <> '{MessageState.DELIVERED}' AND {{}}")
_TAGGED = (
    f"SELECT {MESSAGE_COLUMNS} FROM message_tags AS t CROSS JOIN messages AS m ON m.seq = t.message"  # noqa: S608 - columns are ours
    " WHERE t.tag = ? AND {}"
)


def _listed(filters: MessageFilter, before: int | None) -> tuple[str, list[object]]:
    """The query of a list, newest first, and its values; `before`: only what comes behind that `seq`."""
    by_tag = filters.tag is not None and filters.to is None and filters.challenge_id is None
    order = "t.message" if by_tag else "m.seq"
    where, values = _conditions(filters, order)
    if before is not None:
        where.append(f"{order} < ?")
        values.append(before)
    if by_tag:
        return f"{_TAGGED.format(' AND '.join(where) or '1')} ORDER BY {order} DESC", [filters.tag, *values]
    if filters.tag is not None:
        where.append("EXISTS (SELECT 1 FROM message_tags WHERE tag = ? AND message = m.seq)")
        values.append(filters.tag)
    condition = " AND ".join(where) or "1"
    narrow = any(one is not None for one in (filters.client, filters.to, filters.challenge_id))
    if narrow or filters.state in (None, MessageState.DELIVERED):
        return f"{_EVERY.format(condition)} ORDER BY {order} DESC", values
    halves = f"{_OPEN.format(condition)} UNION ALL {_ENDED.format(condition)}"
    return f"{halves} ORDER BY seq DESC", [*values, *values]


def _conditions(filters: MessageFilter, order: str) -> tuple[list[str], list[object]]:
    """What narrows a list, tags apart; `order`: the column that it is ordered by."""
    where: list[str] = []
    values: list[object] = []
    since = None if filters.since is None else id_floor(filters.since)
    until = None if filters.until is None else id_floor(filters.until)
    for condition, value in (
        ("m.client = ?", filters.client),
        ("m.recipient = ?", filters.to),
        ("m.state = ?", filters.state),
        ("m.challenge_id = ?", filters.challenge_id),
        ("m.created_at >= ?", filters.since),
        ("m.created_at < ?", filters.until),
        (f"{order} >= {FIRST_SINCE}", since),
        (f"{order} <= {LAST_BEFORE}", until),
    ):
        if value is not None:
            where.append(condition)
            values.append(value)
    return where, values
