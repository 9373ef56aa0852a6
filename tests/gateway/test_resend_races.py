"""What happens to a challenge between the look at it and the transaction that sends its code again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.gateway.test_api_otp import check, start
from tests.gateway.world import World

QUICK = '[otp]\ncooldown = ["0s"]\nmax_sends = 100\n'


def resend(world: World, otp: dict[str, Any], *, same: bool, meanwhile: Callable[[], object]) -> TestResponse:
    """Ask for another send; `meanwhile` is done when everything was looked at, before the transaction begins."""
    database, accept = world.store.database, world.store.database.accept_together

    def late(together: Callable[..., Any], item: object) -> Any:
        database.accept_together = accept  # type: ignore[method-assign]
        meanwhile()
        return accept(together, item)

    database.accept_together = late  # type: ignore[method-assign]
    return world.post(f"/v1/otp/{otp['id']}/resend", {"same": same})


def refusal(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def sends(world: World, otp: dict[str, Any]) -> int:
    return int(world.get(f"/v1/otp/{otp['id']}").get_json()["sends"])


def test_a_code_that_is_dead_by_then_is_not_sent_again(make_world: Callable[..., World]) -> None:
    world = make_world(QUICK)
    otp = start(world)
    path = f"/v1/otp/{otp['id']}/resend"
    renewed: list[dict[str, Any]] = []
    refused = resend(world, otp, same=True, meanwhile=lambda: renewed.append(world.post(path).get_json()))
    assert refusal(refused) == (409, "challenge_changed")
    assert sends(world, otp) == 2
    assert check(world, otp["id"], world.code(renewed[0]["message_id"]))["result"] == "approved"


@pytest.mark.parametrize("same", [True, False])
def test_what_is_not_dead_by_then_is_sent(make_world: Callable[..., World], same: bool) -> None:
    world = make_world(QUICK)
    otp = start(world)
    path = f"/v1/otp/{otp['id']}/resend"
    answer = resend(world, otp, same=same, meanwhile=lambda: world.post(path, {"same": same}))
    assert answer.status_code == 202
    assert sends(world, otp) == 3
    assert check(world, otp["id"], world.code(answer.get_json()["message_id"]))["result"] == "approved"


@pytest.mark.parametrize("same", [True, False])
def test_of_two_sends_at_once_the_second_waits_for_the_cooldown(world: World, same: bool) -> None:
    otp = start(world)
    world.clock.advance(30)
    refused = resend(world, otp, same=same, meanwhile=lambda: world.post(f"/v1/otp/{otp['id']}/resend"))
    assert refusal(refused) == (429, "resend_too_soon")
    assert int(refused.headers["Retry-After"]) == 60
    assert sends(world, otp) == 2


@pytest.mark.parametrize("same", [True, False])
def test_a_challenge_that_ends_meanwhile_is_told_closed(make_world: Callable[..., World], same: bool) -> None:
    world = make_world(QUICK)
    otp = start(world)
    refused = resend(world, otp, same=same, meanwhile=lambda: world.delete(f"/v1/otp/{otp['id']}"))
    assert refusal(refused) == (409, "challenge_closed")
    assert sends(world, otp) == 1
