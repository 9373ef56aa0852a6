"""Requests that wait for the same commit: stored in one call, and each answered as if it had come alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.messages import Lane
from gateway.store import Block, StoreFailed
from tests.gateway.world import World

QUICK = '[otp]\ncooldown = ["0s"]\nmax_sends = 100\n'
Make = Callable[..., World]


def number(place: int) -> str:
    return f"+4477009001{place:02d}"


def mail(to: object, **more: object) -> tuple[str, dict[str, object]]:
    return "/v1/messages", {"to": to, "text": "Your parcel arrives today", **more}


def login(to: str) -> tuple[str, dict[str, object]]:
    return "/v1/otp", {"to": to, "purpose": "login"}


def at_once(world: World, asked: Sequence[tuple[str, object]], keys: Sequence[str | None] = ()) -> list[TestResponse]:
    """The answers to requests that all wait when the first of them may write."""
    world.get("/v1/messages")  # notes that the key was used, which needs the database too
    database = world.store.database

    def ask(place: int) -> TestResponse:
        key = keys[place] if keys else None
        path, body = asked[place]
        return world.post(path, body, headers={"Idempotency-Key": key} if key else {})

    with ThreadPoolExecutor(len(asked)) as pool:
        with database.mark():
            answers = []
            for place in range(len(asked)):  # one after the other, so that they wait in this order
                answers.append(pool.submit(ask, place))
                while len(database._writer._queue) < sum(not answer.done() for answer in answers):
                    pass
        return [answer.result() for answer in answers]


def statements(world: World) -> Counter[str]:
    """What is written from now on: tables with the number of statements that insert into them."""
    counted: Counter[str] = Counter()

    def count(query: str) -> None:
        words = query.split()
        counted[" ".join(words[:3]) if words[0] == "INSERT" else words[0]] += 1

    world.store.database._connection.set_trace_callback(count)
    return counted


def test_messages_of_many_requests_are_stored_as_those_of_one(world: World) -> None:
    counted = statements(world)
    asked = [mail(number(1)), mail([number(2), number(3)], tags=["x"]), mail(number(4), priority="bulk")]
    answers = at_once(world, asked)
    world.store.database._connection.set_trace_callback(None)
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert counted["INSERT INTO timeline"] == 1
    first, (second, third), fourth = (
        answers[0].get_json(),
        answers[1].get_json()["items"],
        answers[2].get_json(),
    )
    shown = [world.get(f"/v1/messages/{one['id']}").get_json() for one in (first, second, third, fourth)]
    assert [one["to"] for one in shown] == [number(place) for place in (1, 2, 3, 4)]
    assert [one["tags"] for one in shown] == [[], ["x"], ["x"], []]
    assert [one["priority"] for one in shown] == ["normal", "normal", "normal", "bulk"]
    assert [[entry["state"] for entry in one["timeline"]] for one in shown] == [["queued"]] * 4
    assert sorted(lane for _, lane in world.woken) == [Lane.NORMAL] * 3 + [Lane.BULK]


def test_who_is_refused_is_refused_alone(world: World) -> None:
    world.store.blocked.add(number(2), Block.BLOCKED, "ops", world.clock.now())
    asked = [mail(number(1)), mail(number(2)), mail([number(3), number(2)]), mail(number(4)), login(number(2))]
    answers = at_once(world, asked)
    assert [answer.status_code for answer in answers] == [202, 403, 403, 202, 202]
    assert answers[1].get_json()["errors"][0]["field"] == "to"
    assert answers[2].get_json()["errors"][0]["field"] == "to[1]"
    listed = world.get("/v1/messages").get_json()["items"]
    assert sorted(one["to"] for one in listed) == [number(1), number(2), number(4)]


def test_answers_are_remembered_for_each(world: World) -> None:
    asked = [mail(number(1)), login(number(2)), mail(number(3)), login(number(4))]
    keys = ["a", "b", None, "c"]
    answers = at_once(world, asked, keys)
    assert [answer.status_code for answer in answers] == [202] * 4
    again = at_once(world, asked, keys)
    same = [one.get_json() == other.get_json() for one, other in zip(answers, again, strict=True)]
    assert same == [True, True, False, True]
    other = at_once(world, [mail(number(5)), mail(number(6))], ["a", None])
    assert [answer.status_code for answer in other] == [409, 202]


def test_codes_to_one_number_replace_each_other_in_their_order(make_world: Make) -> None:
    """The second withdraws the message of the first, which must be in the outbox by then."""
    world = make_world(QUICK)
    answers = at_once(world, [login(number(1)), login(number(2)), login(number(1)), login(number(1))])
    assert [answer.status_code for answer in answers] == [202] * 4
    otp = [answer.get_json() for answer in answers]
    states = [world.get(f"/v1/otp/{one['id']}").get_json()["state"] for one in otp]
    assert states == ["cancelled", "pending", "cancelled", "pending"]
    messages = [world.get(f"/v1/messages/{one['message_id']}").get_json()["state"] for one in otp]
    assert messages == ["cancelled", "queued", "cancelled", "queued"]
    for one in (otp[1], otp[3]):
        body = {"code": world.code(one["message_id"])}
        assert world.post(f"/v1/otp/{one['id']}/check", body).get_json()["result"] == "approved"


def test_a_code_that_comes_too_soon_is_refused_alone(world: World) -> None:
    answers = at_once(world, [login(number(1)), login(number(1)), login(number(2))])
    assert [answer.status_code for answer in answers] == [202, 429, 202]


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/otp"])
def test_what_fails_inside_takes_nobody_with_it(world: World, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """A request that cannot be remembered fails in the middle of what is done for all: nothing of it stays."""
    save = world.store.idempotency.save

    def broken(cx: Any, client: str, key: str, *rest: Any) -> None:
        save(cx, client, key, *rest)
        if key == "bad":
            raise StoreFailed(key)

    monkeypatch.setattr(world.store.idempotency, "save", broken)
    ask = mail if path == "/v1/messages" else login
    answers = at_once(world, [ask(number(place)) for place in range(3)], ["one", "bad", "two"])
    assert [answer.status_code for answer in answers] == [202, 503, 202]
    listed = world.get("/v1/messages").get_json()["items"]
    assert sorted(one["to"] for one in listed) == [number(0), number(2)]
    ids = {answer.get_json().get("message_id", answer.get_json().get("id")) for answer in (answers[0], answers[2])}
    assert {one["id"] for one in listed} == ids
    monkeypatch.undo()
    assert at_once(world, [ask(number(1))], ["bad"])[0].status_code == 202
