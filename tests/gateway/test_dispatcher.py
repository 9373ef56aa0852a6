"""What workers do with the outbox, on a fake clock: order, fail-over, outcomes, withdrawal."""

from __future__ import annotations

import pytest

from gateway.messages import Lane
from gateway.store import StoreBusy
from hardware.modem import RestartLevel
from hardware.simulator import (
    Fault,
    LoseAnswer,
    LoseRegistration,
    Reboot,
    Refuse,
    Silence,
    SimCard,
    Slow,
    Step,
    Vanish,
)
from tests.gateway.rig import ANYBODY, Make, Rig


def test_a_message_is_sent_and_its_report_makes_it_delivered(rig: Make) -> None:
    gateway = rig()
    message = gateway.send()
    gateway.step(10)
    assert gateway.state(message) == "delivered"
    assert [shown.text for shown in gateway.network.handset(ANYBODY).messages] == ["hello"]


def test_a_code_goes_between_the_parts_of_a_long_message(rig: Make) -> None:
    gateway = rig()
    long = gateway.send("x" * 700, to="+447700900002", lane=Lane.BULK)
    gateway.network.after(3.0, lambda: gateway.code())
    gateway.step(30)
    order = [record.destination for record in gateway.network.submits]
    place = order.index(ANYBODY)
    assert 0 < place < len(order) - 1
    assert len(order) == 6
    assert gateway.state(long) == "delivered"


def test_all_parts_of_a_message_go_by_one_sim(rig: Make) -> None:
    gateway = rig(2)
    messages = [gateway.send("x" * 400, to=f"+44770090001{n}") for n in range(4)]
    gateway.step(60)
    assert {gateway.state(message) for message in messages} == {"delivered"}
    for n in range(4):
        sims = {record.imsi for record in gateway.network.submits if record.destination == f"+44770090001{n}"}
        assert len(sims) == 1


@pytest.mark.parametrize("code", [42, 38, 17, 500])
def test_a_temporary_refusal_is_tried_again_later(rig: Make, code: int) -> None:
    gateway = rig()
    gateway.modems["sim1"].inject(Fault(Step.PDU, Refuse(code)))
    message = gateway.send(on_unknown="resend")
    gateway.step(30)
    assert gateway.state(message) == "delivered"
    assert len(gateway.network.submits) == 1


def test_a_permanent_refusal_fails_one_message_and_holds_up_nobody(rig: Make) -> None:
    gateway = rig()
    gateway.modems["sim1"].inject(Fault(Step.PDU, Refuse(1)))
    bad = gateway.send()
    good = gateway.send(to="+447700900002")
    gateway.step(15)
    assert (gateway.state(bad), gateway.state(good)) == ("failed", "delivered")


def test_a_refused_option_is_left_out_at_once(rig: Make) -> None:
    gateway = rig()
    gateway.modems["sim1"].inject(Fault(Step.PDU, Refuse(199)))
    message = gateway.send()
    gateway.step(10)
    assert gateway.state(message) == "delivered"
    (record,) = gateway.network.submits
    assert record.tpdu.lifetime(gateway.clock.now().wall) is None


def test_an_unknown_outcome_of_an_ordinary_message_is_not_sent_again(rig: Make) -> None:
    gateway = rig()
    gateway.modems["sim1"].inject(Fault(Step.PDU, LoseAnswer()))  # the message is lost with the answer
    message = gateway.send()
    gateway.step(250)
    assert gateway.state(message) == "unknown"
    assert gateway.network.submits == []
    assert not gateway.marked(message)


def test_a_report_settles_an_unknown_outcome(rig: Make) -> None:
    gateway = rig()
    gateway.modems["sim1"].inject(Fault(Step.RESULT, LoseAnswer()))  # it was sent, and the answer is lost
    message = gateway.send()
    gateway.step(250)
    assert gateway.state(message) == "delivered"
    assert len(gateway.network.submits) == 1


def test_a_code_of_unknown_outcome_is_sent_once_more_and_says_so(rig: Make) -> None:
    gateway = rig()
    gateway.modems["sim1"].inject(Fault(Step.PDU, LoseAnswer()))
    message = gateway.code()
    gateway.step(250)
    assert gateway.state(message) == "delivered"
    assert gateway.marked(message)


def test_a_code_without_a_report_is_sent_once_more(rig: Make) -> None:
    gateway = rig(2)
    first = [gateway.send(to=f"+44770090002{n}") for n in range(6)]  # the SIMs have given reports lately
    gateway.step(20)
    assert {gateway.state(message) for message in first} == {"delivered"}
    gateway.network.report_seconds = 90.0
    message = gateway.code()
    gateway.step(120)
    copies = [record for record in gateway.network.submits if record.destination == ANYBODY]
    assert len(copies) == 2
    assert gateway.marked(message)
    assert gateway.state(message) == "delivered"


def test_nothing_is_begun_after_the_lifetime(rig: Make) -> None:
    gateway = rig()
    gateway.modems["sim1"].inject(Fault(Step.TIME, LoseRegistration(seconds=400.0)))
    gateway.step(5)
    message = gateway.send(lifetime=60.0)
    gateway.step(500)
    assert gateway.state(message) == "expired"
    assert gateway.network.submits == []


def test_a_message_withdrawn_at_the_prompt_is_not_sent(rig: Make) -> None:
    gateway = rig()
    gateway.modems["sim1"].inject(Fault(Step.PROMPT, Slow(5.0)))
    message = gateway.send()

    def withdraw() -> None:
        now = gateway.clock.now()
        gateway.store.database.accept(lambda cx: gateway.store.outbox.cancel(cx, message.id, now))

    gateway.network.after(2.0, withdraw)
    gateway.step(30)
    assert gateway.state(message) == "cancelled"
    assert gateway.network.submits == []
    after = gateway.send()
    gateway.step(10)
    assert gateway.state(after) == "delivered"


@pytest.mark.parametrize("action", [Vanish(seconds=3.0), Reboot(), Silence(20.0)])
@pytest.mark.parametrize("step", [Step.PROMPT, Step.PDU, Step.RESULT])
def test_the_modem_comes_back_and_what_follows_goes_out_once(rig: Make, step: Step, action: object) -> None:
    gateway = rig()
    gateway.modems["sim1"].inject(Fault(step, action))  # type: ignore[arg-type]
    struck = gateway.send()
    others = [gateway.send(to=f"+44770090003{n}") for n in range(3)]
    gateway.step(400)
    assert {gateway.state(message) for message in others} == {"delivered"}
    copies = [record for record in gateway.network.submits if record.destination == ANYBODY]
    # The report may be lost with the answer, and then nobody knows.
    assert gateway.state(struck) in ({"delivered", "unknown"} if copies else {"unknown"})
    assert len(copies) <= 1


def test_prefixes_choose_the_modem_and_another_steps_in_while_it_is_away(rig: Make) -> None:
    gateway = rig(2, sim1={"prefixes": ("+33",)})
    french = gateway.send(to="+33639981234", route="route:+33")
    british = gateway.send()
    gateway.step(10)
    sims = {record.destination: record.imsi for record in gateway.network.submits}
    assert sims == {"+33639981234": "001010000000001", ANYBODY: "001010000000002"}
    gateway.modems["sim1"].inject(Fault(Step.TIME, Vanish(seconds=None)))
    gateway.step(5)
    stood_in = gateway.send(to="+33639981235", route="route:+33")
    gateway.step(20)
    assert {gateway.state(message) for message in (french, british, stood_in)} == {"delivered"}
    assert gateway.network.submits[-1].imsi == "001010000000002"


def test_a_paused_modem_sends_nothing_and_still_receives(rig: Make) -> None:
    gateway = rig()
    gateway.workers["sim1"].pause()
    message = gateway.send()
    gateway.network.handset(ANYBODY).send("news", to="+447700900151")
    gateway.step(20)
    assert gateway.workers["sim1"].view.state == "paused"
    assert gateway.state(message) == "queued"
    assert gateway.workers["sim1"].view.received == 1
    gateway.workers["sim1"].resume()
    gateway.step(10)
    assert gateway.state(message) == "delivered"


def test_a_sim_that_is_refused_three_times_rests_and_the_other_works(rig: Make) -> None:
    gateway = rig(2)
    gateway.modems["sim1"].inject(Fault(Step.PDU, Refuse(8), times=0))
    messages = [gateway.send(to=f"+44770090004{n}") for n in range(8)]
    gateway.step(40)
    assert {gateway.state(message) for message in messages} == {"delivered"}
    assert gateway.workers["sim1"].view.state == "denied"
    assert gateway.workers["sim1"].view.advice is not None
    refused = sum("+CMS ERROR: 8" in result for message in messages for result in gateway.results(message))
    assert refused == 3


@pytest.mark.parametrize("method", ["claim", "begin", "accepted"])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_store_that_fails_for_a_moment_loses_nothing(
    rig: Make, monkeypatch: pytest.MonkeyPatch, method: str, nth: int
) -> None:
    gateway = rig()
    outbox, calls = gateway.store.outbox, 0
    works = getattr(outbox, method)

    def fails_once(*values: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls == nth:
            raise StoreBusy("another program holds the database")
        return works(*values, **options)

    monkeypatch.setattr(outbox, method, fails_once)
    messages = [gateway.send(to=f"+44770090005{n}") for n in range(3)]
    for _ in range(40):
        try:
            gateway.step(1)
        except StoreBusy:  # what `run` survives
            gateway.workers["sim1"].recover_from("the store failed")
    assert {gateway.state(message) for message in messages} == {"delivered"}
    assert len(gateway.network.submits) == 3


def test_a_sim_that_was_swapped_takes_no_part_of_what_the_other_began(rig: Make) -> None:
    gateway = rig()
    message = gateway.send("x" * 400, lifetime=90.0)
    other = SimCard(imsi="001010000000099", iccid="8944100000000000099", number="+447700900199")
    gateway.network.after(2.5, lambda: gateway.modems["sim1"].insert(other))
    gateway.step(600)
    sims = {record.imsi for record in gateway.network.submits}
    assert sims == {"001010000000001"}
    assert gateway.state(message) == "expired"


def test_a_message_wakes_a_modem_that_can_send_it(rig: Make) -> None:
    gateway = rig(3, sim2={"reserve_for_otp": True})
    gateway.step()
    for worker in gateway.workers.values():
        worker.idle = True
    gateway.workers["sim1"].pause()
    gateway.send()
    assert [worker.idle for worker in gateway.workers.values()] == [True, True, False]
    gateway.code()
    assert [worker.idle for worker in gateway.workers.values()] == [True, False, False]


def test_how_long_a_part_takes_is_measured(rig: Make) -> None:
    gateway = rig()
    assert gateway.workers["sim1"].view.seconds_per_part == 4.0
    gateway.network.submit_seconds = 1.0
    for _ in range(30):
        gateway.send(lane=Lane.OTP)
        gateway.step(3)
    quick = gateway.workers["sim1"].view.seconds_per_part
    assert 0.9 < quick < 1.5
    gateway.network.submit_seconds = 8.0
    for _ in range(30):
        gateway.send(lane=Lane.OTP)
        gateway.step(10)
    assert 7.5 < gateway.workers["sim1"].view.seconds_per_part < 9.0


def modem_events(gateway: Rig) -> list[str]:
    return [event.kind for event in gateway.store.events.after(0) if event.subject == "sim1"]


def test_states_that_last_are_told_as_events(rig: Make) -> None:
    gateway = rig()
    assert modem_events(gateway)[-1] == "modem.ready"
    assert not {"modem.opening", "modem.configuring"} & set(modem_events(gateway))
    (ready,) = [event for event in gateway.store.events.after(0) if event.kind == "modem.ready"]
    assert (ready.client, ready.body["name"], ready.body["state"]) == (None, "sim1", "ready")
    assert isinstance(ready.body["signal_dbm"], int)
    told = len(modem_events(gateway))
    gateway.step(60)
    assert len(modem_events(gateway)) == told, "what stays as it is is not told again"
    worker = gateway.workers["sim1"]
    worker.pause()
    gateway.step()
    worker.resume()
    gateway.step()
    gateway.modems["sim1"].inject(Fault(Step.TIME, Vanish(seconds=10.0)))
    gateway.step(60)
    assert modem_events(gateway)[told:][:3] == ["modem.paused", "modem.ready", "modem.absent"]
    assert modem_events(gateway)[-1] == "modem.ready"
    told = len(modem_events(gateway))
    worker.stop()
    worker.run()
    assert len(modem_events(gateway)) == told, "a gateway that stops pauses nothing"


def test_an_operators_restart_shows_at_once_and_is_followed_through(rig: Make) -> None:
    gateway = rig()
    worker = gateway.workers["sim1"]
    future = worker.request(lambda modem: modem.restart(RestartLevel.RADIO))
    before = gateway.clock.boot()
    worker.turn(30.0)
    assert future.done()
    assert worker.view.state == "configuring"
    for _ in range(20):
        worker.turn(30.0)
        if worker.view.usable:
            break
    assert worker.view.state == "ready"
    assert gateway.clock.boot() - before < 30.0, "it did not sit out an idle wait first"
