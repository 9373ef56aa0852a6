"""Limits of the served gateway: they outlast kill -9, and a STOP by text message is heeded."""

from __future__ import annotations

from tests.acceptance.harness import Gateway, World, until
from tests.acceptance.test_main_job import SOMEONE

SETTINGS = '[limits.number]\nrates = ["2/10m"]\nmode = "enforce"\n'


def test_stop_and_start_by_text_message(world: World) -> None:
    gateway = Gateway(world.write_config())
    gateway.start()
    try:
        gateway.make_key("messages:send", "messages:read", "otp:send", "modems:read")
        gateway.until_ready(2)
        handset = world.server.call(lambda: world.network.handset(SOMEONE))
        world.server.call(lambda: handset.send("Stop", to="+447700900152"))

        def answers(status: int) -> bool:
            return gateway.call("POST", "/v1/messages", {"to": SOMEONE, "text": "hello"})[0] == status

        until(lambda: answers(403), 20, "the STOP is heeded")
        gateway.kill()
        gateway.start()
        status, problem = gateway.call("POST", "/v1/messages", {"to": SOMEONE, "text": "hello"})
        assert (status, problem["code"]) == (403, "recipient_opted_out")
        status, challenge = gateway.call("POST", "/v1/otp", {"to": SOMEONE, "purpose": "login"})
        assert status == 202
        assert gateway.message(challenge["message_id"])["state"] == "delivered"
        gateway.until_ready(2)
        world.server.call(lambda: handset.send("START", to="+447700900152"))
        until(lambda: answers(202), 20, "the START is heeded")
    finally:
        gateway.stop()


def test_rates_outlast_a_crash(world: World) -> None:
    gateway = Gateway(world.write_config(SETTINGS))
    gateway.start()
    try:
        gateway.make_key("otp:send")
        for purpose in ("login", "signup"):
            assert gateway.call("POST", "/v1/otp", {"to": SOMEONE, "purpose": purpose})[0] == 202
        gateway.kill()
        gateway.start()
        status, problem = gateway.call("POST", "/v1/otp", {"to": SOMEONE, "purpose": "custom"})
        assert (status, problem["code"]) == (429, "number_rate")
        assert problem["detail"].startswith("[limits.number] 2/10m: ")
    finally:
        gateway.stop()
