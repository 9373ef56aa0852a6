"""Codes that would come too late are refused at once, and taken while nobody can tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.backlog import NO_MODEM
from gateway.directory import ModemView
from gateway.quota import RECIPIENTS, QuotaUse
from gateway.store import Slot
from tests.gateway.test_api_keys import make, use
from tests.gateway.world import NUMBER, World

QUIET = "".join(f'[limits.{name}]\nmode = "off"\n' for name in ("number", "prefix", "conversion"))
CODES = ("messages:send", "messages:otp", "messages:read")
SLOT = Slot("sim1", "00101one", ("route:",))


def start(world: World, to: str = NUMBER, **more: Any) -> TestResponse:
    return world.post("/v1/otp", {"to": to, "purpose": "login", **more})


def fill(world: World, codes: int, country: str = "+447700901") -> None:
    """So many codes wait; the look at the queue is a new one afterwards."""
    for place in range(codes):
        assert start(world, f"{country}{place:03}", lifetime=600).status_code == 202
    world.clock.advance(1)


def refusal(answer: TestResponse) -> int:
    assert (answer.status_code, answer.get_json()["code"]) == (503, "backlog"), answer.text
    return int(answer.headers["Retry-After"])


def test_a_code_that_would_leave_too_late_is_refused_with_an_estimate(world: World) -> None:
    fill(world, 67)
    assert start(world).status_code == 202  # 67 parts of 4 s, and 270 s of time
    world.clock.advance(1)
    refused = start(world, "+447700900124")
    assert refusal(refused) == 2
    assert "need about 272 s wait already, and this one lives 300 s" in refused.get_json()["detail"]
    assert start(world, "+447700900124", lifetime=600).status_code == 202


def test_the_queue_counts_as_it_empties(world: World) -> None:
    fill(world, 69)
    assert refusal(start(world)) == 6
    for _ in range(2):
        attempt = world.store.outbox.claim(SLOT, world.clock.now())
        assert attempt is not None
    world.clock.advance(1)
    assert start(world).status_code == 202


def test_more_and_quicker_modems_send_more(world: World) -> None:
    fill(world, 100)
    refusal(start(world))
    world.views[0] = replace(world.views[0], seconds_per_part=2.0)
    world.clock.advance(1)
    assert start(world).status_code == 202
    world.views[0] = replace(world.views[0], seconds_per_part=4.0)
    world.views[1] = replace(world.views[1], state="ready", prefixes=())
    world.clock.advance(1)
    assert start(world, "+447700900124").status_code == 202


def test_a_modem_that_sends_to_known_numbers_only_is_not_counted_on(world: World) -> None:
    fill(world, 100)
    full = QuotaUse(RECIPIENTS, used=250, limit=250, otp_kept=0, renews_at=None)
    world.views[1] = ModemView("sim2", "ready", quota=(full,))
    assert world.views[1].usable
    refusal(start(world))
    world.views[1] = replace(world.views[1], quota=(replace(full, used=249),))
    world.clock.advance(1)
    assert start(world).status_code == 202


def test_ordinary_messages_are_not_in_the_way_and_are_always_taken(world: World) -> None:
    for _ in range(100):
        world.post("/v1/messages", {"to": NUMBER, "text": "hello"})
    world.clock.advance(1)
    assert start(world).status_code == 202
    fill(world, 70)
    refusal(start(world, "+447700900124"))
    assert world.post("/v1/messages", {"to": NUMBER, "text": "hello"}).status_code == 202


def test_sends_again_and_codes_of_the_callers_own_are_held_to_it_too(world: World) -> None:
    otp = start(world, lifetime=600).get_json()
    fill(world, 140)
    world.clock.advance(30)
    refusal(world.post(f"/v1/otp/{otp['id']}/resend", {"same": True}))
    body = {"to": NUMBER, "text": "12345678 is your code", "priority": "otp"}
    refusal(world.post("/v1/messages", body, client="bank", scopes=CODES))
    later = {**body, "not_before": "2026-01-01T01:00:00Z"}
    assert world.post("/v1/messages", later, client="bank", scopes=CODES).status_code == 202


def test_without_a_modem_that_can_send_a_code_is_taken_with_a_warning(world: World) -> None:
    fill(world, 80)
    world.views[0] = replace(world.views[0], state="searching")
    world.clock.advance(1)
    answer = start(world)
    assert answer.status_code == 202
    assert NO_MODEM in answer.get_json()["warnings"]
    assert NO_MODEM not in world.post("/v1/messages", {"to": NUMBER, "text": "hello"}).get_json()["warnings"]
    world.views[0] = replace(world.views[0], state="ready")
    world.clock.advance(1)
    refusal(start(world, "+447700900124"))


def test_another_routes_queue_is_not_in_the_way(make_world: Any) -> None:
    world = make_world('[limits]\nallowed_countries = ["GB", "FR"]\n')
    world.views[1] = replace(world.views[1], state="ready")  # for +33
    fill(world, 70)
    refusal(start(world))
    assert start(world, "+33612345678").status_code == 202
    world.views[1] = replace(world.views[1], state="absent")  # the other one steps in
    world.clock.advance(1)
    refusal(start(world, "+33612345679"))


def test_the_look_at_the_queue_is_shared_for_a_quarter_of_a_second(world: World) -> None:
    start(world)
    looks: list[str] = []
    codes_ready = world.store.outbox.codes_ready

    def counted(*arguments: Any) -> int:
        looks.append("")
        return codes_ready(*arguments)

    world.store.outbox.codes_ready = counted  # type: ignore[method-assign]
    for place in range(5):
        start(world, f"+44770090010{place}")
    assert looks == []
    world.clock.advance(0.25)
    for place in range(5):
        start(world, f"+44770090020{place}")
    assert len(looks) == 1


@pytest.mark.parametrize("policy", [{"delivery": "catch"}, {"delivery": "redirect", "redirect_to": "+33612345678"}])
def test_tests_are_answered_as_a_live_key_is(make_world: Any, policy: dict[str, str]) -> None:
    world = make_world('[limits]\nallowed_countries = ["GB", "FR"]\n')
    key = make(world, client="tests", scopes=["otp:send", "messages:send", "messages:otp"], **policy)
    own = {"to": NUMBER, "text": "12345678 is your code", "priority": "otp"}

    def tried(number: str) -> list[TestResponse]:
        code = {"to": number, "purpose": "login"}
        return [use(world, key, "POST", "/v1/otp", code), use(world, key, "POST", "/v1/messages", own)]

    assert [NO_MODEM in answer.get_json()["warnings"] for answer in tried("+447700900131")] == [False, False]
    fill(world, 80)
    world.views[0] = replace(world.views[0], state="searching")
    world.clock.advance(1)
    assert [NO_MODEM in answer.get_json()["warnings"] for answer in tried("+447700900132")] == [True, True]
    world.views[0] = replace(world.views[0], state="ready")
    world.clock.advance(1)
    for answer in tried("+447700900133"):
        refusal(answer)
