"""/v1/stats over HTTP."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from gateway.policy import Delivery, KeyPolicy
from gateway.store import Slot
from tests.gateway.world import EVERYTHING, NUMBER, World

HELLO = {"to": NUMBER, "text": "hello"}
SLOT = Slot("sim1", "001010000000001", ("sim:001010000000001", "route:"))
NO_TIMES = {"n": 0, "p50": None, "p90": None, "p95": None, "p99": None}


def send_one(world: World, reference: int) -> None:
    outbox = world.store.outbox
    attempt = outbox.claim(SLOT, world.clock.now())
    assert attempt is not None
    assert outbox.begin(attempt.id, world.clock.now())
    outbox.accepted(attempt.id, reference, world.clock.now(), f"+CMGS: {reference}")


def test_nothing_yet(world: World) -> None:
    assert world.get("/v1/stats").get_json() == {
        "window": 86_400.0,
        "since": "2025-12-31T00:00:00.000Z",
        "until": "2026-01-01T00:00:00.000Z",
        "sampled": False,
        "total": 0,
        "states": {},
        "delivered_share": None,
        "to_sent": NO_TIMES,
        "to_delivered": NO_TIMES,
        "modems": [],
        "countries": [],
        "purposes": [],
        "codes": {"challenges": 0, "sends": 0, "approved": 0, "conversion": None},
    }


def test_what_became_of_messages_and_codes(world: World) -> None:
    for reference, seconds in enumerate((1, 2, 3, 4), 1):
        world.post("/v1/messages", HELLO)
        world.clock.advance(seconds)
        send_one(world, reference)
    otp = world.post("/v1/otp", {"to": NUMBER, "purpose": "login"}).get_json()
    world.post(f"/v1/otp/{otp['id']}/check", {"code": world.code(otp["message_id"])})
    found = world.get("/v1/stats?window=1h").get_json()
    assert (found["window"], found["total"], found["states"]) == (3600, 5, {"cancelled": 1, "sent": 4})
    assert found["to_sent"] == {"n": 4, "p50": 2, "p90": 4, "p95": 4, "p99": 4}
    assert [(one["name"], one["total"]) for one in found["modems"]] == [("sim1", 4), (None, 1)]
    assert [(one["name"], one["total"]) for one in found["countries"]] == [("GB", 5)]
    assert [(one["name"], one["total"]) for one in found["purposes"]] == [("message", 4), ("login", 1)]
    assert found["codes"] == {"challenges": 1, "sends": 1, "approved": 1, "conversion": 1}


def test_each_client_counts_its_own(world: World) -> None:
    world.post("/v1/messages", HELLO)
    world.post("/v1/messages", HELLO, client="bank")
    assert world.get("/v1/stats").get_json()["total"] == 1
    assert world.get("/v1/stats", client="office", scopes=("stats:read",)).get_json()["total"] == 0
    assert world.get("/v1/stats", client="office", scopes=("stats:read", "messages:all")).get_json()["total"] == 2
    assert world.get("/v1/stats", scopes=("messages:read",)).status_code == 403


@pytest.mark.parametrize("window", ["59s", "32d", "a while", "-1", "nan", "1e9"])
def test_windows_that_cannot_be_used(world: World, window: str) -> None:
    assert world.get(f"/v1/stats?window={window}").status_code == 422


@pytest.mark.parametrize("window", ["1m", "60", "31d", "1h30m"])
def test_windows_that_can(world: World, window: str) -> None:
    assert world.get(f"/v1/stats?window={window}").status_code == 200


def test_what_keys_of_test_systems_were_given_is_not_counted(world: World) -> None:
    key = world.store.keys.create("shop", EVERYTHING, policy=KeyPolicy(delivery=Delivery.CATCH))[1]
    caught = world.post("/v1/messages", HELLO, headers={"Authorization": f"Bearer {key.reveal()}"})
    assert caught.status_code == 202
    assert world.get("/v1/stats").get_json()["total"] == 0
    world.post("/v1/messages", HELLO)
    assert world.get("/v1/stats").get_json()["total"] == 1


def test_one_at_a_time_is_counted_and_others_are_told_when_to_ask_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.key()
    counting, go_on = threading.Event(), threading.Event()
    window = world.store.stats.window

    def slowly(*what: Any) -> Any:
        counting.set()
        assert go_on.wait(60)
        return window(*what)

    monkeypatch.setattr(world.store.stats, "window", slowly)
    monkeypatch.setattr("gateway.api.stats.TURN", 0.0)
    answers: list[int] = []
    first = threading.Thread(target=lambda: answers.append(world.get("/v1/stats").status_code))
    first.start()
    try:
        assert counting.wait(60)
        second = world.get("/v1/stats")
    finally:
        go_on.set()
        first.join(60)
    assert (second.status_code, second.get_json()["code"], second.headers["Retry-After"]) == (503, "busy", "5")
    assert answers == [200]
    assert world.get("/v1/stats").status_code == 200
