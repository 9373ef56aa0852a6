"""Webhooks over the API: how they are doing, dead letters, replays, tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gateway.webhooks.receiver import Receiver, Reply
from tests.gateway.world import World

ADMIN = {"scopes": ("admin",), "client": "operator"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.close()


@pytest.fixture
def hooked(make_world: Callable[..., World], receiver: Receiver, tmp_path: Path) -> World:
    """A gateway with two webhooks, one of which is somewhere that it may not go to."""
    (tmp_path / "hook.secret").write_text("a secret of sufficient length", encoding="ascii")
    return make_world(
        f"""
[[webhook]]
url = "http://127.0.0.1:{receiver.port}/T0KEN"
secret_file = "hook.secret"
allow_private = ["127.0.0.1"]
[[webhook]]
name = "elsewhere"
url = "https://localhost:{receiver.port}/"
secret_file = "hook.secret"
events = ["modem.*"]
clients = []
"""
    )


def happen(world: World, count: int) -> None:
    """So many messages are cancelled."""
    for _ in range(count):
        message = world.post("/v1/messages", {"to": "+447700900123", "text": "hello"}).get_json()
        assert world.delete(f"/v1/messages/{message['id']}").status_code == 200


def give_up(world: World, receiver: Receiver) -> None:
    """Everything that waits is refused for good."""
    receiver.answer = lambda _: Reply(410)
    while world.webhooks.endpoints["hook1"].turn() == 0:
        pass
    receiver.answer = lambda _: Reply()


def test_only_an_administrator_sees_them(hooked: World) -> None:
    for method, path in (("GET", ""), ("GET", "/dead"), ("POST", "/replay"), ("POST", "/hook1/test")):
        assert hooked.ask(method, f"/v1/webhooks{path}", {} if method == "POST" else None).status_code == 403


def test_the_list_says_how_each_is_doing(hooked: World, receiver: Receiver) -> None:
    happen(hooked, 2)
    first, second = hooked.get("/v1/webhooks", **ADMIN).get_json()["items"]
    assert first == {
        "name": "hook1",
        "origin": f"http://127.0.0.1:{receiver.port}",
        "events": ["*"],
        "clients": [],
        "waiting": 2,
        "oldest_waiting_at": "2026-01-01T00:00:00.000Z",
        "dead": 0,
        "failures": 0,
        "paused_until": None,
        "last_error": None,
        "last_error_at": None,
        "last_delivery_at": None,
    }
    assert (second["name"], second["events"], second["waiting"]) == ("elsewhere", ["modem.*"], 0)
    receiver.answer = lambda _: Reply(503, {"Retry-After": "60"})
    hooked.webhooks.endpoints["hook1"].turn()
    answer = hooked.get("/v1/webhooks", **ADMIN)
    first = answer.get_json()["items"][0]
    assert (first["failures"], first["last_error"]) == (1, "answered 503 (Service Unavailable)")
    assert first["paused_until"] == "2026-01-01T00:01:00.000Z"
    assert "T0KEN" not in answer.text


def test_dead_letters_are_listed_and_replayed(hooked: World, receiver: Receiver) -> None:
    happen(hooked, 3)
    give_up(hooked, receiver)
    page = hooked.get("/v1/webhooks/dead?limit=2", **ADMIN).get_json()
    rest = hooked.get(f"/v1/webhooks/dead?cursor={page['next_cursor']}", **ADMIN).get_json()
    assert (len(page["items"]), len(rest["items"]), rest["next_cursor"]) == (2, 1, None)
    newest = page["items"][0]
    assert (newest["endpoint"], newest["type"], newest["client"], newest["attempts"], newest["status"]) == (
        *("hook1", "message.cancelled", "shop"),
        *(1, 410),
    )
    assert hooked.get("/v1/webhooks/dead?endpoint=elsewhere", **ADMIN).get_json()["items"] == []
    asked = {"ids": [newest["id"], newest["id"], "nothing"]}
    assert hooked.post("/v1/webhooks/replay", asked, **ADMIN).get_json() == {"replayed": 1, "unknown": ["nothing"]}
    assert hooked.post("/v1/webhooks/replay", {"endpoint": "hook1"}, **ADMIN).get_json() == {
        "replayed": 2,
        "unknown": [],
    }
    receiver.sent.clear()
    while hooked.webhooks.endpoints["hook1"].turn() == 0:
        pass
    assert {sent.headers["X-Event-Id"] for sent in receiver.sent} == {
        one["event_id"] for one in (*page["items"], *rest["items"])
    }
    assert hooked.get("/v1/webhooks/dead", **ADMIN).get_json()["items"] == []


@pytest.mark.parametrize(
    "body", [{}, {"ids": []}, {"ids": ["1"], "endpoint": "hook1"}, {"endpoint": "other"}, {"ids": [1]}, {"all": True}]
)
def test_a_replay_that_names_nothing_is_refused(hooked: World, body: object) -> None:
    assert hooked.post("/v1/webhooks/replay", body, **ADMIN).status_code == 422


def test_a_cursor_that_no_list_gave_is_refused(hooked: World) -> None:
    assert hooked.get("/v1/webhooks/dead?cursor=x", **ADMIN).status_code == 422
    assert hooked.get("/v1/webhooks/dead?limit=0", **ADMIN).status_code == 422


def test_a_test_event_says_what_came_back(hooked: World, receiver: Receiver) -> None:
    answer = hooked.post("/v1/webhooks/hook1/test", **ADMIN).get_json()
    (sent,) = receiver.sent
    assert (answer["delivered"], answer["status"], answer["error"]) == (True, 200, None)
    assert sent.headers["X-Event"] == sent.document["type"] == "webhook.test"
    assert sent.headers["X-Event-Id"] == sent.document["id"] == answer["event_id"]
    assert sent.document["data"] == {"webhook": "hook1"}
    receiver.answer = lambda _: Reply(302, {"Location": "http://127.0.0.1/"})
    refused = hooked.post("/v1/webhooks/hook1/test", {}, **ADMIN).get_json()
    assert (refused["delivered"], refused["status"]) == (False, 302)
    assert "redirects are not followed" in refused["error"]
    elsewhere = hooked.post("/v1/webhooks/elsewhere/test", **ADMIN).get_json()
    assert (elsewhere["delivered"], elsewhere["status"]) == (False, None)
    assert "private address" in elsewhere["error"]
    assert hooked.post("/v1/webhooks/other/test", **ADMIN).status_code == 404
    assert hooked.get("/v1/webhooks", **ADMIN).get_json()["items"][0]["failures"] == 0


def recorded(world: World) -> list[tuple[str, str, object]]:
    rows = reversed(world.store.audit.list()[0])
    return [(row.action, row.subject, row.details) for row in rows if row.action.startswith("webhooks.")]


def test_replays_and_tests_are_recorded_where_there_is_such_a_webhook(hooked: World, receiver: Receiver) -> None:
    private = "call +447700900123 " + "x" * 1000
    assert hooked.post("/v1/webhooks/replay", {"endpoint": private}, **ADMIN).status_code == 422
    assert hooked.post("/v1/webhooks/%2B447700900123/test", **ADMIN).status_code == 404
    assert hooked.post("/v1/webhooks/replay", {"ids": ["nothing"]}, **ADMIN).status_code == 200
    assert recorded(hooked) == []
    happen(hooked, 3)
    give_up(hooked, receiver)
    dead = hooked.get("/v1/webhooks/dead", **ADMIN).get_json()["items"]
    hooked.post("/v1/webhooks/replay", {"ids": [dead[0]["id"], "+447700900123"]}, **ADMIN)
    hooked.post("/v1/webhooks/replay", {"endpoint": "hook1"}, **ADMIN)
    hooked.post("/v1/webhooks/hook1/test", **ADMIN)
    replays, by_name, trial = recorded(hooked)
    assert replays == ("webhooks.replay", "by id", {"replayed": 1})
    assert by_name == ("webhooks.replay", "hook1", {"replayed": len(dead) - 1})
    assert trial[:2] == ("webhooks.test", "hook1")
