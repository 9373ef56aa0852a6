"""Challenges and the messages with their codes into the store: those of all requests that wait at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from gateway.challenges import ChallengeView, Pace
from gateway.intake import Intake
from gateway.messages import NewMessage
from gateway.once import Once, Replay
from gateway.policy import Delivery
from gateway.refusals import RefusedError
from gateway.store import Block, Challenge, Guesses, NewChallenge, Store, last_sim, queue_of, type_for
from hardware.clock import Instant

Step = Callable[[sqlite3.Connection, Guesses, Challenge | None], NewChallenge | Challenge]
"""What a transaction does for a challenge before its message is queued. It is told where the number stands, and which
challenge a new one would follow; gives the new one as it is to be stored, or the old one as it is now.
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one request wants."""

    challenge: NewChallenge | Challenge
    step: Step
    message: NewMessage
    now: Instant
    once: Once[ChallengeView] | None


class Issuing:
    """Stores challenges and queues their messages. Thread-safe."""

    def __init__(self, store: Store, intake: Intake, pace: Pace, *, replaces: bool) -> None:
        self._store, self._intake, self._pace, self._replaces = store, intake, pace, replaces

    def commit(self, asked: Asked) -> ChallengeView:
        """Do the step and queue the message in one transaction, then wake the modems. Raises what the step raises,
        Forbidden for a blocked number, Replay and Conflict where `once` knows the request.
        """
        return self._store.database.accept_together(self._together, asked)

    def _together(self, cx: sqlite3.Connection, asked: Sequence[Asked]) -> list[ChallengeView | Exception]:
        blocks = self._intake.admission.blocks(cx, (one.message for one in asked))
        return [issued for some in _apart(asked) for issued in self._issue(cx, some, blocks)]

    def _issue(
        self, cx: sqlite3.Connection, asked: Sequence[Asked], blocks: dict[str, Block]
    ) -> list[ChallengeView | Exception]:
        """Do what requests for different numbers ask for, in the statements of one."""
        issued: list[ChallengeView | Exception] = []
        messages, opened, changed, queues = [], [], [], []
        for one, guesses, before in self._standing(cx, asked):
            changes = cx.total_changes
            try:
                challenge = self._step(cx, one, guesses, before, blocks)
            except (RefusedError, Replay) as error:
                if cx.total_changes != changes:
                    raise  # something of it is written, which only goes with all of the others
                issued.append(error)
                continue
            message = self._replacing(cx, one)
            (prepared,) = self._store.outbox.prepared((message,), one.now)
            messages.append(prepared)
            if isinstance(challenge, NewChallenge):
                new = self._store.challenges.prepared(challenge, guesses, one.now, prepared.message.id)
                opened.append(new)
                challenge = new.challenge
            else:
                changed.append((challenge.id, prepared.message.id))
            view = self._pace.view(challenge, prepared.message, one.now)
            if one.once is not None:
                one.once.after(cx, view, one.now)
            issued.append(view)
            queues.append((queue_of(message), message.lane))
        if messages:
            self._store.database.after_commit(lambda: self._intake.wake(queues))  # before anybody counts them
            self._store.challenges.put(cx, opened)
            self._store.outbox.put(cx, messages)
            self._store.challenges.attach(cx, changed)
        return issued

    def _standing(
        self, cx: sqlite3.Connection, asked: Sequence[Asked]
    ) -> Iterator[tuple[Asked, Guesses, Challenge | None]]:
        """Each request with what its step is told."""
        challenges = self._store.challenges
        guesses = challenges.guesses.look_all(cx, [(one.challenge.whose, one.now) for one in asked])
        known = [(one.challenge, its, one.now) for one, its in zip(asked, guesses, strict=True)]
        return zip(asked, guesses, challenges.before(cx, known), strict=True)

    def _step(
        self,
        cx: sqlite3.Connection,
        one: Asked,
        guesses: Guesses,
        before: Challenge | None,
        blocks: dict[str, Block],
    ) -> NewChallenge | Challenge:
        if one.once is not None:
            one.once.before(cx, one.now)
        self._intake.admission.must_be_wanted(blocks, (one.message,))
        return one.step(cx, guesses, before)

    def _replacing(self, cx: sqlite3.Connection, one: Asked) -> NewMessage:
        """The message of a type that lets the handset keep the newest code only, by the SIM that sent the last one,
        where that is wanted.
        """
        message, challenge = one.message, one.challenge
        if not self._replaces or message.delivery == Delivery.CATCH:  # types are few: none for tests
            return message
        kind = type_for(cx, challenge.client, challenge.purpose)
        if kind is None:
            return message
        return replace(message, replace=kind, sim=last_sim(cx, challenge.client, challenge.to, kind))


def _apart(asked: Sequence[Asked]) -> Iterator[list[Asked]]:
    """The requests in their order, parted where a number comes again: it must find what the one before has stored."""
    some: dict[str, Asked] = {}
    for one in asked:
        if one.message.to in some:
            yield list(some.values())
            some = {}
        some[one.message.to] = one
    yield list(some.values())
