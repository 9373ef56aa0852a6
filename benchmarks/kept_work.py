"""What is asked of a store in P7: each operation of the product once, through the store's public methods."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

from benchmarks.copier import APART
from benchmarks.kept import TAG
from benchmarks.rig import CLIENT, OTP_TEXT
from gateway.messages import Lane, MessageState, NewMessage, Report, Secret
from gateway.store import Keep, MessageFilter, NewChallenge, Slot, Store
from hardware.clock import FakeClock, SystemClock
from hardware.pdu import segment

IMSI = "001010000000001"
SLOT = Slot("sim1", IMSI, ("route:",))


class Work:
    """One kept database, opened as the service does; the clock stands still but for what each operation adds."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        now = SystemClock().now()
        self.clock = FakeClock(wall=now.wall, boot=now.boot)
        self.store = Store.open(folder / "bench.db", folder / "bench.key", self.clock)
        self._chance, self._references = chance, 0
        with self.store.database.read() as cx:
            first, self._newest = cx.execute(
                "SELECT (SELECT min(seq) FROM messages), (SELECT max(seq) FROM messages)"
            ).fetchone()
            self._kept = self._newest - first + 1
            (self._oldest,) = cx.execute("SELECT created_at FROM messages WHERE seq = ?", (first,)).fetchone()
        self.people = self._people()
        self.ids = [self._id(chance.randint(1, self._newest)) for _ in range(500)]
        self._sent: tuple[int, str, str] | None = None
        self._claimed = 0
        self._challenge = ""

    def operations(self) -> dict[str, Callable[[], object]]:
        """By name, in the order in which they can be done."""
        outbox, inbox = self.store.outbox, self.store.inbox

        def listed(limit: int = 50, **filters: object) -> Callable[[], object]:
            return lambda: outbox.list(MessageFilter(**filters), limit)  # type: ignore[arg-type]

        return {
            "accept a message": self._accept,
            "accept a code": self._accept_code,
            "check a code": self._check,
            "claim": self._claim,
            "mark before the PDU": self._begin,
            "result": self._result,
            "report that fits": self._report,
            "report of an unknown reference": self._stray,
            "message by id": lambda: outbox.get(self._chance.choice(self.ids)),
            "timeline": lambda: outbox.timeline(self._chance.choice(self.ids)),
            "list": listed(client=CLIENT),
            "list of everybody": listed(),
            "list by state": listed(client=CLIENT, state=MessageState.FAILED),
            "list by state of everybody": listed(state=MessageState.FAILED),
            "list by a state that nothing has": listed(client=CLIENT, state=MessageState.UNDELIVERED),
            "list by a state that nothing has, of everybody": listed(state=MessageState.UNDELIVERED),
            "list by number": lambda: outbox.list(MessageFilter(client=CLIENT, to=self._number())),
            "list by number of everybody": lambda: outbox.list(MessageFilter(to=self._number())),
            "list by number and state": lambda: outbox.list(
                MessageFilter(client=CLIENT, to=self._number(), state=MessageState.DELIVERED)
            ),
            "list by tag": listed(client=CLIENT, tag=TAG),
            "list by tag of everybody": listed(tag=TAG),
            "list by tag and state": listed(client=CLIENT, tag=TAG, state=MessageState.DELIVERED),
            "list by a tag that nothing has": listed(client=CLIENT, tag="nothing"),
            "list since": lambda: outbox.list(MessageFilter(client=CLIENT, since=self._moment())),
            "list of a hundred minutes": self._a_while,
            "list of a hundred minutes by state": lambda: self._a_while(state=MessageState.FAILED),
            "list of a hundred minutes by tag": lambda: self._a_while(tag=TAG),
            "statistics of 6 hours": lambda: self.store.stats.window(21_600.0, self.clock.now(), CLIENT),
            "inbox": lambda: inbox.list(),
            "inbox by number": lambda: inbox.list(sender=self._number()),
            "inbox of a hundred minutes": self._inbox_a_while,
            "what is kept about a number": lambda: self.store.dossier.page(number := self._number(), [number]),
            "events after one": lambda: self.store.events.after(self.store.events.span()[1] - 50),
            "round of the clockwork": self._round,
        }

    # -- going in and out ---------------------------------------------------------------------------------------------

    def _new(self, to: str, lane: Lane, text: str, challenge: str | None = None) -> NewMessage:
        segmentation = segment(text)
        return NewMessage(
            client=CLIENT,
            to=to,
            country="GB",
            lane=lane,
            lifetime=300.0,
            text=Secret(text),
            segments=tuple(part.to_bytes() for part in segmentation.segments),
            encoding="gsm7",
            concat_reference=1,
            route="route:",
            challenge_id=challenge,
        )

    def _accept(self) -> None:
        new = self._new(self._number(), Lane.NORMAL, "Your parcel comes tomorrow between 10 and 12.")
        outbox, now = self.store.outbox, self.clock.now()
        self.store.outbox.queue_depth()
        self.store.database.accept(lambda cx: (self.store.blocked.among(cx, [new.to]), outbox.enqueue(cx, new, now)))

    def _accept_code(self) -> None:
        now, challenges, outbox = self.clock.now(), self.store.challenges, self.store.outbox
        self._challenge = challenges.new_id(now)
        new = NewChallenge(
            CLIENT, self._number(), "login", b"x" * 32, 300.0, 5, details={"length": 6}, id=self._challenge
        )
        messages = outbox.prepared([self._new(new.to, Lane.OTP, OTP_TEXT, self._challenge)], now)

        def transaction(cx: sqlite3.Connection) -> None:
            guesses = challenges.guesses.look(cx, new.whose, now)
            challenges.before(cx, [(new, guesses, now)])
            challenges.put(cx, [challenges.prepared(new, guesses, now, messages[0].message.id)])
            outbox.put(cx, messages)

        self.store.database.accept(transaction)

    def _check(self) -> None:
        self.store.challenges.check(self._challenge, CLIENT, lambda _: False, self.clock.now())

    def _claim(self) -> None:
        claimed = self.store.outbox.claim(SLOT, self.clock.now())
        assert claimed is not None
        self._claimed = claimed.id
        self._references = (self._references + 1) % 256
        self._sent = (self._references, claimed.to, claimed.message_id)

    def _begin(self) -> None:
        assert self.store.outbox.begin(self._claimed, self.clock.now())

    def _result(self) -> None:
        self.store.outbox.accepted(self._claimed, self._references, self.clock.now(), f"+CMGS: {self._references}")

    def _report(self) -> None:
        assert self._sent is not None
        now = self.clock.now()
        raw = os.urandom(30)  # new ones also in a database that an earlier run left
        report = Report(IMSI, self._sent[0], self._sent[1], 0, now.wall + 1, now.wall + 2, raw)
        assert self.store.outbox.report(report, now).matched
        self.clock.advance(4.0)

    def _stray(self) -> None:
        now = self.clock.now()
        report = Report(IMSI, self._chance.randrange(256), "+447012345678", 0, now.wall, now.wall, os.urandom(30))
        assert not self.store.outbox.report(report, now).matched

    # -- looking ------------------------------------------------------------------------------------------------------

    def _number(self) -> str:
        return self._chance.choice(self.people)

    def _moment(self) -> int:
        return int(self._oldest) + self._chance.randrange(self._kept) * APART

    def _a_while(self, **filters: object) -> None:
        since = self._moment()
        narrowed = MessageFilter(client=CLIENT, since=since, until=since + 6_000_000, **filters)  # type: ignore[arg-type]
        self.store.outbox.list(narrowed)

    def _inbox_a_while(self) -> None:
        since = self._moment()
        self.store.inbox.list(since=since, until=since + 6_000_000)

    def _people(self) -> list[str]:
        with self.store.database.read() as cx:
            places = [self._chance.randint(1, self._newest) for _ in range(500)]
            query = "SELECT recipient FROM messages WHERE seq >= ? ORDER BY seq LIMIT 1"
            return [cx.execute(query, (place,)).fetchone()[0] for place in places]

    def _id(self, seq: int) -> str:
        with self.store.database.read() as cx:
            return str(cx.execute("SELECT id FROM messages WHERE seq >= ? ORDER BY seq LIMIT 1", (seq,)).fetchone()[0])

    # -- by itself ----------------------------------------------------------------------------------------------------

    def _round(self) -> None:
        outbox, now = self.store.outbox, self.clock.now()
        for rule in (outbox.expire_due, outbox.wake_due, outbox.catch_due, outbox.retry_unmatched):
            rule(now)
        self.store.inbox.release_incomplete(now)
        self.store.idempotency.purge(now)
        outbox.strand_due(now, [SLOT])
        outbox.hedge_due(now, 15.0, [SLOT])
        outbox.unconfirmed_due(now, 45.0, [SLOT])
        outbox.next_due(15.0, 45.0)
        outbox.waiting()

    def retention(self) -> int:
        """One round of it, in the middle of much that is due; returns how many messages it erased."""
        half = self._oldest + self._kept * APART / 2
        self.store.retention.keep = Keep(messages=self.clock.now().wall - half / 1000)
        return self.store.retention.purge(self.clock.now())
