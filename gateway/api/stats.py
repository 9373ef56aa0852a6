"""What became of the messages of a while."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from pydantic import AwareDatetime

from gateway.api.operations import Answer, Call, Operation, Parameter
from gateway.api.render import moment
from gateway.api.shapes.common import Shape
from gateway.api.view import ServiceView
from gateway.messages import Json, MessageState
from gateway.quantities import seconds
from gateway.refusals import InvalidInput, Unavailable
from gateway.store import Group, percentile

SHORTEST, LONGEST = 60.0, 31 * 86_400.0  # seconds
USUAL = "24h"
TURN, RETRY = 2.0, 5.0  # seconds to wait for one's turn, and then until asking again makes sense
_PERCENTILES = (50, 90, 95, 99)
_WINDOW = Parameter("window", {"type": "string", "default": USUAL}, "How far back: a duration from `1m` to `31d`")


class Times(Shape):
    """Seconds that it took; each percentile is a time that was measured (nearest rank), null where none was."""

    n: int
    """Messages that it was measured for."""
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None


class Counted(Shape):
    """Messages that have something in common."""

    total: int
    states: dict[MessageState, int]
    """How many are in each state; states without any are left out."""
    delivered_share: float | None
    """Delivered ones among all, 0 to 1; null where there is none."""
    to_sent: Times
    """From acceptance, or from `not_before`, until the network had accepted every part."""
    to_delivered: Times


class CountedByName(Counted):
    """Messages by modem, destination country or purpose."""

    name: str | None
    """null: no modem yet; a short code, which is in no country."""


class CodesCounted(Shape):
    """What became of codes."""

    challenges: int
    sends: int
    """Messages that carried a code, resends included."""
    approved: int
    """Challenges that a right code approved."""
    conversion: float | None
    """Approved ones among all challenges, 0 to 1; null where there is none."""


class StatsShape(Counted):
    """What became of the messages that were accepted within a window."""

    window: float
    """Seconds."""
    since: AwareDatetime
    """Begin of what was counted: later than the window's where `sampled`."""
    until: AwareDatetime
    sampled: bool
    """Whether there were more messages: then only the newest 200,000 are counted."""
    modems: list[CountedByName]
    countries: list[CountedByName]
    purposes: list[CountedByName]
    """By purpose of the code; `message` for what is no code."""
    codes: CodesCounted


def operations(service: ServiceView) -> tuple[Operation, ...]:
    """The operation on /v1/stats."""
    stats, clock = service.store.stats, service.clock
    alone = threading.Lock()  # one at a time: the whole outbox may be read

    def count(call: Call) -> Answer:
        window = _window(call.query.get("window", USUAL))
        if not alone.acquire(timeout=TURN):
            raise Unavailable("somebody else is counting already", RETRY, "busy")
        try:
            found = stats.window(window, clock.now(), call.principal.sees)
        finally:
            alone.release()
        return 200, {
            "window": window,
            "since": moment(found.since),
            "until": moment(found.until),
            "sampled": found.sampled,
            **_counted(found.every),
            "modems": _by_name(found.modems),
            "countries": _by_name(found.countries),
            "purposes": _by_name(found.purposes),
            "codes": {
                "challenges": found.challenges,
                "sends": found.code_sends,
                "approved": found.approved,
                "conversion": round(found.approved / found.challenges, 4) if found.challenges else None,
            },
        }

    return (
        Operation(
            "GET", "/v1/stats", "get_stats", "Count what became of messages and codes", ("stats:read",), count, 200,
            StatsShape, query=(_WINDOW,), refusals=(503,),
        ),
    )  # fmt: skip


def _window(written: str) -> float:
    try:
        window = seconds(written)
    except ValueError:
        window = 0.0
    if not SHORTEST <= window <= LONGEST:
        raise InvalidInput.of("window", "a duration from 1m to 31d")
    return window


def _by_name(groups: Mapping[str, Group] | Mapping[str | None, Group]) -> list[Json]:
    """The greatest group first."""
    ranked = sorted(groups.items(), key=lambda item: (-item[1].total, item[0] or ""))
    return [{"name": name, **_counted(group)} for name, group in ranked]


def _counted(group: Group) -> Json:
    share = group.delivered_share
    return {
        "total": group.total,
        "states": dict(sorted(group.states.items())),
        "delivered_share": None if share is None else round(share, 4),
        "to_sent": _times(group.to_sent),
        "to_delivered": _times(group.to_delivered),
    }


def _times(milliseconds: Iterable[int]) -> Json:
    ordered = sorted(milliseconds)
    return {
        "n": len(ordered),
        **{f"p{percent}": percentile(ordered, percent) / 1000 if ordered else None for percent in _PERCENTILES},
    }
