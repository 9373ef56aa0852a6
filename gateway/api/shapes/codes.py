"""Codes, and the numbers at which too many wrong ones were tried."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from gateway.api.shapes.common import Shape
from gateway.api.shapes.messages import TimelineRow
from gateway.messages import MessageState
from gateway.store import ChallengeState, CheckResult


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


class LockShape(Shape):
    """A number at which too many wrong codes were tried."""

    number: str
    client: str
    delivery: Literal["live", "redirect", "catch"]
    """Of the keys whose codes were guessed at."""
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
    """For how many clients and deliveries there were any."""
