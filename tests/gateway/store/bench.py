"""What the store's tests share."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

from gateway.messages import (
    ClaimedAttempt,
    Lane,
    Message,
    MessageState,
    NewMessage,
    Reason,
    Refusal,
    Report,
    Secret,
    TimelineEntry,
)
from gateway.retry import GiveUp, Retry
from gateway.store import Challenge, NewChallenge, ReportOutcome, Settings, Slot, Store
from hardware.clock import FakeClock, Instant

NUMBER = "+447700900101"
HOME = "route:"
ANY = NewMessage(
    client="shop",
    to=NUMBER,
    country="GB",
    lane=Lane.NORMAL,
    lifetime=3600.0,
    text=Secret("hello"),
    segments=(b"segment 1",),
    encoding="gsm7",
    concat_reference=7,
    route=HOME,
)
CODE = replace(ANY, lane=Lane.OTP, lifetime=300.0, on_unknown="resend")
BUSY = Refusal("retry", "+CMS ERROR: 42 (congestion)", 42)
BARRED = Refusal("permanent", "+CMS ERROR: 1 (unassigned number)", 1)


def slot(name: str, *queues: str, reports: bool = True) -> Slot:
    """A ready modem; its SIM's IMSI ends in its name."""
    imsi = f"00101{name}"
    return Slot(name, imsi, (f"sim:{imsi}", f"modem:{name}", *(queues or (HOME,))), reports)


ONE, TWO = slot("one"), slot("two")
PLANNED = [Slot("one", ONE.imsi, ()), Slot("two", TWO.imsi, ())]


def open_challenge(store: Store, cx: sqlite3.Connection, new: NewChallenge, now: Instant) -> Challenge:
    """Store a challenge by itself, inside a transaction."""
    opened = store.challenges.prepared(new, store.challenges.guesses.look(cx, new.whose, now), now)
    store.challenges.put(cx, [opened])
    return opened.challenge


class Bench:
    """A store, its clock, and hands."""

    def __init__(self, folder: Path, settings: Settings | None = None) -> None:
        self.folder, self.clock = folder, FakeClock()
        self.settings = settings or Settings()
        self.store = self._open()
        self._raw = 0

    def _open(self) -> Store:
        return Store.open(self.folder / "simwire.db", self.folder / "simwire.key", self.clock, self.settings)

    def close(self) -> None:
        self.store.close()

    def crash(self) -> tuple[int, int]:
        """The process ends without a word and starts again."""
        self.store.close()
        self.store = self._open()
        return self.store.outbox.recover(self.now)

    @property
    def now(self) -> Instant:
        return self.clock.now()

    def add(self, new: NewMessage = ANY, count: int = 1) -> Message:
        new = replace(new, segments=tuple(b"segment %d" % number for number in range(1, count + 1)))
        return self.store.database.accept(lambda cx: self.store.outbox.enqueue(cx, new, self.now))

    def add_code(self, new: NewMessage = CODE, purpose: str = "login") -> Message:
        """A code with a challenge of its own."""

        def work(cx: sqlite3.Connection) -> Message:
            challenge = NewChallenge(new.client, new.to, purpose, b"hash", new.lifetime, 3)
            made = open_challenge(self.store, cx, challenge, self.now)
            message = self.store.outbox.enqueue(cx, replace(new, challenge_id=made.id), self.now)
            self.store.challenges.attach(cx, [(made.id, message.id)])
            return message

        return self.store.database.accept(work)

    def claim(self, by: Slot = ONE) -> ClaimedAttempt:
        attempt = self.store.outbox.claim(by, self.now)
        assert attempt is not None, "nothing to claim"
        return attempt

    def nothing_for(self, by: Slot = ONE) -> bool:
        return self.store.outbox.claim(by, self.now) is None

    def begin(self, by: Slot = ONE) -> ClaimedAttempt:
        """Claim and begin."""
        attempt = self.claim(by)
        assert self.store.outbox.begin(attempt.id, self.now)
        return attempt

    def send(self, mr: int, by: Slot = ONE) -> ClaimedAttempt:
        """Claim, begin, accepted."""
        attempt = self.begin(by)
        self.store.outbox.accepted(attempt.id, mr, self.now, f"+CMGS: {mr}")
        return attempt

    def refuse(self, attempt: ClaimedAttempt, delay: float = 0.0, where: str = "any", step: int = 0) -> None:
        self.store.outbox.refused(attempt.id, BUSY, Retry(delay, where, step=step), self.now)

    def give_up(self, attempt: ClaimedAttempt) -> None:
        self.store.outbox.refused(attempt.id, BARRED, GiveUp(Reason.REFUSED), self.now)

    def lose(self, attempt: ClaimedAttempt) -> None:
        self.store.outbox.unknown(attempt.id, self.now, "no answer within 180 s")

    def report(
        self,
        mr: int,
        status: int = 0,
        *,
        by: Slot = ONE,
        stamp: float | None = 0.0,
        to: str = NUMBER,
        raw: bytes | None = None,
    ) -> ReportOutcome:
        """A status report; `stamp` is its TP-SCTS relative to now."""
        self._raw += 1
        return self.store.outbox.report(
            Report(
                imsi=by.imsi,
                reference=mr,
                recipient=to,
                status=status,
                service_centre_time=None if stamp is None else self.now.wall + stamp,
                discharge_time=None,
                raw=raw or b"report %d" % self._raw,
            ),
            self.now,
        )

    def wake(self, seconds: float = 0.0) -> int:
        """Let time pass and do what is due."""
        self.clock.advance(seconds)
        return self.store.outbox.expire_due(self.now) + self.store.outbox.wake_due(self.now)

    def message(self, message: Message) -> Message:
        found = self.store.outbox.get(message.id)
        assert found is not None
        return found

    def state(self, message: Message) -> tuple[MessageState, str | None]:
        found = self.message(message)
        return found.state, found.reason

    def timeline(self, message: Message) -> list[TimelineEntry]:
        return self.store.outbox.timeline(message.id)

    def cancel(self, message: Message) -> Message:
        return self.store.database.accept(lambda cx: self.store.outbox.cancel(cx, message.id, self.now))
