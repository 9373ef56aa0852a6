"""kill -9 at random points of a backlog: what clients are told stays true of what the network saw."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.harness import Gateway, World, until

BACKLOG, KILLS, SEED = 200, 8, 1
OPEN = {"queued", "sending"}


@pytest.mark.timeout(240)
def test_every_accepted_message_ends_in_a_state_that_is_true(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    world = World(tmp_path, submit_seconds=0.1, linked_submit_seconds=0.05)
    gateway = Gateway(world.write_config())
    gateway.start()
    gateway.make_key("messages:send", "messages:read")
    try:
        numbers = [f"+447700{900200 + n}" for n in range(BACKLOG)]
        status, accepted = gateway.call("POST", "/v1/messages", {"to": numbers, "text": "still here"})
        assert status == 202
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.1, 2.0))
            gateway.kill()
            gateway.start()
        finals = settled(gateway)
        assert {message["id"] for message in accepted["items"]} == set(finals)
        judge(finals, Counter(record.destination for record in world.submits()))
    finally:
        gateway.stop()
        world.stop()


def settled(gateway: Gateway) -> dict[str, Any]:
    """Every message with its timeline, once nothing is on its way any more."""
    messages: list[Any] = []

    def quiet() -> bool:
        messages[:] = gateway.everything()
        return not any(message["state"] in OPEN for message in messages)

    until(quiet, 120, "nothing queued or sending")
    # Reports of the last ones are still coming; a message that stays `sent` lost its report with a killed process.
    time.sleep(1)
    return {message["id"]: gateway.call("GET", f"/v1/messages/{message['id']}")[1] for message in messages}


def judge(finals: dict[str, Any], seen: Counter[str]) -> None:
    """Hold each final state against what the network saw of that number."""
    told = Counter(message["state"] for message in finals.values())
    assert told["delivered"] > BACKLOG * 0.8, told
    for message in finals.values():
        copies = seen[message["to"]]
        marked = any(entry["possible_duplicate"] for entry in message["timeline"])
        if message["state"] in {"delivered", "sent"}:
            assert copies >= 1, message
        else:
            assert message["state"] == "unknown", message
        assert copies <= 1 or marked, f"{copies} copies, unmarked: {message}"
