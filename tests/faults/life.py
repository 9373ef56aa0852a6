"""A store that lives: everything that clients, modems and people do to it, by a seed, and what each was told.

A promise is made at a step and must hold in every database that a power loss after that step can leave.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace

from gateway.messages import POSSIBLE_DUPLICATES, AttemptState, ClaimedAttempt, Message, MessageState
from gateway.store import CheckResult, Store, Subscription
from gateway.store.states import MAYBE_LEFT
from tests.gateway.store.bench import ANY, CODE, ONE, TWO, Bench
from tests.gateway.store.test_inbox import deliver, receive

HOOK = "hook"
RIGHT, WRONG = lambda _: True, lambda _: False


@dataclass(frozen=True)
class Promise:
    """What somebody was told, and how to see that it holds."""

    step: int
    what: str
    holds: Callable[[Store], bool]


@dataclass
class Sent:
    """A part of which the PDU went to the modem after the step, and the step after which its refusal was stored."""

    step: int
    attempt: ClaimedAttempt
    refused: int | None = None


class Life:
    """One life; `step` does something by chance."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench, self.chance = bench, random.Random(seed)
        self.steps = 0
        self.promises: list[Promise] = []
        self.sent: list[Sent] = []
        self._messages: list[Message] = []
        self._held: list[ClaimedAttempt] = []
        self._air: list[Sent] = []
        self._taken: list[tuple[ClaimedAttempt, int]] = []
        self._mr = self._names = self._reports = 0
        bench.store.events.subscriptions = (Subscription(HOOK),)
        self._doings = [
            *(self.accept, self.accept, self.accept_code, self.claim, self.claim, self.begin, self.begin, self.begin),
            *(self.answer, self.answer, self.report, self.report, self.check, self.remember, self.cancel),
            *(self.take_in, self.manage_key, self.try_pin, self.block, self.deliver_event, self.pass_time),
        ]

    def step(self) -> None:
        """Do one thing; what is promised by it holds from then on."""
        self.steps += 1
        self.chance.choice(self._doings)()
        self.bench.clock.advance(self.chance.uniform(0.01, 2))

    def promise(self, what: str, holds: Callable[[Store], bool]) -> None:
        """Somebody is told something now."""
        self.promises.append(Promise(self.steps, what, holds))

    # -- clients ------------------------------------------------------------------------------------------------------

    def accept(self) -> None:
        message = self.bench.add(ANY, count=self.chance.choice((1, 1, 1, 3)))
        self._messages.append(message)
        self.promise(f"202 for {message.id}", lambda store: store.outbox.get(message.id) is not None)

    def accept_code(self) -> None:
        self._names += 1
        message = self.bench.add_code(replace(CODE, tags=("code",)), purpose=f"purpose {self._names}")
        self._messages.append(message)
        self.promise(f"202 for code {message.id}", lambda store: store.outbox.get(message.id) is not None)
        self.promise("its challenge", lambda store: store.challenges.get(message.challenge_id) is not None)

    def check(self) -> None:
        codes = [message for message in self._messages if message.challenge_id is not None]
        if not codes:
            return
        challenge = self.chance.choice(codes).challenge_id
        right = self.chance.random() < 0.5
        result, _ = self.bench.store.challenges.check(
            challenge, "shop", RIGHT if right else WRONG, self.bench.clock.now()
        )
        if result is CheckResult.APPROVED:
            self.promise("approved once", lambda store: store.challenges.get(challenge).state == "approved")
        elif result is CheckResult.WRONG_CODE:
            failures = self.bench.store.challenges.get(challenge).failures
            self.promise("a wrong code counts", lambda store: store.challenges.get(challenge).failures >= failures)

    def remember(self) -> None:
        self._names += 1
        key, now = f"key {self._names}", self.bench.now

        def work(cx: sqlite3.Connection) -> Message:
            message = self.bench.store.outbox.enqueue(cx, ANY, now)
            self.bench.store.idempotency.save(cx, "shop", key, b"request", 202, message.id.encode(), now)
            return message

        message = self.bench.store.database.accept(work)
        self._messages.append(message)

        def again(store: Store) -> bool:
            with store.database.read() as cx:
                found = store.idempotency.find(cx, "shop", key, b"request", now)
            return (
                found is not None and found.answer.decode() == message.id and store.outbox.get(message.id) is not None
            )

        self.promise(f"an answer under {key}", again)

    def cancel(self) -> None:
        waiting = [one for one in self._messages if self.bench.message(one).state is MessageState.QUEUED]
        if waiting:
            message = self.chance.choice(waiting)
            self.bench.cancel(message)
            self.promise("cancelled", lambda store: store.outbox.get(message.id).state is MessageState.CANCELLED)

    def manage_key(self) -> None:
        info, token = self.bench.store.keys.create("shop", ("messages:send",))
        if self.chance.random() < 0.5:
            self.promise("a key", lambda store: store.keys.authenticate(token.reveal()) is not None)
            return
        self.bench.store.keys.revoke(info.id)
        self.promise("a key that ended", lambda store: store.keys.authenticate(token.reveal()) is None)

    def block(self) -> None:
        self._names += 1
        number = f"+44770090{self._names:04}"
        self.bench.store.database.accept(lambda cx: self.bench.store.blocked.opt_out(cx, number, self.bench.now))
        self.promise("an opt-out", lambda store: store.blocked.get(number) is not None)

    # -- modems -------------------------------------------------------------------------------------------------------

    def claim(self) -> None:
        attempt = self.bench.store.outbox.claim(self.chance.choice((ONE, TWO)), self.bench.now)
        if attempt is not None:
            self._held.append(attempt)

    def begin(self) -> None:
        if not self._held:
            self.claim()
            return
        attempt = self._held.pop(self.chance.randrange(len(self._held)))
        if self.chance.random() < 0.1:
            self.bench.store.outbox.release(attempt.id, self.bench.now)
            return
        if not self.bench.store.outbox.begin(attempt.id, self.bench.now, 0):
            return
        sent = Sent(self.steps, attempt)
        self.sent.append(sent)
        self._air.append(sent)
        gone = {state.value for state in MAYBE_LEFT} | {AttemptState.REFUSED.value}
        self.promise(f"the mark of attempt {attempt.id}", lambda store: attempt_of(store, attempt.id)["state"] in gone)

    def answer(self) -> None:
        if not self._air:
            return
        sent = self._air.pop(0)
        attempt, chance = sent.attempt, self.chance.random()
        if chance < 0.7:
            self._mr = mr = (self._mr + 1) % 256
            self.bench.store.outbox.accepted(attempt.id, mr, self.bench.now, f"+CMGS: {mr}")
            self._taken.append((attempt, mr))
            self.promise(f"reference of attempt {attempt.id}", lambda store: attempt_of(store, attempt.id)["mr"] == mr)
        elif chance < 0.85:
            self.bench.refuse(attempt, delay=1.0)
            sent.refused = self.steps
            self.promise("a refusal", lambda store: attempt_of(store, attempt.id)["state"] == AttemptState.REFUSED)
        else:
            self.bench.lose(attempt)
            self.promise("an unknown outcome", lambda store: attempt_of(store, attempt.id)["state"] in MAYBE_LEFT)

    def report(self) -> None:
        if not self._taken:
            return
        attempt, mr = self._taken.pop(0)
        with self.bench.store.database.read() as cx:
            imsi = cx.execute("SELECT imsi FROM attempts WHERE id = ?", (attempt.id,)).fetchone()[0]
        outcome = self.bench.report(mr, by=ONE if imsi == ONE.imsi else TWO)
        self._reports += 1
        told = self._reports
        self.promise(f"{told} reports are kept", lambda store: reports(store) >= told)
        if outcome.attempt_id == attempt.id:
            delivered = AttemptState.DELIVERED
            self.promise("a report counts", lambda store: attempt_of(store, attempt.id)["state"] == delivered)

    def take_in(self) -> None:
        self._names += 1
        message_id = receive(self.bench, deliver(f"hello {self._names}"))
        self.promise("a received message", lambda store: store.inbox.get(message_id) is not None)

    def try_pin(self) -> None:
        self._names += 1
        card = f"card {self._names}"
        self.bench.store.pins.begin(card, b"1234")
        self.promise("a PIN that was tried", lambda store: store.pins.attempted(card, b"1234"))

    # -- what happens by itself ---------------------------------------------------------------------------------------

    def deliver_event(self) -> None:
        """To a webhook: that it has it needs no sync, that there was an event does."""
        found, _ = self.bench.store.deliveries.due(HOOK, self.bench.now, 5)
        for delivery in found:
            event = delivery.event
            self.promise("an event that was told", lambda store, event=event: event in store.events.after(event.id - 1))

    def pass_time(self) -> None:
        self.bench.clock.advance(5)
        self.bench.store.outbox.wake_due(self.bench.now)
        self.bench.store.outbox.expire_due(self.bench.now)


def attempt_of(store: Store, attempt_id: int) -> sqlite3.Row | dict[str, object]:
    """The row of an attempt; nothing in it where it is lost."""
    with store.database.read() as cx:
        row = cx.execute("SELECT * FROM attempts WHERE id = ?", (attempt_id,)).fetchone()
    return row or {"state": None, "mr": None}


def reports(store: Store) -> int:
    """How many reports are kept."""
    with store.database.read() as cx:
        return int(cx.execute("SELECT count(*) FROM reports").fetchone()[0])


def marked(attempt: ClaimedAttempt) -> bool:
    """Whether its timeline will say that the handset may get it twice."""
    return attempt.kind in POSSIBLE_DUPLICATES
