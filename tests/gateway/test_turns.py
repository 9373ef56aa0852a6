"""In which order a worker does what is due, and what it does not do while something is in hand."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.messages import Lane
from gateway.quota import QuotaRules
from gateway.store import Slot, StoreBusy
from hardware.modem import ModemSettings, Secret
from hardware.simulator import EC25, Fault, LoseAnswer, Refuse, Silence, SimCard, SimulatedModem, Slow, Step, Vanish
from tests.gateway.rig import ANYBODY, Make, Rig, written

TIME_OUT = 180.0  # seconds for a result, by the profile
PIN = "4711"


def steps_of(gateway: Rig) -> list[str]:
    """The steps that are taken from now on."""
    steps: list[str] = []
    gateway.fleet.on_recovery = lambda _, step: steps.append(step)
    return steps


# -- a code goes first ------------------------------------------------------------------------------------------------


def test_a_code_goes_before_what_is_due_and_before_what_an_operator_asks(rig: Make) -> None:
    gateway = rig()
    modem, worker = gateway.modems["sim1"], gateway.workers["sim1"]
    for command in ("+CSQ", "+CREG", "+CUSD"):
        modem.inject(Fault(Step.COMMAND, Slow(4.0), command=command))
    gateway.clock.advance(61.0)  # the signal and a sweep are due
    asked = worker.request(lambda driver: driver.ussd("*100#", 20.0))
    code, begun = gateway.code(), gateway.clock.boot()
    worker.turn(30.0)
    assert [record.destination for record in gateway.network.submits] == [ANYBODY]
    assert gateway.network.submits[0].time.boot - begun < 4.0
    gateway.step(5)
    assert asked.done()
    assert gateway.state(code) == "delivered"


def test_a_code_that_ends_a_wait_is_sent_in_the_same_turn(rig: Make) -> None:
    gateway = rig()
    worker = gateway.workers["sim1"]
    gateway.step(2)
    gateway.network.after(3.0, gateway.code)
    turns = 0
    while not gateway.network.submits:
        worker.turn(30.0)
        turns += 1
    assert turns == 1


def test_a_modem_that_sends_codes_without_a_pause_is_looked_at_all_the_same(rig: Make) -> None:
    gateway = rig()
    worker, told = gateway.workers["sim1"], written(gateway)
    asked = worker.request(lambda driver: driver.status)
    begun, number = gateway.clock.boot(), 0
    while gateway.clock.boot() - begun < 70.0:
        for _ in range(2):
            number += 1
            gateway.code(to=f"+447700{number:06}")
        worker.turn(30.0)
        assert asked.done() or number <= 4
    assert told.count("AT+CSQ") >= 2


def test_a_code_whose_retry_falls_due_goes_before_what_was_claimed_ahead(rig: Make) -> None:
    gateway = rig()
    gateway.network.submit_seconds = gateway.network.linked_submit_seconds = 3.0
    gateway.modems["sim1"].inject(Fault(Step.PDU, Refuse(42)))
    gateway.code()
    for number in range(4):
        gateway.send(to=f"+44770090010{number}", lane=Lane.BULK)
    for half_seconds in range(1, 40):  # the clockwork has a thread of its own
        gateway.network.after(half_seconds / 2, lambda: gateway.scheduler.round(gateway.clock.now()) and None)
    for _ in range(6):
        gateway.workers["sim1"].turn(0.2)
    sent = [record.destination for record in gateway.network.submits]
    assert sent[:2] == ["+447700900100", ANYBODY], "it fell due while the first one was on the air"


def test_a_code_that_one_modem_hands_back_goes_before_what_another_one_claimed_ahead(rig: Make) -> None:
    gateway = rig(2)
    gateway.network.submit_seconds = gateway.network.linked_submit_seconds = 3.0
    outbox, sim1 = gateway.store.outbox, Slot("sim1", "001010000000001", ("route:",))
    gateway.workers["sim1"].pause()
    gateway.code()
    code = outbox.claim(sim1, gateway.clock.now())
    assert code is not None
    gateway.workers["sim2"].turn(0.2)  # it finds nothing
    for number in range(4):
        gateway.send(to=f"+44770090010{number}", lane=Lane.BULK)
    gateway.network.after(1.5, lambda: outbox.release(code.id, gateway.clock.now()))
    for _ in range(4):
        gateway.workers["sim2"].turn(0.2)
    sent = [record.destination for record in gateway.network.submits]
    assert sent[:2] == ["+447700900100", ANYBODY]


def test_a_code_does_not_wait_until_all_that_is_stored_has_been_fetched(rig: Make) -> None:
    gateway = rig()
    modem, worker = gateway.modems["sim1"], gateway.workers["sim1"]
    gateway.step(2)
    modem.inject(Fault(Step.COMMAND, Slow(1.0), command="+CMGR", times=0))
    for number in range(15):
        gateway.network.send_from("+447700900199", f"hello {number}", "+447700900151")
    gateway.network.after(3.0, gateway.code)
    begun = gateway.clock.boot()
    while not gateway.network.submits:
        worker.turn(30.0)
    assert gateway.network.submits[0].time.boot - begun < 14.0
    gateway.step(40)
    assert worker.view.received == 15


# -- nothing is restarted while something is in hand ------------------------------------------------------------------


def test_no_step_is_taken_while_an_outcome_is_not_stored(rig: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = rig()
    steps, worker, outbox = steps_of(gateway), gateway.workers["sim1"], gateway.store.outbox
    messages = [gateway.send(to=f"+44770090005{number}", report=False, lifetime=3600.0) for number in range(3)]
    worker.turn(0.2)  # what comes first is stored where a backlog begins
    accepted = outbox.accepted

    def busy(*_: object) -> Any:
        raise StoreBusy("another program holds the database")

    monkeypatch.setattr(outbox, "accepted", busy)
    worker.turn(0.2)
    gateway.clock.advance(31.0)  # a look at the signal is due, which is not answered
    gateway.modems["sim1"].inject(Fault(Step.TIME, Silence(None)))
    for _ in range(60):
        try:
            worker.turn(5.0)
        except StoreBusy:
            worker.recover_from("the store failed")
    assert steps == []
    monkeypatch.setattr(outbox, "accepted", accepted)
    gateway.modems["sim1"].power_cycle()
    gateway.step(60)
    assert [gateway.state(message) for message in messages] == ["sent"] * 3
    assert len(gateway.network.submits) == 3


def test_a_store_that_fails_for_a_while_costs_no_report_and_no_new_start(
    rig: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = rig()
    told, worker, outbox = written(gateway), gateway.workers["sim1"], gateway.store.outbox
    gateway.network.delivery_seconds = 3.0
    messages = [gateway.send(), gateway.send()]
    worker.turn(0.2)
    worker.turn(0.2)
    report, calls = outbox.report, list[object]()

    def busy(*reported: object) -> Any:
        calls.append(reported)
        raise StoreBusy("another program holds the database")

    monkeypatch.setattr(outbox, "report", busy)
    for _ in range(5):
        try:
            worker.turn(5.0)
        except StoreBusy as error:
            worker.wait_for_store(str(error))
            assert worker.view.condition == "gateway_error"
    assert calls
    monkeypatch.setattr(outbox, "report", report)
    gateway.step(10)
    assert [gateway.state(message) for message in messages] == ["delivered", "delivered"]
    assert (worker.view.state, worker.view.condition) == ("ready", None)
    assert not [command for command in told if command.startswith("AT+CNMI=")], "it was not set up again"


def test_a_modem_whose_set_up_ended_with_a_full_disk_is_known_before_it_sends(
    rig: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is stored in it cannot be taken in: it is ready, and what it has told is gone by all the same."""
    before = rig(quotas=QuotaRules(per_day=10))
    before.send()
    before.step(5)
    gateway = Rig(tmp_path, clock=before.clock, quotas=QuotaRules(per_day=10))
    worker, message = gateway.workers["sim1"], gateway.send()

    def full(*_: object) -> Any:
        raise StoreBusy("the disk is full")

    with closing(gateway.store):
        gateway.network.send_from("+447700900199", "hello", "+447700900151")
        with monkeypatch.context() as patched:
            patched.setattr(gateway.store.inbox, "receive", full)
            with pytest.raises(StoreBusy):
                gateway.ready()
            worker.wait_for_store("the disk is full")
        gateway.step(5)
        assert gateway.state(message) == "delivered"
        assert [use.used for use in worker.view.quota] == [2]


def test_what_the_store_has_no_place_for_does_not_keep_the_rest_waiting(
    rig: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Rows that are damaged, or gone: neither an outcome nor what is only handed back may stop a modem for good."""
    gateway = rig()
    outbox, worker = gateway.store.outbox, gateway.workers["sim1"]
    messages = [gateway.send(to=f"+44770090005{number}") for number in range(4)]

    def gone(attempt_id: int, *_: object) -> Any:
        raise KeyError(attempt_id)

    with monkeypatch.context() as patched:
        patched.setattr(outbox, "accepted", gone)
        patched.setattr(outbox, "release", gone)
        worker.turn(0.2)
        worker.pause()  # what is claimed ahead goes back
        worker.turn(0.2)
    worker.resume()
    gateway.step(30)
    assert [gateway.state(message) for message in messages] == ["delivered"] * 4, "the first one by its report"
    assert caplog.text.count("cannot be stored") == 2
    assert "could not be stored" in gateway.results(messages[0])[-2]


def test_a_message_whose_row_is_damaged_while_it_is_on_the_air_ends(rig: Make) -> None:
    gateway = rig()
    gateway.network.submit_seconds = 3.0
    bad, good = gateway.send(report=False), gateway.send(to="+447700900501")

    def damage() -> None:
        with gateway.store.database.mark() as cx:
            cx.execute("UPDATE messages SET reason = 'no such reason' WHERE id = ?", (bad.id,))

    gateway.network.after(1.0, damage)
    gateway.step(30)
    assert gateway.state(good) == "delivered"
    with gateway.store.database.read() as cx:
        row = cx.execute("SELECT state, reason, final FROM messages WHERE id = ?", (bad.id,)).fetchone()
    assert tuple(row) == ("unknown", "unknown_outcome", 1)


@pytest.mark.parametrize("step", [Step.PDU, Step.RESULT])
def test_the_answer_that_was_lost_before_a_restart_is_nobody_elses(rig: Make, step: Step) -> None:
    """The modem falls silent with a message on the air, climbs to the reset, and sends the next one after it."""
    gateway = rig()
    steps = steps_of(gateway)
    modem = gateway.modems["sim1"] = SimulatedModem(gateway.network, gateway.modems["sim1"].sim, EC25, name="stick")
    gateway.workers["sim1"]._close()
    gateway.ready()
    states: list[str] = []
    modem.inject(Fault(step, Silence(None)))
    lost, after = (gateway.send(to=to, report=False, lifetime=3600.0) for to in (ANYBODY, "+447700900002"))
    reboot = modem.reboot

    def reset() -> None:
        states.append(gateway.state(lost))
        modem.clear_faults()
        reboot()

    modem.reboot = reset  # type: ignore[method-assign]
    gateway.network.after(TIME_OUT + 120.0, modem.power_cycle)
    gateway.step(TIME_OUT + 600.0)
    assert gateway.state(lost) == "unknown" and gateway.state(after) == "sent"
    assert set(states) == {"unknown"}, "it was settled before the restart"
    assert {"resynchronise", "reopen", "radio"} <= set(steps)
    copies = [record.destination for record in gateway.network.submits]
    assert copies.count("+447700900002") == 1 and copies.count(ANYBODY) <= 1


def test_an_answer_that_comes_as_the_port_goes_is_not_lost(rig: Make) -> None:
    gateway = rig()
    modem = gateway.modems["sim1"]
    modem.inject(Fault(Step.RESULT, Slow(TIME_OUT + 3)))
    modem.inject(Fault(Step.COMMAND, Vanish(9.0), command="+CREG"))  # what is asked after the resynchronisation
    message = gateway.send(report=False)
    gateway.step(30)
    assert len(modem.struck) == 2
    assert gateway.state(message) == "sent"
    assert gateway.results(message)[-1] == "+CMGS: 0 (late)"


# -- PIN tries --------------------------------------------------------------------------------------------------------


def locked(gateway: Rig, pin: str) -> SimCard:
    """A card with a PIN in a stick whose port goes with each reset, and another PIN in the configuration perhaps."""
    gateway.workers["sim1"]._close()
    sim = SimCard(imsi="001010000000009", iccid="8944100000000000009", number="+447700900159", pin=PIN)
    gateway.modems["sim1"] = SimulatedModem(gateway.network, sim, EC25, name="stick")
    gateway.settings["sim1"] = ModemSettings(pin=Secret(pin))
    return sim


def entered(told: list[str]) -> int:
    return sum(command.startswith("AT+CPIN=") for command in told)


def test_resets_spend_no_try_of_the_right_pin(rig: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hardware.modem.card._DIGEST_ROUNDS", 1)
    gateway = rig()
    sim, steps = locked(gateway, PIN), steps_of(gateway)
    told = written(gateway)
    gateway.ready()
    modem, least = gateway.modems["sim1"], 3
    for turn in range(1, 4):
        modem.inject(Fault(Step.PROMPT, LoseAnswer(), times=0))
        gateway.send(lifetime=7200.0)
        while steps.count("reset") < turn:
            gateway.step(10, turns=1, idle=10.0)
            least = min(least, sim.tries)
        modem.clear_faults()
        gateway.step(120, turns=1, idle=10.0)  # it is sent, and the trouble is over
        gateway.clock.advance(3600.0)
    assert len(gateway.network.submits) == 3
    assert entered(told) > 3, "after each restart of the card"
    assert (least, sim.tries, sim.puk_tries) == (3, 3, 10)


def test_a_wrong_pin_costs_one_try_until_somebody_acts(rig: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hardware.modem.card._DIGEST_ROUNDS", 1)
    gateway = rig()
    sim, steps = locked(gateway, "0815"), steps_of(gateway)
    told, modem, worker = written(gateway), gateway.modems["sim1"], gateway.workers["sim1"]
    for number in range(4):
        gateway.step(60, turns=1, idle=30.0)
        modem.inject(Fault(Step.TIME, Vanish(9.0) if number % 2 else Silence(None)))
        gateway.step(1200, turns=1, idle=30.0)
        modem.power_cycle()
        worker.resume()
    gateway.step(60, turns=1, idle=30.0)
    assert {"reopen", "radio", "reset", "quarantine"} <= set(steps)
    assert worker.view.state == "locked"
    assert (entered(told), sim.tries) == (1, 2)
    gateway.settings["sim1"] = ModemSettings(pin=Secret(PIN))
    worker._close()
    gateway.ready()
    assert sim.tries == 3
