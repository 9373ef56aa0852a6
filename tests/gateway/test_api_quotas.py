"""Quotas and quiet hours as clients see them: warnings of a message, the fields of a modem, readiness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.quota import PER_DAY, RECIPIENTS, QuotaUse
from tests.gateway.world import NUMBER, World

QUIET = '[messages]\nquiet_hours = "21:00-08:00"\n'  # the world's clock stands at midnight in London


@pytest.mark.parametrize(
    ("more", "warned"),
    [
        ({"lifetime": 8 * 3600}, True),
        ({"lifetime": 8 * 3600 + 1}, False),
        ({"lifetime": 3600, "not_before": "2026-01-01T22:00:00Z"}, True),
        ({"lifetime": 3600, "not_before": "2026-01-01T12:00:00Z"}, False),
        ({"lifetime": 3600, "not_before": "2025-12-31T12:00:00Z"}, True),
        ({"lifetime": 3600, "priority": "normal"}, False),
        ({}, False),
    ],
)
def test_a_bulk_message_that_quiet_hours_would_never_let_out_has_a_warning(
    make_world: Callable[..., World], more: dict[str, object], warned: bool
) -> None:
    body = {"to": NUMBER, "text": "news", "priority": "bulk", **more}
    warnings = make_world(QUIET).post("/v1/messages", body).get_json()["warnings"]
    assert any("quiet hours (21:00-08:00)" in warning for warning in warnings) is warned


def test_a_modem_shows_the_use_of_its_quotas(world: World) -> None:
    assert world.get("/v1/modems/sim1").get_json()["quota"] == []
    use = QuotaUse(PER_DAY, 80, 100, 20, world.clock.now().wall + 86_400)
    world.views[0] = replace(world.views[0], quota=(use, QuotaUse(RECIPIENTS, 0, 5, 1, None)))
    assert world.get("/v1/modems/sim1").get_json()["quota"] == [
        {"rule": "per_day", "used": 80, "limit": 100, "otp_kept": 20, "renews_at": "2026-01-02T00:00:00.000Z"},
        {"rule": "recipients_per_month", "used": 0, "limit": 5, "otp_kept": 1, "renews_at": None},
    ]


@pytest.mark.parametrize(("rule", "used", "status"), [(PER_DAY, 99, 200), (PER_DAY, 100, 503), (RECIPIENTS, 100, 200)])
def test_a_gateway_whose_only_sim_has_used_its_quota_is_not_ready(
    world: World, rule: str, used: int, status: int
) -> None:
    world.views[0] = replace(world.views[0], quota=(QuotaUse(rule, used, 100, 20, None),))
    assert world.get("/health/ready").status_code == status
