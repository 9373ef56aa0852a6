"""With `[otp] replace` a handset keeps the newest code of an application only."""

from __future__ import annotations

from tests.acceptance.harness import Gateway, World
from tests.acceptance.test_main_job import SOMEONE, the_code

SETTINGS = "replace = true\n"


def test_the_newest_code_takes_the_place_of_the_one_before(world: World) -> None:
    gateway = Gateway(world.write_config(SETTINGS))
    gateway.start()
    try:
        gateway.make_key("messages:read", "otp:send", "otp:check", "modems:read")
        gateway.until_ready(2)
        _, challenge = gateway.call("POST", "/v1/otp", {"to": SOMEONE, "purpose": "login"})
        assert gateway.message(challenge["message_id"])["state"] == "delivered"
        (first,) = world.received(SOMEONE)
        _, signup = gateway.call("POST", "/v1/otp", {"to": SOMEONE, "purpose": "signup"})
        assert gateway.message(signup["message_id"])["state"] == "delivered"
        for _ in range(2):
            status, again = gateway.call("POST", f"/v1/otp/{challenge['id']}/resend")
            assert status == 202, again
            assert gateway.message(again["message_id"])["state"] == "delivered"
    finally:
        gateway.stop()
    logins = [record for record in world.submits() if record.tpdu.pid == 0x41]
    assert len({record.imsi for record in logins}) == 1, "all by the SIM that sent the first one"
    assert [record.tpdu.pid for record in world.submits()] == [0x41, 0x42, 0x41, 0x41]
    shown = world.received(SOMEONE)
    assert len(shown) == 2
    codes = {the_code(message.text) for message in shown}
    assert the_code(first.text) not in codes
