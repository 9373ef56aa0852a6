"""A served gateway tells a server what happens: in order, over a kill -9 of the gateway and an outage of the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.harness import Gateway, World
from tests.gateway.webhooks.receiver import Receiver, Reply

NUMBER = "+447700900123"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.close()


def test_events_arrive_in_order_over_a_crash(tmp_path: Path, receiver: Receiver) -> None:
    world = World(tmp_path, modems=1)
    (tmp_path / "hook.secret").write_text("a secret of sufficient length", encoding="ascii")
    hook = f'[[webhook]]\nurl = "http://127.0.0.1:{receiver.port}/"\nsecret_file = "hook.secret"\n'
    gateway = Gateway(world.write_config(f'{hook}allow_private = ["127.0.0.1"]\n'))
    try:
        gateway.start()
        gateway.make_key("admin")
        gateway.until_ready(1)
        _, first = gateway.call("POST", "/v1/messages", {"to": NUMBER, "text": "one"})
        assert gateway.message(first["id"])["state"] == "delivered"
        receiver.wait_until(lambda: receiver.kinds(first["id"])[-1:] == ["message.delivered"])
        assert receiver.kinds(first["id"]) == ["message.sending", "message.sent", "message.delivered"]
        assert "modem.ready" in {sent.headers["X-Event"] for sent in receiver.sent}

        receiver.answer = lambda _: Reply(503)
        _, second = gateway.call("POST", "/v1/messages", {"to": NUMBER, "text": "two"})
        assert gateway.message(second["id"])["state"] == "delivered"
        receiver.wait_until(lambda: bool(receiver.kinds(second["id"])))
        gateway.kill()
        receiver.answer = lambda _: Reply()
        refused = len(receiver.sent)
        gateway.start()
        receiver.wait_until(lambda: receiver.kinds(second["id"])[-1:] == ["message.delivered"])
        after = [sent.document["type"] for sent in receiver.sent[refused:] if sent.subject == second["id"]]
        assert after == ["message.sending", "message.sent", "message.delivered"]
        assert gateway.call("POST", "/v1/webhooks/hook1/test")[1]["delivered"]
        taken = gateway.scrape()['simwire_webhook_deliveries_total{result="taken",webhook="hook1"}']
        assert taken >= len(after)
        assert gateway.stop() == 0
    finally:
        if gateway.process is not None and gateway.process.poll() is None:
            gateway.kill()
        world.stop()
