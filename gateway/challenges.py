"""A challenge between its store and its clients: what it remembers for a resend, whether it is open, when its code
may be sent again, and how it is shown. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from gateway.limits import SendRule, whole_seconds
from gateway.messages import Json, Message, Secret
from gateway.refusals import Conflict, TooMany
from gateway.requests import OtpRequest
from gateway.store import NUMBER_LOCKED, Challenge, ChallengeState, CheckResult
from gateway.texts import Order
from hardware.clock import Instant


@dataclass(frozen=True, slots=True)
class ChallengeView:
    """A challenge and its newest message, as clients see them."""

    challenge: Challenge
    message: Message | None
    state: ChallengeState
    attempts_left: int
    resend_after: int | None
    """Seconds until another send is allowed; None where none is."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check came to."""

    result: CheckResult
    attempts_left: int
    mismatch: str | None = None
    """The part that did not fit, where `[otp] explain` is on."""


class Pace:
    """How often the code of a challenge may be sent."""

    def __init__(self, rule: SendRule) -> None:
        self._rule = rule

    def view(self, challenge: Challenge, message: Message | None, now: Instant) -> ChallengeView:
        """A challenge and its newest message, as clients see them at `now`."""
        state = state_at(challenge, now)
        if state is not ChallengeState.PENDING:
            return ChallengeView(challenge, message, state, 0, None)
        pause = self._rule.pause_after(challenge.sends)
        wait = None if pause is None else self._wait(challenge, now)
        resend_after = None if wait is None else whole_seconds(wait) if wait else 0
        return ChallengeView(challenge, message, state, challenge.attempts_left, resend_after)

    def _wait(self, challenge: Challenge, now: Instant) -> float:
        since = max(0.0, now.boot - challenge.sent_boot)
        return self._rule.wait(challenge.sends, since, challenge.expires_boot - now.boot)

    def must_allow_send(self, challenge: Challenge, now: Instant) -> None:
        """Raise TooMany where another send must wait, or none is left."""
        wait = self._wait(challenge, now)
        if self._rule.pause_after(challenge.sends) is None:
            raise TooMany(f"the code was sent {challenge.sends} times already", wait, "too_many_sends")
        if wait > 0:
            raise TooMany(
                f"the code was sent a moment ago; it can be sent again in {whole_seconds(wait)} s",
                wait,
                "resend_too_soon",
            )


def state_at(challenge: Challenge, now: Instant) -> ChallengeState:
    """The state of a challenge, its lifetime considered: the store ends it only some time later."""
    if challenge.state is ChallengeState.PENDING and now.boot >= challenge.expires_boot:
        return ChallengeState.EXPIRED
    return challenge.state


def must_be_open(challenge: Challenge, now: Instant) -> None:
    """Raise Conflict for a challenge that has ended."""
    state = state_at(challenge, now)
    if state is not ChallengeState.PENDING:
        raise Conflict(f"this challenge is {state.value}; start a new one", "challenge_closed")


def carried(before: Challenge, wrong_codes: int, now: Instant) -> int:
    """The failures of `before` that count on in the challenge after it; raises TooMany where they are too many.

    `wrong_codes`: in a row for the number, which is not locked now. What its lock has closed does not stand in the way
    when that is over, and where an operator has forgiven the number these failures are forgiven too.
    """
    if before.state is not ChallengeState.LOCKED:
        return before.failures
    by_number = before.reason == NUMBER_LOCKED
    if by_number and not wrong_codes:
        return 0
    if by_number and before.failures < before.max_failures:
        return before.failures
    raise TooMany("too many wrong codes were given", before.expires_boot - now.boot, "locked")


def remembered(request: OtpRequest, length: int, lifetime: float, context: dict[str, str], country: str | None) -> Json:
    """What a resend needs to know; the store seals it."""
    return {
        "length": length,
        "lifetime": lifetime,
        "country": country,
        "own_code": request.code is not None,
        "binding": request.binding.reveal() if request.binding is not None else None,
        "context": context,
        "template": request.template or request.purpose,
        "locale": request.locale,
        "webotp_domain": request.webotp_domain,
        "app_hash": request.app_hash,
    }


def binding_of(details: Json) -> Secret | None:
    """What the code is bound to."""
    return None if details["binding"] is None else Secret(details["binding"])


def order_again(details: Json, purpose: str) -> Order:
    """What the text of another code is to say."""
    context = details["context"]
    return Order(
        template=details["template"],
        locale=details["locale"],
        operation=context.get("operation"),
        payee=context.get("payee"),
        amount=Decimal(context["amount"]) if "amount" in context else None,
        currency=context.get("currency"),
        reference=context.get("reference"),
        webotp_domain=details["webotp_domain"],
        app_hash=details["app_hash"],
        transaction=purpose == "transaction",
    )
