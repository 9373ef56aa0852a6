"""What follows from an answer, or from none: done, again later, given up. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Literal

SCHEDULE = (1.0, 5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)
"""Seconds before a delivery is tried again; the last one repeats."""
PAUSES = (5.0, 15.0, 60.0, 300.0)
"""Seconds for which an endpoint is left alone that takes nothing; the last one repeats."""
EVENTS_BEFORE_PAUSE = 3
"""Different events that fail before it is the endpoint that is at fault, and not what one of them says."""
JITTER = 0.1
_WAIT_IS_MEANT = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a delivery."""

    state: Literal["done", "waiting", "dead"]
    error: str | None = None
    wait: float = 0.0
    """Seconds until it is tried again, where it waits."""
    asked: float | None = None
    """Seconds for which the endpoint asked to be left alone."""


def judge(status: int, retry_after: str | None, now: float) -> Verdict:
    """What an HTTP status means; `now` is Unix seconds. `wait` is left to `again`."""
    if 200 <= status < 300:
        return Verdict("done")
    said = f"answered {status}" + (f" ({_PHRASES[status]})" if status in _PHRASES else "")
    if status == HTTPStatus.GONE:
        return Verdict("dead", f"{said}: it wants this event no more")
    if 300 <= status < 400:
        return Verdict("waiting", f"{said}: redirects are not followed; put the address it moved to into the url")
    asked = seconds_asked(retry_after, now) if status in _WAIT_IS_MEANT else None
    return Verdict("waiting", said, asked=asked)


def again(verdict: Verdict, attempts: int, left: float, chance: float) -> Verdict:
    """When a delivery that failed is tried next, or that it is given up.

    `attempts` counts those before this one, `left` is how many seconds of the 24 h are left, `chance` from 0 to 1
    spreads the wait by a tenth. What the endpoint asks for is kept to, though one last try is made before the end.
    """
    if verdict.state != "waiting":
        return verdict
    wait = SCHEDULE[min(attempts, len(SCHEDULE) - 1)] * (1 + JITTER * (2 * chance - 1))
    if verdict.asked is not None:
        wait = max(wait, min(verdict.asked, left))
    state: Literal["waiting", "dead"] = "waiting" if left > 0 and wait <= left else "dead"
    return Verdict(state, verdict.error, wait, verdict.asked)


def pause(failed: int, verdict: Verdict, chance: float) -> float:
    """Seconds for which the endpoint is left alone; 0: not at all.

    `failed` is how many different events have failed since one was taken.
    """
    wait = 0.0
    if failed >= EVENTS_BEFORE_PAUSE:
        step = min(failed - EVENTS_BEFORE_PAUSE, len(PAUSES) - 1)
        wait = PAUSES[step] * (1 + JITTER * (2 * chance - 1))
    return max(wait, verdict.asked or 0.0)


def seconds_asked(retry_after: str | None, now: float) -> float | None:
    """The seconds of a Retry-After (RFC 9110 10.2.3), at most a day; None where it says nothing that can be read."""
    if retry_after is None:
        return None
    written = retry_after.strip()
    if written.isascii() and written.isdigit():
        return min(float(written), _DAY)
    try:
        moment = parsedate_to_datetime(written)
    except (ValueError, OverflowError):  # a year that no clock knows
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(0.0, moment.timestamp() - now), _DAY)


_DAY = 86_400.0
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
