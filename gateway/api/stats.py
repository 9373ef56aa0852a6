"""What became of the messages of a while."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.api.operations import Answer, Call, Operation, Parameter
from gateway.api.render import moment
from gateway.api.shapes import StatsShape
from gateway.api.view import ServiceView
from gateway.messages import Json
from gateway.quantities import seconds
from gateway.refusals import InvalidInput
from gateway.store import Group, percentile

SHORTEST, LONGEST = 60.0, 31 * 86_400.0  # seconds
USUAL = "24h"
_PERCENTILES = (50, 90, 95, 99)
_WINDOW = Parameter("window", {"type": "string", "default": USUAL}, "How far back: a duration from `1m` to `31d`")


def operations(service: ServiceView) -> tuple[Operation, ...]:
    """The operation on /v1/stats."""
    stats, clock = service.store.stats, service.clock

    def count(call: Call) -> Answer:
        window = _window(call.query.get("window", USUAL))
        found = stats.window(window, clock.now(), call.principal.sees)
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
            StatsShape, query=(_WINDOW,),
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


def _times(milliseconds: list[int]) -> Json:
    ordered = sorted(milliseconds)
    return {
        "n": len(ordered),
        **{f"p{percent}": percentile(ordered, percent) / 1000 if ordered else None for percent in _PERCENTILES},
    }
