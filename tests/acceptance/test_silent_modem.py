"""A modem that loses the answer of a message: what the others do meanwhile, in real processes and threads."""

from __future__ import annotations

from collections.abc import Callable

from hardware.simulator import Fault, LoseAnswer, Step
from tests.acceptance.harness import Gateway, World

AFTER = 24


def test_the_others_send_everything_while_one_modem_waits_for_its_result(
    make_world: Callable[..., World], make_gateway: Callable[..., Gateway]
) -> None:
    world = make_world(3)
    world.server.call(lambda: world.modems["sim1"].inject(Fault(Step.RESULT, LoseAnswer())))
    gateway = make_gateway(world)
    gateway.until_ready(3)
    caught = gateway.call("POST", "/v1/messages", {"to": "+447700900001", "text": "x" * 400, "modem": "sim1"})[1]
    gateway.message(caught["id"], wait=0)
    sent = [
        gateway.call("POST", "/v1/messages", {"to": f"+4477009001{n:02}", "text": f"number {n}"})[1]["id"]
        for n in range(AFTER)
    ]
    assert {gateway.message(identity)["state"] for identity in sent} == {"delivered"}
    assert gateway.message(caught["id"], wait=0)["state"] == "sending", "its result is waited for three minutes"
    assert {record.imsi for record in world.submits} >= {modem.sim.imsi for modem in world.modems.values()}
