"""The shapes of answers, for the OpenAPI document and for the tests that hold the answers to it."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway.messages import MessageState
from gateway.store import ChallengeState, CheckResult


class Shape(BaseModel):
    """Root of all answers."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class TimelineRow(Shape):
    """One transition or event of a message."""

    time: AwareDatetime
    state: MessageState
    reason: str | None
    modem: str | None
    attempt: int | None
    part: int | None
    result: str | None
    """The modem's result line, or what happened in words."""
    possible_duplicate: bool


class MessageShape(Shape):
    """A message. `text` only with the scope messages:text, and never for the otp lane."""

    id: str
    to: str
    state: MessageState
    reason: str | None
    parts: int
    encoding: Literal["gsm7", "ucs2", "data"]
    priority: Literal["otp", "high", "normal", "bulk"]
    modem: str | None
    attempts: int
    created_at: AwareDatetime
    expires_at: AwareDatetime
    next_attempt_at: AwareDatetime | None
    sent_at: AwareDatetime | None
    delivered_at: AwareDatetime | None
    client_ref: str | None
    tags: list[str]
    warnings: list[str]
    text: str | None = None


class MessageWithTimeline(MessageShape):
    """A message and what happened to it."""

    timeline: list[TimelineRow]


class Accepted(Shape):
    """The messages of one request to many recipients, in the order of `to`."""

    items: list[MessageWithTimeline]


class MessageList(Shape):
    """Messages, newest first."""

    items: list[MessageShape]
    next_cursor: str | None


class OtpShape(Shape):
    """A challenge; the code is in no answer."""

    id: str
    message_id: str | None
    to: str
    state: ChallengeState
    message_state: MessageState | None
    expires_at: AwareDatetime
    resend_after: int | None
    """Seconds until another send is allowed; null where none is."""
    attempts_left: int
    warnings: list[str]


class OtpWithTimeline(OtpShape):
    """A challenge and what happened to its newest message."""

    purpose: str
    sends: int
    created_at: AwareDatetime
    client_ref: str | None
    timeline: list[TimelineRow]


class CheckShape(Shape):
    """What a check came to."""

    result: CheckResult
    attempts_left: int
    mismatch: Literal["code", "binding", "context"] | None = None
    """The part that did not fit, only where `[otp] explain` is on."""


class PreviewShape(Shape):
    """What would be sent."""

    text: str
    encoding: Literal["gsm7", "ucs2"]
    parts: int
    forcing: list[str]
    """Characters that force UCS-2."""
    cost: int
    """Parts that the SIM is charged for."""
    to: str | None
    country: str | None
    warnings: list[str]


class InboxMessage(Shape):
    """A received message, long ones joined."""

    id: str
    sender: str = Field(alias="from")
    text: str | None
    """null for octets, and for what could not be read."""
    data: str | None
    """Octets in hexadecimal; the raw PDU where `readable` is false."""
    port: int | None
    parts: int
    missing: int
    """Parts that never came."""
    readable: bool
    modem: str
    sent_at: AwareDatetime | None
    """The service centre's time stamp."""
    received_at: AwareDatetime


class InboxList(Shape):
    """Received messages, newest first."""

    items: list[InboxMessage]
    next_cursor: str | None


class LockShape(Shape):
    """A number at which too many wrong codes were tried."""

    number: str
    client: str
    failures: int
    """Wrong codes in a row."""
    locked_until: AwareDatetime | None
    stopped: bool
    """Nothing is sent or judged until an operator clears it."""
    newest_at: AwareDatetime


class LockList(Shape):
    """Locked and stopped numbers, newest first, 1,000 at most."""

    items: list[LockShape]


class Cleared(Shape):
    """A number that was forgiven its wrong codes."""

    number: str
    cleared: int
    """For how many clients there were any."""


class ModemShape(Shape):
    """A modem as it is now."""

    name: str
    state: Literal["absent", "opening", "locked", "configuring", "searching", "ready", "denied", "paused", "failed"]
    reason: str | None
    advice: str | None
    port: str | None
    profile: str | None
    model: str | None
    imei: str | None
    imsi: str | None
    iccid: str | None
    operator: str | None
    registration: str | None
    signal_dbm: int | None
    reports: bool
    sent: int
    failed: int
    received: int
    last_error: str | None
    prefixes: list[str]
    reserve_for_otp: bool


class ModemList(Shape):
    """Every modem of the configuration."""

    items: list[ModemShape]


class UssdShape(Shape):
    """What the network answered."""

    mode: int
    """0: no further action, 1: an answer is expected, 2: ended by the network, 3: another client answered,
    4: not supported, 5: timed out (27.007 7.15).
    """
    text: str | None
    """null where the network sent none."""


class Live(Shape):
    """The process answers."""

    status: Literal["live"]


class Ready(Shape):
    """Whether messages can be taken and sent."""

    status: Literal["ready", "not_ready"]
    database: bool
    """Messages can be stored."""
    modems: int
    """Modems that can send now."""


class FieldProblem(Shape):
    """One field that cannot be used."""

    field: str
    message: str


class ProblemShape(Shape):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldProblem] | None = None
