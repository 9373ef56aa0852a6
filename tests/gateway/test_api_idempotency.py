"""Idempotency-Key: one message, however often the client repeats itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.gateway.world import NUMBER, OTHER, World

KEY = {"Idempotency-Key": "order-7"}
BODY = {"to": NUMBER, "text": "hello"}


def queued(world: World) -> int:
    return len(world.get("/v1/messages").get_json()["items"])


def test_a_repetition_gets_the_first_answer_and_sends_nothing(world: World) -> None:
    first = world.post("/v1/messages", BODY, headers=KEY)
    again = world.post("/v1/messages", dict(reversed(BODY.items())), headers=KEY)
    assert (again.status_code, again.get_json()) == (202, first.get_json())
    assert queued(world) == 1


def test_a_repeated_code_is_the_same_challenge_and_no_resend(world: World) -> None:
    body = {"to": NUMBER, "purpose": "login"}
    first = world.post("/v1/otp", body, headers=KEY)
    again = world.post("/v1/otp", body, headers=KEY)
    assert again.get_json() == first.get_json()
    assert queued(world) == 1


def test_a_repeated_resend_passes_the_cooldown_that_it_started(world: World) -> None:
    challenge = world.post("/v1/otp", {"to": NUMBER, "purpose": "login"}).get_json()
    world.clock.advance(31)
    path = f"/v1/otp/{challenge['id']}/resend"
    first = world.post(path, {}, headers=KEY)
    again = world.post(path, {}, headers=KEY)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.get_json() == first.get_json()
    assert queued(world) == 2


def test_another_body_or_path_under_the_key_is_refused(world: World) -> None:
    world.post("/v1/messages", BODY, headers=KEY)
    answer = world.post("/v1/messages", BODY | {"to": OTHER}, headers=KEY)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "idempotency_key_reused")
    assert world.post("/v1/otp", {"to": NUMBER, "purpose": "login"}, headers=KEY).status_code == 409
    assert queued(world) == 1


def test_keys_belong_to_their_client(world: World) -> None:
    world.post("/v1/messages", BODY, headers=KEY)
    other = world.post("/v1/messages", BODY | {"text": "other"}, headers=KEY, client="bank")
    assert other.status_code == 202


def test_a_refusal_is_not_remembered(world: World) -> None:
    refused = world.post("/v1/messages", {"to": "+33639981234", "text": "hello"}, headers=KEY)
    assert refused.status_code == 403
    assert world.post("/v1/messages", BODY, headers=KEY).status_code == 202


def test_a_key_is_forgotten_after_a_day(world: World) -> None:
    first = world.post("/v1/messages", BODY, headers=KEY).get_json()
    world.clock.advance(86_401)
    assert world.post("/v1/messages", BODY, headers=KEY).get_json()["id"] != first["id"]


def test_eight_at_once_send_one(world: World) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: world.post("/v1/messages", BODY, headers=KEY).get_json()["id"], range(8)))
    assert len(set(answers)) == 1
    assert queued(world) == 1


def test_a_key_that_is_too_long_is_refused(world: World) -> None:
    assert world.post("/v1/messages", BODY, headers={"Idempotency-Key": "k" * 256}).status_code == 422


def at_once(world: World, path: str, body: object) -> list[Any]:
    """The answers to a request, and to its duplicate that comes while the first has its places but is not stored."""
    answers: list[Any] = []
    database, accept = world.store.database, world.store.database.accept_together

    def ask() -> None:
        answers.append(world.post(path, body, headers=KEY))

    duplicate = threading.Thread(target=ask)

    def late(together: Callable[..., Any], item: object) -> Any:
        database.accept_together = accept  # type: ignore[method-assign]
        duplicate.start()
        duplicate.join(0.5)  # one that does not wait for the first is refused within that time
        return accept(together, item)

    world.key()
    database.accept_together = late  # type: ignore[method-assign]
    ask()
    duplicate.join()
    return answers


def limit_events(world: World) -> list[Any]:
    return [event for event in world.store.events.after(0, 1000) if event.kind.startswith("limit.")]


ONE = '[limits.{}]\nrates = ["1/1h"]\nmode = "enforce"\n'


@pytest.mark.parametrize(
    ("rule", "path", "body"),
    [("number", "/v1/otp", {"to": NUMBER, "purpose": "login"}), ("key", "/v1/messages", BODY)],
)
def test_a_duplicate_waits_where_the_first_takes_the_last_place(
    make_world: Callable[..., World], rule: str, path: str, body: object
) -> None:
    world = make_world(ONE.format(rule))
    answers = at_once(world, path, body)
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].get_json() == answers[1].get_json()
    assert limit_events(world) == []
    assert world.post(path, body).status_code == 429


def test_a_duplicate_of_a_resend_waits_for_the_first(make_world: Callable[..., World]) -> None:
    world = make_world(ONE.format("key").replace("1/1h", "2/1h"))
    challenge = world.post("/v1/otp", {"to": NUMBER, "purpose": "login"}).get_json()
    world.clock.advance(31)
    first, again = at_once(world, f"/v1/otp/{challenge['id']}/resend", {})
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.get_json() == first.get_json()


def test_a_wall_clock_that_is_put_forward_does_not_make_an_answer_forgotten(world: World) -> None:
    """A client that repeats itself after that must not send a second message."""
    first = world.post("/v1/messages", BODY, headers=KEY)
    world.clock.step_wall(3 * 86_400)
    world.store.idempotency.purge(world.clock.now())
    again = world.post("/v1/messages", BODY, headers=KEY)
    assert (again.status_code, again.get_json()) == (202, first.get_json())
    assert queued(world) == 1
    world.clock.advance(86_400)
    assert world.post("/v1/messages", BODY, headers=KEY).get_json() != first.get_json()
