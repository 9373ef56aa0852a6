"""What a message is: states, the moves between them, and the values that travel between the rooms. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any


class MessageState(StrEnum):
    """The life of a message, as clients see it."""

    QUEUED = "queued"  #: durable; nothing of it has left, it waits for a modem or for its next attempt
    SENDING = "sending"  #: a part was handed to a modem and not all are accepted yet
    SENT = "sent"  #: the network accepted every part; no final status report yet
    DELIVERED = "delivered"  #: status reports say that every part reached the handset
    UNDELIVERED = "undelivered"  #: the network gave up
    FAILED = "failed"  #: the network never took it
    EXPIRED = "expired"  #: its lifetime ended first
    UNKNOWN = "unknown"  #: may or may not have been accepted, and the policy is not to send again
    CANCELLED = "cancelled"  #: withdrawn before anything left


class Reason(StrEnum):
    """Why a message is in its state, where the state alone does not say it."""

    PERMANENT = "permanent"  #: the service centre gave up: the recipient cannot be reached so
    TEMPORARY = "temporary"  #: the service centre gave up after trying for a time
    REPLACED = "replaced"  #: a newer message took its place at the service centre
    EXPIRED_IN_QUEUE = "expired_in_queue"  #: its lifetime ended before any of it left
    EXPIRED_PARTLY_SENT = "expired_partly_sent"  #: its lifetime ended when some of its parts had left
    EXPIRED_UNCONFIRMED = "expired_unconfirmed"  #: its lifetime ended after it was sent, and no report came
    EXPIRED_BY_NETWORK = "expired_by_network"  #: the service centre could not deliver it within its validity period
    NO_ATTEMPT_LEFT = "no_attempt_left"  #: it was refused as often as `max_attempts` allows
    REFUSED = "refused"  #: the modem or the network refused it for good
    UNCONFIRMED = "unconfirmed"  #: the service centre passed it on and cannot confirm delivery
    NO_REPORT = "no_report"  #: no report was asked for, or none can come any more
    UNKNOWN_OUTCOME = "unknown_outcome"  #: a part may have left, and the policy is not to send it again
    BY_CLIENT = "by_client"  #: a client withdrew it
    CHALLENGE_CLOSED = "challenge_closed"  #: its code was approved, locked, cancelled or replaced before it left
    OPTED_OUT = "opted_out"  #: the recipient answered STOP before it left
    DELIVERY_CHANGED = "delivery_changed"  #: its key was given a safer delivery before all of it had left
    RESTORED = "restored"  #: the database was restored, and it may have been sent before


_M = MessageState
_NETWORK_FACTS = frozenset({_M.DELIVERED, _M.UNDELIVERED, _M.EXPIRED})

MOVES: dict[MessageState, frozenset[MessageState]] = {
    # Straight to delivered: caught, by the virtual handset of a key that sends nothing.
    _M.QUEUED: frozenset({_M.SENDING, _M.DELIVERED, _M.FAILED, _M.EXPIRED, _M.CANCELLED}),
    # Back to queued: the only attempt was refused or handed back, and nothing of the message ever left.
    _M.SENDING: frozenset({_M.QUEUED, _M.SENT, _M.FAILED, _M.UNKNOWN, _M.CANCELLED}) | _NETWORK_FACTS,
    _M.SENT: _NETWORK_FACTS | {_M.SENDING},  # sending: an unconfirmed code goes out once more
    # A fact from the network always wins, however late it comes.
    _M.UNKNOWN: _NETWORK_FACTS | {_M.SENT, _M.FAILED},  # failed: the refusal came late
    _M.FAILED: _NETWORK_FACTS | {_M.SENT},
    _M.EXPIRED: frozenset({_M.DELIVERED, _M.UNDELIVERED, _M.SENT}),
    _M.UNDELIVERED: frozenset({_M.DELIVERED}),  # another attempt of the same part arrived after all
    _M.CANCELLED: frozenset({_M.SENT, _M.DELIVERED, _M.UNDELIVERED, _M.EXPIRED}),
    _M.DELIVERED: frozenset(),
}
"""The allowed moves; a move that is not listed is a defect and raises ValueError in the store."""

TERMINAL = frozenset({_M.DELIVERED, _M.UNDELIVERED, _M.FAILED, _M.EXPIRED, _M.UNKNOWN, _M.CANCELLED})
"""Terminal whatever else is known; `sent` is terminal too where no report was asked for or none can come."""


class Lane(IntEnum):
    """Priority lanes; the smaller number goes first, also between the parts of a longer message."""

    OTP = 0
    HIGH = 1
    NORMAL = 2
    BULK = 3


CATCH = "catch"
"""Home queue of what is caught, and the modem that its timeline names."""
CANARY = "simwire\tcanary"
"""Client of the messages that the gateway sends to itself; a name that no key can have."""
ALARMS = "simwire\talarms"
"""Client of the messages by which the gateway calls for help."""
OWN_CLIENTS = (CANARY, ALARMS)
"""Whose messages are no application's: no events tell of them, and no statistics count them."""


class AttemptState(StrEnum):
    """One submit of one part on one SIM, planned or made."""

    READY = "ready"  #: may be claimed now
    WAITING = "waiting"  #: becomes ready at `due_boot`
    CLAIMED = "claimed"  #: a worker has it; nothing has left (after a restart: ready again)
    SUBMITTING = "submitting"  #: committed before the PDU's first octet (after a restart: unknown)
    ACCEPTED = "accepted"  #: +CMGS came, the attempt owns its TP-MR
    REFUSED = "refused"  #: the modem or the network refused it
    UNKNOWN = "unknown"  #: handed over, outcome unknown
    DELIVERED = "delivered"  #: a status report says so
    UNDELIVERED = "undelivered"  #: a status report says so
    WITHDRAWN = "withdrawn"  #: will never be sent


class AttemptKind(StrEnum):
    """Why an attempt exists."""

    FIRST = "first"  #: of this part
    RETRY = "retry"  #: after a refusal
    RESEND = "resend"  #: after an unknown outcome: possible duplicate
    HEDGE = "hedge"  #: while another attempt is still pending: possible duplicate
    UNCONFIRMED = "unconfirmed"  #: accepted and not reported in time: possible duplicate
    RESTART = "restart"  #: the whole message again on another SIM: possible duplicate


POSSIBLE_DUPLICATES = frozenset({AttemptKind.RESEND, AttemptKind.HEDGE, AttemptKind.UNCONFIRMED, AttemptKind.RESTART})


class Secret(str):
    """A string that does not print itself: codes, texts, PINs, keys. Compare and pass on; never format."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def reveal(self) -> str:
        """The value itself, for the one place that must have it."""
        return str.__str__(self)


def masked(number: str) -> str:
    """A phone number for logs: first four and last three characters, e.g. `+447…123`."""
    return f"{number[:4]}…{number[-3:]}" if len(number) > 8 else f"{number[:1]}…"


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message as it is accepted: already checked, split into segments and routed to a queue."""

    client: str
    to: str = field(repr=False)
    """E.164, or a short code where that is allowed."""
    country: str | None
    """Region code of the destination; None for short codes."""
    lane: Lane
    lifetime: float
    """Seconds from acceptance, or from `not_before`."""
    text: Secret | None
    """None for binary data."""
    segments: tuple[bytes, ...]
    """One `hardware.pdu.Segment.to_bytes()` each, in order."""
    encoding: str
    """gsm7, ucs2 or data."""
    concat_reference: int
    route: str
    """Home queue: `route:<prefix>` or `modem:<name>`."""
    report: bool = True
    replace: int | None = None
    """TP-PID replace type 1–7 (23.040 9.2.3.9)."""
    flash: bool = False
    silent: bool = False
    on_unknown: str = "hold"
    """`resend` or `hold`."""
    not_before: float | None = None
    """Unix seconds."""
    challenge_id: str | None = None
    modem: str | None = None
    client_ref: str | None = None
    tags: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    key_id: str | None = None
    """The key that it was sent with."""
    delivery: int = 0
    """Value of `gateway.policy.Delivery`, frozen at acceptance."""
    sent_to: str | None = field(default=None, repr=False)
    """Where it really goes, where that is not `to`: the handset of a redirecting key."""
    code: Secret | None = None
    """The code in the text, where it is known; kept only where the message is caught at once."""
    sim: str | None = field(default=None, repr=False)
    """IMSI of the SIM that should send it, while that can: the one that sent what it replaces."""


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One transition or event of a message; never a PDU or a text."""

    at: int
    """Unix milliseconds."""
    state: MessageState
    reason: str | None = None
    modem: str | None = None
    attempt: int | None = None
    part: int | None = None
    result: str | None = None
    """The modem's result line, or what happened in words: `delivered_late`, `still_trying`, …"""
    possible_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A stored message without its text; times in Unix milliseconds."""

    id: str
    client: str
    to: str = field(repr=False)
    state: MessageState
    reason: str | None
    parts: int
    encoding: str
    lane: Lane
    modem: str | None
    attempts: int
    report: bool
    created_at: int
    expires_at: int
    next_attempt_at: int | None
    sent_at: int | None
    delivered_at: int | None
    client_ref: str | None
    tags: tuple[str, ...]
    warnings: tuple[str, ...]
    challenge_id: str | None
    final: bool
    """Whether the state is terminal for this message (see `TERMINAL`)."""


@dataclass(frozen=True, slots=True)
class ClaimedAttempt:
    """What a worker needs to send one part."""

    id: int
    message_id: str
    part: int
    parts: int
    lane: Lane
    kind: AttemptKind
    to: str = field(repr=False)
    segment: bytes = field(repr=False)
    concat_reference: int
    expires_boot: float
    """End of the lifetime on the boot clock, in seconds."""
    report: bool
    replace: int | None
    silent: bool
    message_class: int | None
    """0 for flash; None for no class (23.038 4)."""
    number: int
    """How many attempts this part has had, this one included."""
    without: frozenset[str] = frozenset()
    """Options the network refused before: `validity`, `pid`, `class`."""
    bound: bool = False
    """Whether the rest of its message goes by this SIM only, because a part was accepted or may have been."""
    step: int = 0
    """Steps of the retry schedule that the part has taken."""
    hopped: bool = False
    """Whether the present step has already used another modem."""
    home: str = "route:"
    """Home queue of its message: `route:<prefix>` or `modem:<name>`."""
    country: str | None = None
    """Region code of the destination; None for short codes."""
    waited: float | None = None
    """Seconds for which it could have gone before it was claimed; None where that is not known."""

    @property
    def possible_duplicate(self) -> bool:
        """Whether the handset may get this part twice."""
        return self.kind in POSSIBLE_DUPLICATES


@dataclass(frozen=True, slots=True)
class Refusal:
    """A submit that was refused: what the modem said and the class that decides what happens."""

    error_class: str
    """Value of `hardware.at.results.ErrorClass`."""
    result: str
    """The modem's result line, e.g. `+CMS ERROR: 38 (network out of order)`."""
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A status report as the matching needs it."""

    imsi: str
    reference: int
    """TP-MR"""
    recipient: str = field(repr=False)
    """TP-RA as number; empty where the network left it out."""
    status: int
    """TP-ST"""
    service_centre_time: float | None
    """TP-SCTS as Unix seconds, None where unreadable."""
    discharge_time: float | None
    raw: bytes = field(repr=False, default=b"")


Json = dict[str, Any]
