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


class BlockedShape(Shape):
    """A number that gets nothing more."""

    number: str
    why: Literal["opted_out", "blocked", "blocked_all"]
    """opted_out: its owner answered STOP; blocked: by an operator; blocked_all: codes are refused too."""
    reason: str | None
    """What the operator wrote about it."""
    by: str | None
    """The operator's client; null where the owner did it."""
    since: AwareDatetime


class BlockedList(Shape):
    """Blocked numbers, in the order of the numbers."""

    items: list[BlockedShape]
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


class Forgiven(Shape):
    """A number that was forgiven its wrong codes."""

    number: str
    cleared: int
    """For how many clients there were any."""


class QuotaShape(Shape):
    """Use of one quota of a SIM."""

    rule: Literal["per_hour", "per_day", "per_month", "recipients_per_month"]
    used: int
    """Parts, or different numbers, that the network took or may have taken."""
    limit: int
    otp_kept: int
    """Of the limit, kept for codes."""
    renews_at: AwareDatetime | None
    """When more may be sent than now; null while nothing is used."""


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
    quota: list[QuotaShape]
    """Empty where no quota is set."""


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


class WebhookShape(Shape):
    """A webhook as it is now; errors and times since the gateway started."""

    name: str
    origin: str
    """Scheme, host and port of its URL; the path may be a secret."""
    events: list[str]
    clients: list[str]
    """Clients whose events it gets; none: all, and what belongs to no client."""
    waiting: int
    """Events that are still to be sent."""
    oldest_waiting_at: AwareDatetime | None
    dead: int
    """Events that were given up."""
    failures: int
    """Attempts in a row that failed."""
    paused_until: AwareDatetime | None
    last_error: str | None
    last_error_at: AwareDatetime | None
    last_delivery_at: AwareDatetime | None


class WebhookList(Shape):
    """Every webhook of the configuration."""

    items: list[WebhookShape]


class DeadDeliveryShape(Shape):
    """An event that was given up at a webhook."""

    id: str
    """Of this delivery: what /v1/webhooks/replay takes."""
    endpoint: str
    event_id: str
    type: str
    client: str | None
    subject: str
    """What the event is about: the id of a message, challenge or received message, or a modem's name."""
    attempts: int
    status: int | None
    """HTTP status of the last attempt."""
    error: str | None
    created_at: AwareDatetime
    dead_at: AwareDatetime


class DeadDeliveryList(Shape):
    """Events that were given up, newest first."""

    items: list[DeadDeliveryShape]
    next_cursor: str | None


class ReplayShape(Shape):
    """What is sent once more."""

    replayed: int
    unknown: list[str]
    """Ids that no configured webhook has ended."""


class WebhookTestShape(Shape):
    """What came back for a test event."""

    event_id: str
    delivered: bool
    status: int | None
    error: str | None
    seconds: float


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


class KeyShape(Shape):
    """An API key without the key itself. What limits nothing is empty or null."""

    id: str
    client: str
    name: str
    scopes: list[str]
    state: Literal["in_force", "expired", "revoked"]
    created_at: AwareDatetime
    last_used_at: AwareDatetime | None
    """To the hour."""
    expires_at: AwareDatetime | None
    revoked_at: AwareDatetime | None
    networks: list[str]
    countries: list[str]
    templates: list[str]
    longest_lifetime: float | None
    """Seconds."""
    rates: list[str]
    short_codes: bool
    delivery: Literal["live", "redirect", "catch"]
    redirect_to: str | None


class KeyMade(KeyShape):
    """An API key that was made just now: the only time that `key` is shown."""

    key: str


class KeyList(Shape):
    """All keys, oldest first; revoked and expired ones too."""

    items: list[KeyShape]


class CaughtMessage(Shape):
    """A message of a key that sends nothing, as its handset would show it."""

    id: str
    message_id: str
    to: str
    text: str | None
    """null for octets."""
    data: str | None
    """Octets in hexadecimal."""
    port: int | None
    code: str | None
    """The code that it carries; null without one."""
    parts: int
    encoding: Literal["gsm7", "ucs2", "data"]
    caught_at: AwareDatetime


class CaughtList(Shape):
    """Caught messages, newest first."""

    items: list[CaughtMessage]
    next_cursor: str | None


class Cleared(Shape):
    """How many were deleted."""

    deleted: int
