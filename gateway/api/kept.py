"""The shapes of what is kept about a number, of its erasure, and of the audit log."""

from __future__ import annotations

from typing import Any

from pydantic import AwareDatetime

from gateway.api.shapes.common import Shape
from gateway.api.shapes.inbox import CaughtMessage, InboxMessage
from gateway.api.shapes.messages import MessageWithTimeline
from gateway.api.shapes.numbers import BlockedShape
from gateway.store import ChallengeState


class KeptMessageShape(MessageWithTimeline):
    """A message with all that is kept of it. `text` is null where it carries a code, and once it was erased."""

    client: str
    otp_id: str | None
    sent_to: str | None
    """The handset that got it in place of `to`, where a key redirects."""
    text: str | None


class KeptChallenge(Shape):
    """A challenge without its code, its binding, and the hashes of them."""

    id: str
    client: str
    to: str
    purpose: str
    state: ChallengeState
    reason: str | None
    context: dict[str, str]
    locale: str | None
    failures: int
    sends: int
    message_id: str | None
    client_ref: str | None
    created_at: AwareDatetime
    sent_at: AwareDatetime
    expires_at: AwareDatetime
    closed_at: AwareDatetime | None


class WrongCodes(Shape):
    """Wrong codes in a row for one client, and the lock that came of them."""

    client: str
    failures: int
    newest_at: AwareDatetime
    locked_until: AwareDatetime | None
    stopped_at: AwareDatetime | None


class Counted(Shape):
    """A SIM's month in which the number counts as a recipient."""

    imsi: str
    since: AwareDatetime


class Export(Shape):
    """What is kept about a number: one page of at most 1,000 items, the oldest first."""

    number: str
    blocked: BlockedShape | None
    wrong_codes: list[WrongCodes]
    counted: list[Counted]
    messages: list[KeptMessageShape]
    challenges: list[KeptChallenge]
    received: list[InboxMessage]
    caught: list[CaughtMessage]
    next_cursor: str | None


class ErasedShape(Shape):
    """How much was erased, and what had to stay."""

    number: str
    cancelled: int
    """Messages of which nothing had left, cancelled first."""
    messages: int
    challenges: int
    received: int
    caught: int
    events: int
    """With their deliveries, those to come included."""
    answers: int
    """Remembered under an Idempotency-Key."""
    reports: int
    """Reports whose message was never found."""
    counters: int
    """Of wrong codes, and as a SIM's recipient."""
    remaining: int
    """Messages that are on the air, or were a moment ago: erase again once they are final."""
    blocked: bool
    """Whether the number is still in the list of those that are never sent to."""
    keys: list[str]
    """Keys that redirect to the number, which stays in them: change or revoke these, and erase again."""
    files_clean: bool
    """Whether the write-ahead log was emptied; where another program reads the database, erase again."""


class AuditRowShape(Shape):
    """One thing that was done, by whom."""

    id: int
    """From 1, without a gap."""
    time: AwareDatetime
    actor: str
    """`key:ID (NAME)`, `cli:USER` or `gateway`."""
    action: str
    subject: str
    details: dict[str, Any]
    hash: str
    """Keyed hash over this row and the one before."""


class AuditList(Shape):
    """The audit log, newest first."""

    items: list[AuditRowShape]
    next_cursor: str | None
