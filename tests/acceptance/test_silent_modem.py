"""A modem that loses the answer of a message: what the other does meanwhile, in real processes and threads."""

from __future__ import annotations

from hardware.simulator import Fault, LoseAnswer, Step
from tests.acceptance.harness import Gateway, World


def test_the_other_modem_sends_everything_while_one_waits_for_its_result(world: World, gateway: Gateway) -> None:
    gateway.until_ready(2)
    world.server.call(lambda: world.modems["sim1"].inject(Fault(Step.RESULT, LoseAnswer())))
    _, caught = gateway.call("POST", "/v1/messages", {"to": "+447700900001", "text": "x" * 400, "modem": "sim1"})
    numbers = [f"+4477009004{n:02}" for n in range(24)]
    _, accepted = gateway.call("POST", "/v1/messages", {"to": numbers, "text": "hello"})
    finals = [gateway.message(message["id"]) for message in accepted["items"]]
    assert {message["state"] for message in finals} == {"delivered"}
    assert {record.imsi for record in world.submits() if record.destination in numbers} >= {"001010000000002"}
    # Its result is waited for three minutes, and the rest of it goes by no other SIM.
    assert gateway.message(caught["id"], wait=0)["state"] == "sending"
    (only,) = [record for record in world.submits() if record.destination == "+447700900001"]
    assert only.imsi == "001010000000001"
    gateway.kill()
