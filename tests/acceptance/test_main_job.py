"""HTTP in, handset out, report and inbox back: the whole gateway, with nothing of it replaced."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

from hardware.simulator import Fault, HandsetState, Refuse, Slow, Step, Vanish
from tests.acceptance.harness import Gateway, World, until

SOMEONE = "+447700900001"


def the_code(text: str | None) -> str:
    found = re.search(r"\b\d{6}\b", text or "")
    assert found is not None
    return found[0]


def test_a_code_travels_to_the_handset_and_its_report_back(world: World, gateway: Gateway) -> None:
    status, challenge = gateway.call("POST", "/v1/otp", {"to": SOMEONE, "purpose": "login"})
    assert (status, challenge["state"]) == (202, "pending")

    message = gateway.message(challenge["message_id"])
    assert message["state"] == "delivered"
    states = [entry["state"] for entry in message["timeline"]]
    assert [states[0], states[-1]] == ["queued", "delivered"]
    assert "sent" in states
    assert all(before["time"] <= after["time"] for before, after in pairwise(message["timeline"]))

    (shown,) = world.received(SOMEONE)
    assert shown.parts == 1
    assert shown.text is not None
    assert "Example Bank" in shown.text
    code = the_code(shown.text)
    assert code not in str(message)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    checks = f"/v1/otp/{challenge['id']}/check"
    assert gateway.call("POST", checks, {"code": wrong}) == (200, {"result": "wrong_code", "attempts_left": 4})
    status, answer = gateway.call("POST", checks, {"code": code})
    assert (status, answer["result"]) == (200, "approved")
    status, answer = gateway.call("POST", checks, {"code": code})
    assert (status, answer["result"]) == (200, "used")


def test_a_purchase_names_payee_and_amount_and_is_bound_to_them(world: World, gateway: Gateway) -> None:
    context = {"payee": "Corner Shop", "amount": "149.00", "currency": "EUR"}
    _, challenge = gateway.call("POST", "/v1/otp", {"to": SOMEONE, "purpose": "transaction", "context": context})
    assert gateway.message(challenge["message_id"])["state"] == "delivered"
    (shown,) = world.received(SOMEONE)
    assert shown.text is not None
    assert "Corner Shop" in shown.text
    assert "149" in shown.text
    checks, code = f"/v1/otp/{challenge['id']}/check", the_code(shown.text)
    _, answer = gateway.call("POST", checks, {"code": code, "context": context | {"amount": "150.00"}})
    assert answer["result"] == "wrong_code"
    _, answer = gateway.call("POST", checks, {"code": code, "context": context})
    assert answer["result"] == "approved"


def test_a_long_message_is_one_message_for_both_sides(world: World, gateway: Gateway) -> None:
    text = "Zażółć gęślą jaźń 🐈 " * 12
    _, accepted = gateway.call("POST", "/v1/messages", {"to": SOMEONE, "text": text})
    message = gateway.message(accepted["id"])
    assert message["state"] == "delivered"
    (shown,) = world.received(SOMEONE)
    assert (shown.text, shown.parts) == (text, message["parts"])
    assert message["parts"] > 1
    assert len({record.imsi for record in world.submits()}) == 1


def test_a_message_to_the_gateway_is_in_its_inbox_once(world: World, gateway: Gateway) -> None:
    text = "I would like to answer at some length. " * 8
    handset = world.server.call(lambda: world.network.handset(SOMEONE))
    gateway.until_ready(2)
    world.server.call(lambda: handset.send(text, to="+447700900152"))
    status, page = gateway.call("GET", "/v1/inbox?wait=20")
    assert status == 200
    (received,) = page["items"]
    assert (received["from"], received["text"]) == (SOMEONE, text)
    assert len(gateway.call("GET", "/v1/inbox")[1]["items"]) == 1


def test_a_refused_submit_goes_at_once_by_the_other_modem(world: World, gateway: Gateway) -> None:
    gateway.until_ready(2)
    world.server.call(lambda: world.modems["sim1"].inject(Fault(Step.PDU, Refuse(38), times=0)))
    numbers = [f"+4477009002{n:02}" for n in range(6)]
    _, accepted = gateway.call("POST", "/v1/messages", {"to": numbers, "text": "hello"})
    messages = [gateway.message(message["id"]) for message in accepted["items"]]
    assert {message["state"] for message in messages} == {"delivered"}
    assert {record.imsi for record in world.submits()} == {"001010000000002"}
    assert any("38" in (entry["result"] or "") for message in messages for entry in message["timeline"])
    counted = gateway.scrape()
    refused = counted['simwire_attempt_results_total{modem="sim1",result="refused"}']
    assert refused > 0
    assert counted['simwire_submit_errors_total{class="retry",code="38",kind="cms",modem="sim1"}'] == refused
    assert counted['simwire_attempts_total{kind="retry",modem="sim2"}'] == refused
    for family in ("claim", "submit", "delivery"):
        assert counted[f'simwire_{family}_seconds_count{{country="GB",modem="sim2"}}'] == len(messages)
    assert counted['simwire_queue_limit_seconds{lane="otp"}'] == 30


def test_a_modem_that_goes_away_does_not_stop_the_others_and_comes_back(world: World, gateway: Gateway) -> None:
    gateway.until_ready(2)
    world.server.call(lambda: world.modems["sim1"].inject(Fault(Step.PDU, Vanish(seconds=3), nth=3)))
    numbers = [f"+4477009003{n:02}" for n in range(20)]

    def telephones(state: HandsetState) -> None:
        for number in numbers:
            world.network.handset(number).state = state

    # No report may be under way to the stick when it goes: what it has not handed over yet is lost with it.
    world.server.call(lambda: telephones(HandsetState.OFF))
    _, accepted = gateway.call("POST", "/v1/messages", {"to": numbers, "text": "hello"})

    def told() -> Counter[str]:
        ids = [message["id"] for message in accepted["items"]]
        return Counter(gateway.call("GET", f"/v1/messages/{identity}")[1]["state"] for identity in ids)

    # The one that was handed over as the port vanished may have left: it is not sent again, and it is not called sent.
    until(lambda: told() == {"sent": 19, "unknown": 1}, 60, "all are handed over but one")
    gateway.until_ready(2)
    world.server.call(lambda: telephones(HandsetState.ON))
    until(lambda: told() == {"delivered": 19, "unknown": 1}, 60, "both modems hand over the reports")


def test_a_code_whose_submit_hangs_is_hedged_by_the_other_sim(world: World, gateway: Gateway) -> None:
    gateway.until_ready(2)
    for modem in world.modems.values():
        world.server.call(lambda modem=modem: modem.inject(Fault(Step.PDU, Slow(8.0))))
    # Whichever modem takes the first code hangs with it, and the one that helps hangs with its first one too.
    _, challenge = gateway.call("POST", "/v1/otp", {"to": SOMEONE, "purpose": "login"})
    _, second = gateway.call("POST", "/v1/otp", {"to": "+447700900002", "purpose": "login"})
    messages = [gateway.message(each["message_id"]) for each in (challenge, second)]
    assert {message["state"] for message in messages} == {"delivered"}
    for message in messages:
        copies = sum(record.destination == message["to"] for record in world.submits())
        assert copies == 1 or any(entry["possible_duplicate"] for entry in message["timeline"])


def test_a_phone_that_is_off_leaves_the_message_sent_until_it_is_on(world: World, gateway: Gateway) -> None:
    handset = world.server.call(lambda: world.network.handset(SOMEONE))
    world.server.call(lambda: setattr(handset, "state", HandsetState.OFF))
    _, accepted = gateway.call("POST", "/v1/messages", {"to": SOMEONE, "text": "later"})
    until(lambda: gateway.call("GET", f"/v1/messages/{accepted['id']}")[1]["state"] == "sent", 20, "sent")
    world.server.call(lambda: setattr(handset, "state", HandsetState.ON))
    assert gateway.message(accepted["id"])["state"] == "delivered"


def test_no_code_and_no_text_stands_in_the_log(world: World, gateway: Gateway) -> None:
    _, challenge = gateway.call("POST", "/v1/otp", {"to": SOMEONE, "purpose": "login"})
    gateway.message(challenge["message_id"])
    _, accepted = gateway.call("POST", "/v1/messages", {"to": SOMEONE, "text": "sesame opens"})
    gateway.message(accepted["id"])
    code = the_code(world.received(SOMEONE)[0].text)
    assert gateway.stop() == 0
    log = (world.folder / "log.txt").read_text()
    assert challenge["id"]  # the run said something at all
    assert "sim1 is ready" in log
    for secret in (code, "sesame", gateway.key, SOMEONE):
        assert secret not in log
