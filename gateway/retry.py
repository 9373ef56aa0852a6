"""When and where a refused part is tried again. Pure: the caller brings the time, the chance and what is known."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from gateway.messages import ClaimedAttempt, Reason, Refusal

JITTER = 0.1  # share of a wait by which it varies, so that many refused parts do not come back at one moment

_OPTION_OF_CODE = {
    **dict.fromkeys((198, 199), "validity"),  # TP-VPF, TP-VP not supported
    **dict.fromkeys(range(128, 144), "pid"),  # telematic interworking, type 0, replace, TP-PID errors
    **dict.fromkeys((144, 145, 159), "class"),  # alphabet, message class, TP-DCS errors
}
"""The option that a +CMS code refuses (23.040 9.2.3.22)."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The configured waits in seconds; the last one repeats."""

    schedule: tuple[float, ...] = (2.0, 5.0, 15.0, 30.0, 60.0, 120.0)
    max_attempts: int = 20


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again in `delay` seconds."""

    delay: float
    where: Literal["any", "other", "same"] = "any"
    """`other`: by another modem, as long as that one takes it soon."""
    without: frozenset[str] = field(default=frozenset())
    """Options to leave out from now on, besides those left out already."""
    step: int = 0
    """Steps of the schedule taken so far, this one included."""
    hopped: bool = False
    """Whether this step has used its one other modem."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not try again."""

    reason: Reason


def decide(
    refusal: Refusal,
    attempt: ClaimedAttempt,
    policy: RetryPolicy,
    *,
    others_usable: bool,
    chance: Callable[[], float] = random.random,
) -> Retry | GiveUp:
    """What follows a refusal.

    `others_usable`: a modem other than the one that refused could take the part at once; it never counts for a message
    that is bound to its SIM. A wait past the lifetime is no reason to give up: expiry then ends the message.
    """
    if refusal.error_class == "permanent":
        return GiveUp(Reason.REFUSED)
    if attempt.number >= policy.max_attempts:
        return GiveUp(Reason.NO_ATTEMPT_LEFT)
    if refusal.error_class == "adapt":
        option = _refused_option(refusal, attempt)
        if option is None:
            return GiveUp(Reason.REFUSED)
        return Retry(0.0, "same", frozenset({option}), attempt.step, attempt.hopped)
    if others_usable and not attempt.bound and not attempt.hopped:
        return Retry(0.0, "other", step=attempt.step, hopped=True)
    wait = policy.schedule[min(attempt.step, len(policy.schedule) - 1)]
    return Retry(wait * (1 + JITTER * (2 * chance() - 1)), step=attempt.step + 1)


def _refused_option(refusal: Refusal, attempt: ClaimedAttempt) -> str | None:
    """The option to leave out; None where the part goes without it already, so that leaving it out cannot help."""
    option = _OPTION_OF_CODE.get(refusal.code or 0)
    present = {
        "validity": True,
        "pid": attempt.silent or attempt.replace is not None,
        "class": attempt.message_class is not None,
    }
    return option if option is not None and present[option] and option not in attempt.without else None
