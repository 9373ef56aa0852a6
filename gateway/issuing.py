"""Challenges and the messages with their codes into the store: those of all requests that wait at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gateway.challenges import ChallengeView, Pace
from gateway.intake import Intake
from gateway.messages import NewMessage
from gateway.once import Once, Replay
from gateway.policy import Delivery
from gateway.refusals import RefusedError
from gateway.store import Block, Challenge, Prepared, Store, last_sim, queue_of, type_for
from hardware.clock import Instant

Step = Callable[[sqlite3.Connection], Challenge]
"""What a transaction does to the challenge before its message is queued."""

Issued = tuple[ChallengeView, str]
"""A challenge, and the queue that its message waits in."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one request wants."""

    step: Step
    message: NewMessage
    now: Instant
    once: Once[ChallengeView] | None


class Issuing:
    """Stores challenges and queues their messages. Thread-safe."""

    def __init__(self, store: Store, intake: Intake, pace: Pace, *, replaces: bool) -> None:
        self._store, self._intake, self._pace, self._replaces = store, intake, pace, replaces

    def commit(self, step: Step, message: NewMessage, now: Instant, once: Once[ChallengeView] | None) -> ChallengeView:
        """Do `step` and queue the message in one transaction, then wake the modems. Raises what `step` raises,
        Forbidden for a blocked number, Replay and Conflict where `once` knows the request.
        """
        view, queue = self._store.database.accept_together(self._together, _Asked(step, message, now, once))
        self._intake.wake([(queue, message.lane)])
        return view

    def _together(self, cx: sqlite3.Connection, asked: Sequence[_Asked]) -> list[Issued | Exception]:
        blocks = self._intake.admission.blocks(cx, (one.message for one in asked))
        issued: list[Issued | Exception] = []
        unstored: dict[str, tuple[str, Prepared]] = {}
        for one in asked:
            if one.message.to in unstored:  # this one may withdraw the message of that one: it has to be there
                self._put(cx, unstored)
            changes = cx.total_changes
            try:
                challenge = self._step(cx, one, blocks)
            except (RefusedError, Replay) as error:
                if cx.total_changes != changes:
                    raise  # something of it is written, which only goes with all of the others
                issued.append(error)
                continue
            message = self._replacing(cx, one.message, challenge)
            (prepared,) = self._store.outbox.prepared((message,), one.now)
            unstored[message.to] = challenge.id, prepared
            view = self._pace.view(challenge, prepared.message, one.now)
            if one.once is not None:
                one.once.after(cx, view, one.now)
            issued.append((view, queue_of(message)))
        self._put(cx, unstored)
        return issued

    def _step(self, cx: sqlite3.Connection, one: _Asked, blocks: dict[str, Block]) -> Challenge:
        if one.once is not None:
            one.once.before(cx, one.now)
        self._intake.admission.must_be_wanted(blocks, (one.message,))
        return one.step(cx)

    def _put(self, cx: sqlite3.Connection, unstored: dict[str, tuple[str, Prepared]]) -> None:
        """Store the messages that challenges wait for, in the statements of one."""
        if not unstored:
            return
        self._store.outbox.put(cx, [prepared for _, prepared in unstored.values()])
        attached = [(challenge_id, prepared.message.id) for challenge_id, prepared in unstored.values()]
        self._store.challenges.attach_all(cx, attached)
        unstored.clear()

    def _replacing(self, cx: sqlite3.Connection, message: NewMessage, challenge: Challenge) -> NewMessage:
        """The message of a type that lets the handset keep the newest code only, by the SIM that sent the last one,
        where that is wanted.
        """
        if not self._replaces or message.delivery == Delivery.CATCH:  # types are few: none for tests
            return message
        kind = type_for(cx, challenge.client, challenge.purpose)
        if kind is None:
            return message
        return replace(message, replace=kind, sim=last_sim(cx, challenge.client, challenge.to, kind))
