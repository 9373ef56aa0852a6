"""What every part of the outbox shares."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from functools import partial

from gateway.messages import AttemptState, Lane, Message
from gateway.store.case import Case, Settings
from gateway.store.caught import CaughtStore
from gateway.store.common import Waiters
from gateway.store.database import Database
from gateway.store.events import Events
from gateway.store.ledger import Ledger, message_of

MESSAGE_COLUMNS = "m.*, (SELECT min(due_at) FROM attempts WHERE message = m.seq AND state = 'waiting') AS next_due_at"


class Room:
    """Base of the outbox's parts."""

    def __init__(self, database: Database, settings: Settings, events: Events) -> None:
        self._database, self._settings, self._cipher = database, settings, database.cipher
        self.waiters = Waiters()
        self.caught = CaughtStore(database)
        self.on_accepted: Callable[[Lane, int], None] = lambda _lane, _count: None
        """Called after a commit with how many messages of a lane were taken."""
        self.on_code: Callable[[str], None] = lambda _message: None
        """Called after a commit with the id of each message that carries a code and is to be sent."""
        self.on_code_ready: Callable[[str], None] = lambda _queue: None
        """Called after a commit with the queue in which a part of a code became ready again, or once more."""
        self.on_delivered: Callable[[str, str | None, float], None] = lambda _modem, _country, _seconds: None
        """Called after a commit for each part that its handset has: by which modem, in which country, and how many
        seconds after its submit the report came."""
        self._ledger = Ledger(database, self.waiters.tell, settings, events)

    def _case(self, cx: sqlite3.Connection, attempt_id: int) -> Case:
        query = "SELECT * FROM messages WHERE seq = (SELECT message FROM attempts WHERE id = ?)"
        row = cx.execute(query, (attempt_id,)).fetchone()
        if row is None:
            raise KeyError(attempt_id)
        return Case(cx, row["seq"], row)

    def _seq(self, cx: sqlite3.Connection, message_id: str) -> int:
        row = cx.execute("SELECT seq FROM messages WHERE id = ?", (message_id,)).fetchone()
        if row is None:
            raise KeyError(message_id)
        return int(row["seq"])

    def _message(self, cx: sqlite3.Connection, message_id: str) -> Message:
        row = cx.execute(f"SELECT {MESSAGE_COLUMNS} FROM messages AS m WHERE m.id = ?", (message_id,)).fetchone()  # noqa: S608 - columns are ours
        return message_of(row)

    def _tell_ready(self, case: Case, generation: int) -> None:
        """Tell, after the commit, where parts of a code's sending are ready, if any are."""
        if case.message["lane"] != Lane.OTP:
            return
        self._tell_queues(
            {
                row["queue"]
                for row in case.attempts
                if row["generation"] == generation and row["state"] == AttemptState.READY
            }
        )

    def _tell_queues(self, queues: Iterable[str]) -> None:
        """Tell, after the commit, of queues in which parts of codes are ready."""
        for queue in queues:
            self._database.after_commit(partial(self.on_code_ready, queue))

    def _gather(self, case: Case, generation: int, queue: str) -> None:
        """Keep the parts that have not left, and belong to one sending, in one queue."""
        movable = (AttemptState.READY, AttemptState.WAITING)
        case.change(
            [
                row["id"]
                for row in case.attempts
                if row["generation"] == generation and row["state"] in movable and row["queue"] != queue
            ],
            queue=queue,
        )

    def _regroup(self, case: Case, generation: int) -> None:
        """Let a sending wait where its parts may be taken: by the SIM it is bound to, else by any of its home."""
        held = [
            row
            for row in case.attempts
            if row["generation"] == generation and row["state"] in (AttemptState.CLAIMED, AttemptState.SUBMITTING)
        ]
        if held:
            self._gather(case, generation, f"sim:{held[0]['imsi']}")
        elif case.bound_to(generation) is not None or not case.second_way(generation):
            # (A second way waits on for its own SIM: at home the first one's might take it.)
            self._gather(case, generation, case.queue_of(generation))
