"""What is the matter with a modem: shown in one word, told once, and over when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gateway.balance import BalanceRule
from gateway.conditions import CONDITIONS
from gateway.directory import BalanceView, CanaryView
from gateway.messages import Lane, Message
from gateway.quota import QuotaRules
from hardware.modem import ModemSettings
from hardware.simulator import Fault, FillStorage, LoseAnswer, LoseRegistration, Refuse, SimCard, Step, UssdAnswer
from tests.gateway.rig import Make, Rig
from tests.gateway.world import World

RULE = BalanceRule("*100#", r"([-\d.,' ]+)", Decimal(5), 3600.0)
ANOTHER = "+447700900002"
OTHER_CARD = {"imsi": "001010000000009", "iccid": "8944100000000000009", "number": "+447700900159"}
CENTRE = "+447700900500"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Make]:
    made: list[Rig] = []

    def make(modems: int = 1, **options: Any) -> Rig:
        made.append(Rig(tmp_path, modems, **options))
        return made[-1]

    yield make
    for one in made:
        one.store.close()


def condition(gateway: Rig, name: str = "sim1") -> str | None:
    return gateway.workers[name].view.condition


def told(gateway: Rig) -> list[tuple[str, str | None]]:
    """Kind and condition of every event of a modem."""
    found = [event for event in gateway.store.events.after(0, 1000) if event.kind.startswith("modem.")]
    return [(event.kind, event.body["condition"]) for event in found]


def card(gateway: Rig) -> SimCard:
    sim = gateway.modems["sim1"].sim
    assert sim is not None
    return sim


def lose_centre(gateway: Rig) -> None:
    card(gateway).service_centre = ""


PAGE = (Path(__file__).resolve().parents[2] / "docs" / "modems.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("word", CONDITIONS)
def test_every_condition_stands_on_the_page_for_administrators(word: str) -> None:
    assert f"`{word}`" in PAGE


def test_the_api_and_the_metrics_show_condition_balance_and_canaries(world: World) -> None:
    at = world.clock.now().wall
    world.views[0] = replace(
        world.views[0],
        condition="low_credit",
        balance=BalanceView(Decimal("4.99"), Decimal(5), at, None),
        canaries=(CanaryView("sim1", "sim2", "ok", None, at, at, 4.26, 2),),
    )
    found = world.get("/v1/modems/sim1").get_json()
    assert (found["condition"], found["balance"]["amount"], found["balance"]["minimum"]) == ("low_credit", 4.99, 5.0)
    (one,) = found["canaries"]
    assert (one["to"], one["state"], one["seconds"], one["missed"]) == ("sim2", "ok", 4.3, 2)
    assert one["ok_at"] == found["balance"]["asked_at"] is not None
    assert world.get("/v1/modems/sim2").get_json()["balance"] is None
    text = world.metrics.exposition().decode()
    assert 'simwire_modem_condition{condition="low_credit",modem="sim1"} 1.0' in text
    assert 'simwire_modem_balance{modem="sim1"} 4.99' in text


# -- the service centre -----------------------------------------------------------------------------------------------


def test_a_centre_that_vanishes_is_set_again_before_anything_is_refused(rig: Make) -> None:
    gateway = rig()
    gateway.ready()
    first = gateway.send()
    gateway.step(10)
    centre = card(gateway).service_centre
    lose_centre(gateway)
    gateway.step(40)
    assert card(gateway).service_centre == centre
    second = gateway.send()
    gateway.step(10)
    assert (gateway.state(first), gateway.state(second)) == ("delivered", "delivered")
    assert gateway.workers["sim1"].view.failed == 0


def test_a_centre_that_vanishes_right_before_a_message_costs_one_refusal(rig: Make) -> None:
    gateway = rig()
    gateway.ready()
    gateway.step(1)
    lose_centre(gateway)
    message = gateway.send()
    gateway.step(20)
    assert gateway.state(message) == "delivered"
    assert any("330" in result for result in gateway.results(message))


def test_a_centre_that_a_restart_finds_lost_is_the_one_that_worked_before(rig: Make, tmp_path: Path) -> None:
    gateway = rig()
    gateway.ready()
    gateway.send()
    gateway.step(10)
    centre = card(gateway).service_centre
    gateway.store.close()
    again = rig()
    lose_centre(again)
    again.ready()
    assert card(again).service_centre == centre
    assert again.workers["sim1"].view.service_centre == centre


def test_where_nothing_is_known_a_person_is_asked_and_the_configuration_helps(rig: Make) -> None:
    gateway = rig()
    lose_centre(gateway)
    worker = gateway.workers["sim1"]
    worker.turn(1.0)
    assert (worker.view.state, worker.view.condition) == ("failed", "smsc_missing")
    assert "smsc" in (worker.view.advice or "")
    card(gateway).service_centre = gateway.network.home_of(card(gateway)).service_centre
    gateway.step(10)
    assert (worker.view.state, worker.view.condition) == ("ready", None)
    assert told(gateway) == [("modem.failed", "smsc_missing"), ("modem.ready", None)]


def test_a_centre_that_was_changed_goes_back_to_the_configured_one(rig: Make) -> None:
    gateway = rig()
    right = gateway.network.home_of(card(gateway)).service_centre
    gateway.settings["sim1"] = ModemSettings(smsc=right)
    gateway.ready()
    card(gateway).service_centre = CENTRE
    gateway.step(40)
    assert card(gateway).service_centre == right


def test_one_that_worked_before_is_taken_again_when_the_new_one_is_refused(rig: Make) -> None:
    gateway = rig()
    gateway.ready()
    gateway.send()
    gateway.step(10)
    right = card(gateway).service_centre
    card(gateway).service_centre = CENTRE
    gateway.step(40)
    assert gateway.workers["sim1"].view.service_centre == CENTRE
    message = gateway.send()
    gateway.step(60)
    assert gateway.state(message) == "delivered"
    assert card(gateway).service_centre == right
    assert condition(gateway) is None


def test_a_wrong_centre_by_which_nothing_was_ever_sent_is_named_and_the_sim_rests(rig: Make) -> None:
    gateway = rig(2)
    gateway.settings["sim1"] = ModemSettings(smsc=CENTRE)
    gateway.ready()
    gateway.workers["sim2"].pause()
    message = gateway.send(lifetime=3600.0)
    gateway.step(30)
    view = gateway.workers["sim1"].view
    assert (view.state, view.condition) == ("denied", "smsc_wrong")
    assert CENTRE in (view.reason or "")
    assert "smsc" in (view.advice or "")
    gateway.workers["sim2"].resume()
    gateway.step(60)
    assert gateway.state(message) == "delivered"
    assert ("modem.denied", "smsc_wrong") in told(gateway)


def test_a_network_that_is_out_of_order_is_not_a_wrong_centre(rig: Make) -> None:
    gateway = rig()
    gateway.ready()
    gateway.send()
    gateway.step(10)
    gateway.network.refusal = 38
    message = gateway.send(lifetime=3600.0)
    gateway.step(60)
    assert (gateway.workers["sim1"].view.state, condition(gateway)) == ("ready", None)
    gateway.network.refusal = None
    gateway.step(200)
    assert gateway.state(message) == "delivered"


# -- credit -----------------------------------------------------------------------------------------------------------


def answering(gateway: Rig, text: str) -> None:
    card(gateway).ussd = {"*100#": text}


def test_the_balance_is_asked_for_shown_and_told_when_it_is_low(rig: Make) -> None:
    gateway = rig(balance=RULE)
    answering(gateway, "Your balance is £12,50. Top up soon!")
    gateway.ready()
    gateway.step(5)
    balance = gateway.workers["sim1"].view.balance
    assert balance is not None
    assert (balance.amount, balance.problem, condition(gateway)) == (Decimal("12.50"), None, None)
    assert balance.asked_at == pytest.approx(gateway.clock.now().wall, abs=60)
    answering(gateway, "Your balance is £4.99. Top up now!")
    gateway.step(1800, turns=1, idle=5.0)
    assert condition(gateway) is None
    gateway.step(2000, turns=1, idle=5.0)
    assert (gateway.workers["sim1"].view.state, condition(gateway)) == ("ready", "low_credit")
    answering(gateway, "Your balance is -0.10")
    gateway.step(3700, turns=1, idle=5.0)
    assert condition(gateway) == "no_credit"
    answering(gateway, "Your balance is 1.020,00")
    gateway.step(3700, turns=1, idle=5.0)
    assert condition(gateway) is None
    kinds = [one for one in told(gateway) if one[0] == "modem.condition"]
    assert kinds == [("modem.condition", word) for word in ("low_credit", "no_credit", None)]
    assert gateway.state(gateway.send()) == "queued"


def written(gateway: Rig) -> list[str]:
    """The commands that the modem is given from now on."""
    modem = gateway.modems["sim1"]
    commands: list[str] = []
    feed = modem.feed

    def listening(octets: bytes) -> None:
        commands.extend(line for line in octets.decode("latin-1").split("\r") if line.startswith("AT"))
        feed(octets)

    modem.feed = listening  # type: ignore[method-assign]
    return commands


def asked_and_sent(commands: list[str]) -> list[str]:
    return [text.partition(",")[0] for text in commands if text.startswith(("AT+CUSD", "AT+CMGS"))]


def test_a_code_that_waits_goes_before_a_balance_is_asked_for(rig: Make) -> None:
    gateway = rig(balance=RULE)
    answering(gateway, "balance 9.00")
    gateway.ready()
    commands, code = written(gateway), gateway.code()
    gateway.step(60)
    assert gateway.state(code) == "delivered"
    first, *others = asked_and_sent(commands)
    assert first.startswith("AT+CMGS=")
    assert others == ["AT+CUSD=1"]


def test_a_code_that_comes_meanwhile_ends_the_question(rig: Make) -> None:
    gateway = rig(balance=RULE)
    answering(gateway, "balance 9.00")
    gateway.ready()
    commands = written(gateway)
    gateway.network.after(0.5, lambda: codes.append(gateway.code()))  # the network takes longer to tell the balance
    codes: list[Message] = []
    gateway.step(10)
    assert gateway.state(codes[0]) == "delivered"
    question, end, send = asked_and_sent(commands)
    assert (question, end, send[:8]) == ("AT+CUSD=1", "AT+CUSD=2", "AT+CMGS=")
    gateway.step(60)
    assert asked_and_sent(commands)[3:] == ["AT+CUSD=1"]
    assert gateway.workers["sim1"].view.balance is not None
    assert gateway.workers["sim1"].view.balance.amount == 9


def test_a_question_that_gives_way_to_codes_is_asked_less_and_less(rig: Make) -> None:
    gateway = rig(balance=RULE)
    answering(gateway, "balance 9.00")
    gateway.ready()
    modem, asked, codes = gateway.modems["sim1"], list[float](), list[Message]()
    feed = modem.feed

    def listening(octets: bytes) -> None:
        if b"AT+CUSD=1" in octets:  # a code comes right after the question, each time
            asked.append(gateway.clock.boot())
            gateway.network.after(0.5, lambda: codes.append(gateway.code(f"+4477009{len(codes):05}")))
        feed(octets)

    modem.feed = listening  # type: ignore[method-assign]
    gateway.step(1200, turns=1, idle=1.0)
    assert {gateway.state(code) for code in codes} == {"delivered"}
    gaps = [round(later - before) for before, later in pairwise(asked)]
    assert len(gaps) >= 4
    assert all(gap >= least for gap, least in zip(gaps, (30, 60, 120, 240, 480), strict=False)), gaps


def test_a_network_that_never_tells_is_asked_less_and_less(rig: Make) -> None:
    gateway = rig(balance=replace(RULE, every=21_600.0))
    answering(gateway, "not today")
    gateway.ready()
    commands = written(gateway)
    gateway.step(6 * 3600, turns=1, idle=30.0)
    assert len(asked_and_sent(commands)) == 6, "at once, after 10, 20, 40, 80, 160 minutes"
    assert condition(gateway) == "balance_unreadable"
    message = gateway.send()
    gateway.step(10)
    assert gateway.state(message) == "delivered"


def test_the_question_is_no_answer_to_a_menu_that_somebody_has_open(rig: Make) -> None:
    gateway = rig(balance=RULE)
    menu = UssdAnswer("1 buy a bundle 2 nothing", mode=1, replies={"2": UssdAnswer("done")})
    card(gateway).ussd = {"*100#": "balance 9.00", "*111#": menu}
    gateway.ready()
    worker, commands = gateway.workers["sim1"], written(gateway)
    opened = worker.request(lambda modem: modem.ussd("*111#", 30.0))
    gateway.step(60, turns=1, idle=5.0)
    assert opened.result().mode == 1
    assert asked_and_sent(commands) == ["AT+CUSD=1"], "the operator's own"
    ended = worker.request(lambda modem: modem.ussd("2", 30.0))
    gateway.step(60, turns=1, idle=5.0)
    assert ended.result().text == "done"
    assert worker.view.balance is not None
    assert worker.view.balance.amount == 9


def test_a_menu_that_is_left_open_holds_the_question_up_for_minutes_only(rig: Make) -> None:
    gateway = rig(balance=RULE)
    card(gateway).ussd = {"*100#": "balance 9.00", "*111#": UssdAnswer("1 buy a bundle", mode=1)}
    gateway.ready()
    worker = gateway.workers["sim1"]
    worker.request(lambda modem: modem.ussd("*111#", 30.0))
    gateway.step(100, turns=1, idle=5.0)
    assert worker.view.balance is not None and worker.view.balance.asked_at is None
    gateway.modems["sim1"].dialogue = None  # the network has given it up
    gateway.step(150, turns=1, idle=5.0)
    assert worker.view.balance.amount == 9


def test_a_question_that_gets_no_answer_at_all_costs_no_message(rig: Make) -> None:
    gateway = rig(balance=RULE)
    gateway.ready()
    gateway.modems["sim1"].inject(Fault(Step.COMMAND, LoseAnswer(), command="+CUSD"))
    gateway.step(60)
    assert condition(gateway) == "balance_unreadable"
    message = gateway.send()
    gateway.step(20)
    assert gateway.state(message) == "delivered"
    assert gateway.workers["sim1"].view.state == "ready"


def test_low_credit_is_told_at_once(rig: Make) -> None:
    gateway = rig(balance=RULE)
    answering(gateway, "balance 1.00")
    gateway.ready()
    gateway.workers["sim1"].turn(30.0)
    [(_, asked)] = [
        (event, event.at) for event in gateway.store.events.after(0, 100) if event.kind == "modem.condition"
    ]
    balance = gateway.workers["sim1"].view.balance
    assert balance is not None
    assert balance.asked_at == pytest.approx(asked / 1000, abs=1)


def test_a_menu_is_left_once_it_has_told_the_balance(rig: Make) -> None:
    gateway = rig(balance=RULE)
    card(gateway).ussd = {"*100#": UssdAnswer("9.00 left. 1 top up", mode=1)}
    gateway.ready()
    gateway.step(5)
    assert gateway.modems["sim1"].dialogue is None
    assert gateway.workers["sim1"].view.balance is not None
    assert gateway.workers["sim1"].view.balance.amount == 9


def test_a_sim_that_is_refused_is_asked_at_once_and_the_empty_credit_named(rig: Make) -> None:
    gateway = rig(balance=RULE)
    answering(gateway, "balance 9.00")
    gateway.ready()
    gateway.step(5)
    card(gateway).barred = 8
    answering(gateway, "balance 0.00")
    gateway.step(120)
    gateway.send(lifetime=3600.0, to=ANOTHER)
    message = gateway.send(lifetime=3600.0)
    gateway.step(40)
    view = gateway.workers["sim1"].view
    assert (view.state, view.condition) == ("denied", "no_credit")
    assert "0.00" in (view.reason or "")
    card(gateway).barred = None
    answering(gateway, "balance 20.00")
    gateway.step(800, turns=1, idle=5.0)
    assert gateway.state(message) == "delivered"


def test_codes_that_wait_for_a_sim_which_rests_do_not_keep_its_credit_unknown(rig: Make) -> None:
    """They cannot go anyway, and others come while they wait."""
    gateway = rig(balance=RULE)
    answering(gateway, "balance 9.00")
    gateway.ready()
    gateway.step(5)
    gateway.step(120)
    card(gateway).barred = 8
    answering(gateway, "balance 0.00")
    for number in range(5):
        gateway.code(to=f"+44770090010{number}")
    gateway.step(30)
    view = gateway.workers["sim1"].view
    assert (view.state, view.condition) == ("denied", "no_credit")


def test_codes_that_wait_for_a_quota_do_not_keep_its_credit_unknown(rig: Make) -> None:
    gateway = rig(balance=RULE, quotas=QuotaRules(per_day=1))
    gateway.ready()
    gateway.code()
    gateway.step(5)
    answering(gateway, "balance 7.00")
    for number in range(16):
        gateway.code(to=f"+4477009001{number:02}")
        gateway.step(240, idle=60.0)
    found = gateway.workers["sim1"].view.balance
    assert found is not None
    assert found.amount == Decimal("7.00"), "it was due an hour after the first time"


def test_a_refused_sim_without_a_balance_rule_is_set_aside_as_ever(rig: Make) -> None:
    gateway = rig()
    card(gateway).barred = 50
    gateway.ready()
    gateway.send(lifetime=3600.0)
    gateway.send(lifetime=3600.0, to=ANOTHER)
    gateway.step(30)
    view = gateway.workers["sim1"].view
    assert (view.state, view.condition) == ("denied", "sim_refused")
    assert "50" in (view.reason or "")


def test_a_number_that_is_refused_again_and_again_keeps_no_other_waiting(rig: Make) -> None:
    """A plan without calls abroad, say: that says nothing of the SIM."""
    gateway = rig()
    gateway.ready()
    gateway.modems["sim1"].inject(Fault(Step.PDU, Refuse(8), times=4))
    refused = gateway.send(lifetime=3600.0, to=ANOTHER)
    gateway.step(30)
    assert gateway.workers["sim1"].view.failed == 4
    assert gateway.state(refused) in ("queued", "sending")
    assert condition(gateway) is None
    code = gateway.code()
    gateway.step(5)
    assert gateway.state(code) == "delivered"


@pytest.mark.parametrize("said", ["no digits here", None])
def test_an_answer_that_the_pattern_does_not_fit_is_said(rig: Make, said: str | None) -> None:
    gateway = rig(balance=RULE)
    card(gateway).ussd = {} if said is None else {"*100#": said}
    gateway.ready()
    gateway.step(50)
    view = gateway.workers["sim1"].view
    assert (view.state, view.condition) == ("ready", "balance_unreadable")
    assert "simwire modems ussd" in (view.advice or "")
    answering(gateway, "9.00")
    gateway.step(620, turns=1, idle=5.0)
    assert condition(gateway) is None


# -- storage ----------------------------------------------------------------------------------------------------------


def test_a_storage_that_cannot_be_emptied_is_told_and_stops_nothing(rig: Make) -> None:
    gateway = rig()
    modem = gateway.modems["sim1"]
    gateway.ready()
    modem.inject(Fault(Step.COMMAND, Refuse(302), times=0, command="+CMGD"))
    modem.act(FillStorage())
    gateway.step(90, turns=1, idle=5.0)
    view = gateway.workers["sim1"].view
    assert (view.state, view.condition) == ("ready", "storage_full")
    assert "SM" in (view.reason or "")
    message = gateway.send(report=False)
    gateway.step(10)
    assert gateway.state(message) == "sent"
    modem.clear_faults()
    gateway.step(90, turns=1, idle=5.0)
    assert condition(gateway) is None
    assert told(gateway)[-2:] == [("modem.condition", "storage_full"), ("modem.condition", None)]


# -- the card ---------------------------------------------------------------------------------------------------------


def test_a_swapped_sim_is_taken_told_and_counted_by_itself(rig: Make) -> None:
    gateway = rig()
    gateway.ready()
    gateway.send()
    gateway.step(10)
    old = card(gateway)
    gateway.modems["sim1"].insert(SimCard(**OTHER_CARD))
    gateway.step(40)
    view = gateway.workers["sim1"].view
    assert (view.state, view.condition) == ("ready", "sim_swapped")
    assert (view.imsi, view.iccid) == (OTHER_CARD["imsi"], OTHER_CARD["iccid"])
    assert "0009 in place of" in (view.reason or "")
    assert old.imsi not in (view.reason or "")
    message = gateway.send()
    gateway.step(10)
    assert gateway.state(message) == "delivered"
    assert gateway.network.submits[-1].imsi == OTHER_CARD["imsi"]
    gateway.workers["sim1"].resume()
    gateway.step(1)
    assert condition(gateway) is None


def test_what_the_network_refused_was_the_other_sims(rig: Make) -> None:
    gateway = rig()
    card(gateway).barred = 50
    gateway.ready()
    gateway.send(lifetime=3600.0, to=ANOTHER)
    message = gateway.send(lifetime=3600.0)
    gateway.step(30)
    assert condition(gateway) == "sim_refused"
    gateway.modems["sim1"].insert(SimCard(**OTHER_CARD))
    gateway.step(40)
    assert (gateway.workers["sim1"].view.state, condition(gateway)) == ("ready", "sim_swapped")
    assert gateway.state(message) == "delivered"


def test_a_card_with_several_imsis_is_one_card(rig: Make) -> None:
    gateway = rig()
    gateway.ready()
    same = card(gateway)
    gateway.modems["sim1"].insert(SimCard(imsi="001010000000009", iccid=same.iccid, number="+447700900159"))
    gateway.step(40)
    assert gateway.workers["sim1"].view.imsi == "001010000000009"
    assert condition(gateway) is None


def test_a_sim_that_was_swapped_without_a_word_is_noticed(rig: Make) -> None:
    gateway = rig()
    gateway.ready()
    modem = gateway.modems["sim1"]
    gateway.network.release(card(gateway))
    modem.sim = SimCard(**OTHER_CARD)
    gateway.network.attach(modem.sim, modem.routing)
    gateway.step(60)
    assert gateway.workers["sim1"].view.imsi == OTHER_CARD["imsi"]
    assert condition(gateway) == "sim_swapped"


def test_the_rest_of_a_message_does_not_go_by_the_new_sim(rig: Make) -> None:
    gateway = rig()
    gateway.ready()
    first = card(gateway)
    gateway.modems["sim1"].inject(Fault(Step.PDU, Refuse(42), nth=2, times=0))
    message = gateway.send("x" * 300, lifetime=7200.0)
    gateway.step(20)
    assert len(gateway.network.submits) == 1
    gateway.modems["sim1"].clear_faults()
    gateway.modems["sim1"].insert(SimCard(**OTHER_CARD))
    gateway.step(120)
    assert gateway.state(message) == "sending"
    assert [record.imsi for record in gateway.network.submits] == [first.imsi]
    gateway.modems["sim1"].insert(first)
    gateway.step(300, turns=1, idle=5.0)
    assert gateway.state(message) == "delivered"
    assert [record.imsi for record in gateway.network.submits] == [first.imsi] * 2


def test_a_code_that_was_begun_on_the_old_sim_starts_again_on_the_new_one(rig: Make) -> None:
    gateway = rig()
    gateway.ready()
    gateway.modems["sim1"].inject(Fault(Step.PDU, Refuse(42), nth=2, times=0))
    code = gateway.send("123456 " + "x" * 300, lane=Lane.OTP, on_unknown="resend", lifetime=300.0)
    gateway.step(5)
    assert len(gateway.network.submits) == 1
    gateway.modems["sim1"].clear_faults()
    gateway.modems["sim1"].insert(SimCard(**OTHER_CARD))
    gateway.step(120)
    assert gateway.state(code) == "delivered"
    assert gateway.marked(code)
    assert [record.imsi for record in gateway.network.submits][1:] == [OTHER_CARD["imsi"]] * 3


def test_a_sim_that_is_not_the_configured_one_is_refused(rig: Make) -> None:
    gateway = rig()
    first = card(gateway)
    gateway.settings["sim1"] = ModemSettings(iccid=first.iccid)
    gateway.ready()
    gateway.modems["sim1"].insert(SimCard(**OTHER_CARD))
    message = gateway.send()
    gateway.step(40)
    view = gateway.workers["sim1"].view
    assert (view.condition, gateway.state(message)) == ("sim_wrong", "queued")
    assert not gateway.network.submits
    gateway.modems["sim1"].insert(first)
    gateway.step(40)
    assert (gateway.workers["sim1"].view.state, gateway.state(message)) == ("ready", "delivered")


def test_no_sim_and_a_pin_have_their_words(rig: Make) -> None:
    gateway = rig()
    gateway.ready()
    gateway.modems["sim1"].insert(None)
    gateway.step(120, turns=1, idle=5.0)
    assert condition(gateway) == "sim_missing"
    gateway.modems["sim1"].insert(SimCard(**OTHER_CARD, pin="1234"))
    gateway.step(60, turns=1, idle=5.0)
    assert (gateway.workers["sim1"].view.state, condition(gateway)) == ("locked", "pin_needed")


# -- several at once --------------------------------------------------------------------------------------------------


def words(gateway: Rig, seconds: float) -> list[str | None]:
    """The conditions in a row, as they are shown in that time; in a state that leads to another one none is shown."""
    found: list[str | None] = []
    end = gateway.clock.boot() + seconds
    while gateway.clock.boot() < end:
        gateway.step(turns=1, idle=5.0)
        view = gateway.workers["sim1"].view
        if view.state in ("ready", "denied") and view.condition not in found[-1:]:
            found.append(view.condition)
    return found


def test_of_everything_at_once_what_stops_messages_is_shown_and_the_rest_one_by_one(rig: Make) -> None:
    """The SIM was swapped for one that is barred and has no credit, and the storage cannot be emptied."""
    gateway = rig(balance=RULE)
    answering(gateway, "9.00")
    gateway.ready()
    modem = gateway.modems["sim1"]
    modem.insert(SimCard(**OTHER_CARD))
    answering(gateway, "0.00")
    card(gateway).barred = 8
    modem.inject(Fault(Step.COMMAND, Refuse(302), times=0, command="+CMGD"))
    gateway.step(40)
    modem.act(FillStorage())
    gateway.send(lifetime=86_400.0)
    gateway.step(120, turns=1, idle=5.0)
    assert words(gateway, 1200) == ["no_credit"]
    assert "another SIM" in (gateway.workers["sim1"].view.reason or ""), "which may be why"
    card(gateway).barred = None
    answering(gateway, "20.00")
    gateway.workers["sim1"].resume()
    gateway.send()
    gateway.step(700, turns=1, idle=5.0)
    assert condition(gateway) == "storage_full"
    modem.clear_faults()
    gateway.step(90, turns=1, idle=5.0)
    assert condition(gateway) is None, "who resumed it knew of the swap"


@pytest.mark.parametrize(("amount", "word"), [(None, "sim_refused"), ("4.00", "no_credit")])
def test_the_word_for_a_refused_sim_is_the_same_while_it_rests_and_while_it_is_tried(
    rig: Make, amount: str | None, word: str
) -> None:
    gateway = rig(balance=RULE if amount else None)
    answering(gateway, amount or "")
    gateway.ready()
    card(gateway).barred = 8
    gateway.send(lifetime=86_400.0)
    gateway.send(lifetime=86_400.0, to=ANOTHER)
    gateway.step(60)
    assert words(gateway, 1800) == [word]
    card(gateway).barred = None
    message = gateway.send(lifetime=86_400.0)
    gateway.step(700, turns=1, idle=5.0)
    assert gateway.state(message) == "delivered"
    assert condition(gateway) == ("low_credit" if amount else None)


def test_a_quota_that_opens_and_closes_does_not_take_the_word_from_what_lasts(rig: Make) -> None:
    gateway = rig(quotas=QuotaRules(per_hour=2))
    gateway.ready()
    gateway.modems["sim1"].insert(SimCard(**OTHER_CARD))
    gateway.step(40)
    for _ in range(6):
        gateway.send(lifetime=86_400.0)
    assert words(gateway, 7500) == ["sim_swapped"]
    reason = gateway.workers["sim1"].view.reason or ""
    assert "another SIM" in reason
    assert "quota per_hour used" in reason


def test_one_question_without_an_answer_is_no_alarm_where_the_balance_is_known(rig: Make) -> None:
    gateway = rig(balance=RULE)
    answering(gateway, "9.00")
    gateway.ready()
    gateway.step(5)
    answering(gateway, "the service is not available, try again later")
    gateway.step(3700, turns=1, idle=5.0)
    balance = gateway.workers["sim1"].view.balance
    assert balance is not None and balance.problem is not None and balance.amount == 9
    assert condition(gateway) is None
    gateway.step(700, turns=1, idle=5.0)
    assert (gateway.workers["sim1"].view.state, condition(gateway)) == ("ready", "balance_unreadable")


# -- the network ------------------------------------------------------------------------------------------------------


def test_a_denied_registration_is_told_and_found_again(rig: Make) -> None:
    gateway = rig()
    gateway.ready()
    gateway.modems["sim1"].act(LoseRegistration(3, 100.0))
    message = gateway.send(lifetime=3600.0)
    gateway.step(20)
    view = gateway.workers["sim1"].view
    assert (view.state, view.condition, gateway.state(message)) == ("denied", "registration_denied", "queued")
    assert "operator" in (view.advice or "")
    gateway.step(200, turns=1, idle=5.0)
    assert (gateway.workers["sim1"].view.state, condition(gateway)) == ("ready", None)
    assert gateway.state(message) == "delivered"
    assert told(gateway) == [("modem.ready", None), ("modem.denied", "registration_denied"), ("modem.ready", None)]


def test_a_modem_that_is_gone_says_so_in_peoples_words(rig: Make) -> None:
    gateway = rig()
    gateway.ready()
    gateway.modems["sim1"].vanish(None)
    gateway.step(5)
    view = gateway.workers["sim1"].view
    assert (view.state, view.condition) == ("absent", "port_missing")
    assert "cannot be opened" in (view.reason or "")
    gateway.workers["sim1"].pause()
    assert condition(gateway) == "port_missing"
