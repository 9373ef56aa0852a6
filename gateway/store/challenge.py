"""What a challenge is: its states, what a check comes to, and the values that travel in and out of the store."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from gateway.messages import Json, masked

NUMBER_LOCKED = "number_locked"
"""Why a challenge is locked that had attempts left: too many wrong codes for its number."""

Whose = tuple[str, str, int]
"""Client, number and value of `gateway.policy.Delivery`: what wrong codes are counted for."""


class ChallengeState(StrEnum):
    """The life of a challenge, as clients see it."""

    PENDING = "pending"
    APPROVED = "approved"
    EXPIRED = "expired"
    CANCELLED = "cancelled"  #: by the client, or superseded by another one
    LOCKED = "locked"  #: too many wrong codes


class CheckResult(StrEnum):
    """What a check comes to."""

    APPROVED = "approved"
    WRONG_CODE = "wrong_code"
    EXPIRED = "expired"
    USED = "used"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class NewChallenge:
    """A challenge as the engine makes it."""

    client: str
    to: str
    purpose: str
    code_hash: bytes = field(repr=False)
    lifetime: float
    """Seconds from now."""
    max_failures: int
    failures: int = 0
    """Kept from the challenge before this one; see `Challenges.before`."""
    sends: int = 1
    client_ref: str | None = None
    details: Json = field(default_factory=dict, repr=False)
    """What the engine wants back: binding, context, locale, template, length. Stored sealed."""
    id: str | None = None
    """Given where the engine hashed it together with the code (see `Challenges.new_id`)."""
    key_id: str | None = None
    """The key that it was started with."""
    peer: bytes | None = field(default=None, repr=False)
    """Keyed hash of the end user's address, where that is known."""
    delivery: int = 0
    """Value of `gateway.policy.Delivery`: challenges of other deliveries are nothing to this one."""

    @property
    def whose(self) -> Whose:
        """Whom its wrong codes count for."""
        return self.client, self.to, self.delivery


@dataclass(frozen=True, slots=True)
class Challenge:
    """A stored challenge; wall times in Unix milliseconds, boot times in seconds on this boot's clock."""

    id: str
    client: str
    to: str = field(repr=False)
    purpose: str
    state: ChallengeState
    reason: str | None
    code_hash: bytes = field(repr=False)
    failures: int
    max_failures: int
    sends: int
    message_id: str | None
    """The newest message."""
    client_ref: str | None
    details: Json = field(repr=False)
    created_at: int
    sent_at: int
    sent_boot: float
    """When the newest message was accepted: the resend cooldown counts from here."""
    expires_at: int
    expires_boot: float
    closed_at: int | None
    number_left: int
    """Wrong codes until the number itself is locked for this client."""
    delivery: int
    """That of the key that started it; see `NewChallenge`."""

    @property
    def whose(self) -> Whose:
        """Whom its wrong codes count for."""
        return self.client, self.to, self.delivery

    @property
    def attempts_left(self) -> int:
        """Wrong codes that are still allowed."""
        if self.state is not ChallengeState.PENDING:
            return 0
        return max(0, min(self.max_failures - self.failures, self.number_left))

    def __str__(self) -> str:
        return f"challenge {self.id} for {masked(self.to)}"
