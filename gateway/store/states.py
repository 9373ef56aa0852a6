"""What a message's state is, from what is known of its attempts. Pure.

The parts of a message go as one *sending*, by one SIM and under one concatenation reference; a hedge, an unconfirmed
code and a restart are further sendings of the whole. A message is sent, or delivered, when one sending is in full:
a handset does not join parts of different ones. A message of one part needs no joining, so there all count as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from gateway.messages import AttemptState, MessageState, Reason

UNLEFT = frozenset({AttemptState.READY, AttemptState.WAITING, AttemptState.CLAIMED})
"""Nothing has left yet: may be withdrawn."""
MAYBE_LEFT = frozenset(
    {
        AttemptState.SUBMITTING,
        AttemptState.ACCEPTED,
        AttemptState.UNKNOWN,
        AttemptState.DELIVERED,
        AttemptState.UNDELIVERED,
    }
)
"""The network may have it."""

CANNOT_CONFIRM = 0x01  # TP-ST: forwarded, the service centre cannot confirm delivery (23.040 9.2.3.15)
_REPLACED = 0x02
_VALIDITY_OVER = (0x46, 0x66)


class Effect(IntEnum):
    """What a TP-ST means for the attempt."""

    TRYING = 0
    UNCONFIRMED = 1
    UNDELIVERED = 2
    DELIVERED = 3


def effect(status: int) -> Effect:
    """23.040 9.2.3.15; reserved values (0x80 and above) count as service rejected, no more tries."""
    if status == CANNOT_CONFIRM:
        return Effect.UNCONFIRMED
    if status == _REPLACED or status >= 0x40:
        return Effect.UNDELIVERED
    return Effect.TRYING if status >= 0x20 else Effect.DELIVERED


@dataclass(frozen=True, slots=True)
class AttemptFact:
    """What is known of one attempt."""

    id: int
    part: int
    generation: int
    state: AttemptState
    report: bool
    """Whether a status report was asked for."""
    status: int | None
    """The TP-ST that counts."""


class PartState(IntEnum):
    """What is known of one part in one sending; the greater value is the better."""

    ABSENT = 0
    WITHDRAWN = 1
    REFUSED = 2
    UNDELIVERED = 3
    UNKNOWN = 4
    OPEN = 5
    UNREPORTED = 6  #: accepted, and no report can come any more
    ACCEPTED = 7
    DELIVERED = 8


_ACCEPTED = (PartState.UNREPORTED, PartState.ACCEPTED, PartState.DELIVERED)


@dataclass(frozen=True, slots=True)
class Derived:
    """The state that follows; `reason` is None for `failed`, where the last refusal tells it."""

    state: MessageState
    reason: Reason | None
    final: bool


@dataclass(frozen=True, slots=True)
class Sending:
    """One sending: the state of each part."""

    generation: int
    parts: tuple[PartState, ...]

    @property
    def complete(self) -> bool:
        """Whether the network accepted every part."""
        return all(part >= PartState.UNREPORTED for part in self.parts)

    @property
    def taken(self) -> bool:
        """Whether the network accepted every part, if only to give up some of them later."""
        return all(part in (PartState.UNDELIVERED, *_ACCEPTED) for part in self.parts)

    @property
    def alive(self) -> bool:
        """Whether it can still become complete by itself."""
        return PartState.OPEN in self.parts and not self.doomed

    @property
    def doomed(self) -> bool:
        """Whether a part of it will never be accepted, or never arrive."""
        return any(part <= PartState.UNDELIVERED for part in self.parts)

    @property
    def uncertain(self) -> bool:
        """Whether every part may have been accepted, and it is not known of all."""
        return not self.complete and all(part >= PartState.UNKNOWN for part in self.parts) and not self.alive


def sendings(parts: int, facts: Iterable[AttemptFact], *, over: bool) -> list[Sending]:
    """Every sending of a message, oldest first."""
    grouped: dict[int, list[list[AttemptFact]]] = {}
    for fact in facts:
        generation = fact.generation if parts > 1 else 0
        grouped.setdefault(generation, [[] for _ in range(parts)])[fact.part - 1].append(fact)
    return [
        Sending(generation, tuple(_part(attempts, over) for attempts in by_part))
        for generation, by_part in sorted(grouped.items())
    ]


def derive(parts: int, facts: Sequence[AttemptFact], *, over: bool, withdrawn: Reason | None) -> Derived:
    """The state of a message of that many parts; `over`: its time is over, nothing more is waited for."""
    every = sendings(parts, facts, over=over)
    in_flight = any(fact.state is AttemptState.SUBMITTING for fact in facts)
    if any(all(part is PartState.DELIVERED for part in sending.parts) for sending in every):
        return Derived(MessageState.DELIVERED, None, final=True)
    complete = [sending for sending in every if sending.complete]
    if complete:
        return _accepted(facts, complete, over=over, in_flight=in_flight)
    going = in_flight or any(sending.alive for sending in every)
    if any(sending.taken for sending in every) and (going or _may_arrive(every, over)):
        return Derived(MessageState.SENT, None, final=False)  # one sending failed, another may still arrive
    if going:
        handed = any(fact.state in MAYBE_LEFT or fact.state is AttemptState.CLAIMED for fact in facts)
        return Derived(MessageState.SENDING if handed else MessageState.QUEUED, None, final=False)
    return _ended(facts, every, over=over, withdrawn=withdrawn)


def _part(attempts: Sequence[AttemptFact], over: bool) -> PartState:
    states = {fact.state for fact in attempts}
    if AttemptState.DELIVERED in states:
        return PartState.DELIVERED
    accepted = [fact for fact in attempts if fact.state is AttemptState.ACCEPTED]
    if accepted:
        awaiting = any(fact.report and fact.status != CANNOT_CONFIRM for fact in accepted)
        return PartState.ACCEPTED if awaiting else PartState.UNREPORTED
    pending = states & (UNLEFT | {AttemptState.SUBMITTING})
    if AttemptState.UNDELIVERED in states and (pending or (AttemptState.UNKNOWN in states and not over)):
        return PartState.ACCEPTED  # the network took it once, and another copy may still arrive
    for state, part in (
        (pending, PartState.OPEN),
        ({AttemptState.UNDELIVERED}, PartState.UNDELIVERED),
        ({AttemptState.UNKNOWN}, PartState.UNKNOWN),
    ):
        if states & state:
            return part
    if not attempts:
        return PartState.ABSENT
    last = max(attempts, key=lambda fact: fact.id)
    return PartState.REFUSED if last.state is AttemptState.REFUSED else PartState.WITHDRAWN


def _accepted(facts: Sequence[AttemptFact], complete: Sequence[Sending], *, over: bool, in_flight: bool) -> Derived:
    awaiting = any(PartState.ACCEPTED in sending.parts for sending in complete)
    unconfirmed = any(fact.status == CANNOT_CONFIRM for fact in facts)
    pending = in_flight or any(fact.state in UNLEFT for fact in facts)
    if awaiting and over and not in_flight:
        return Derived(MessageState.EXPIRED, Reason.EXPIRED_UNCONFIRMED, final=True)
    if awaiting or pending:
        return Derived(MessageState.SENT, None, final=False)
    return Derived(MessageState.SENT, Reason.UNCONFIRMED if unconfirmed else Reason.NO_REPORT, final=True)


def _may_arrive(every: Sequence[Sending], over: bool) -> bool:
    return not over and any(sending.uncertain for sending in every)


def _ended(facts: Sequence[AttemptFact], every: Sequence[Sending], *, over: bool, withdrawn: Reason | None) -> Derived:
    if any(sending.uncertain for sending in every) and not any(sending.taken for sending in every):
        return Derived(MessageState.UNKNOWN, Reason.UNKNOWN_OUTCOME, final=True)
    undelivered = [fact.status for fact in facts if fact.state is AttemptState.UNDELIVERED and fact.status is not None]
    if undelivered:
        return _undelivered(undelivered[-1])
    if withdrawn is not None:
        return Derived(MessageState.CANCELLED, withdrawn, final=True)
    # Where the lifetime ended while a part was on the air, its report is waited for: nothing is over then.
    ended = over or any(part in _ACCEPTED for sending in every for part in sending.parts)
    if ended and not any(PartState.REFUSED in sending.parts for sending in every):
        left = any(fact.state in MAYBE_LEFT for fact in facts)
        reason = Reason.EXPIRED_PARTLY_SENT if left else Reason.EXPIRED_IN_QUEUE
        return Derived(MessageState.EXPIRED, reason, final=True)
    return Derived(MessageState.FAILED, None, final=True)


def _undelivered(status: int) -> Derived:
    if status in _VALIDITY_OVER:
        return Derived(MessageState.EXPIRED, Reason.EXPIRED_BY_NETWORK, final=True)
    if status == _REPLACED:
        return Derived(MessageState.UNDELIVERED, Reason.REPLACED, final=True)
    reason = Reason.TEMPORARY if status >= 0x60 else Reason.PERMANENT
    return Derived(MessageState.UNDELIVERED, reason, final=True)
