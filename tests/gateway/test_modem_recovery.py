"""Whole runs of the recovery ladder: simulated modems that fall silent, vanish or never prompt, on a fake clock."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.api.render import modem as rendered
from gateway.messages import Lane
from hardware.modem import NotReady, RestartLevel
from hardware.power_switch import PowerError
from hardware.simulator import (
    EC25,
    GENERIC,
    Fault,
    LoseAnswer,
    LoseRegistration,
    Refuse,
    Silence,
    SimulatedModem,
    Step,
    UssdAnswer,
    Vanish,
)
from tests.gateway.rig import Make, Rig


class Door:
    """The power of a simulated modem's USB port."""

    usable = True

    def __init__(self) -> None:
        self.modem: SimulatedModem | None = None
        self.broken = False
        self.cycles = 0

    def seen(self, port: str) -> None:
        pass

    def cycle(self) -> None:
        self.cycles += 1
        if self.broken:
            raise PowerError("the helper cannot be asked")
        assert self.modem is not None
        self.modem.power_cycle()


class Steps:
    """The steps that were counted, in order."""

    def __init__(self, gateway: Rig) -> None:
        self._steps: list[tuple[str, str, float]] = []
        gateway.fleet.on_recovery = lambda name, step: self._steps.append((name, step, gateway.clock.boot()))

    def of(self, name: str = "sim1") -> list[str]:
        return [step for whose, step, _ in self._steps if whose == name]


def until(gateway: Rig, done: Callable[[], bool], limit: float = 7200.0, stride: float = 5.0) -> None:
    end = gateway.clock.boot() + limit
    while not done():
        assert gateway.clock.boot() < end, f"not within {limit:g} s"
        for worker in gateway.workers.values():
            worker.turn(stride)
        gateway.scheduler.round(gateway.clock.now())


@pytest.mark.parametrize("sending", [False, True])
def test_five_seconds_of_silence_cost_no_restart(rig: Make, sending: bool) -> None:
    gateway = rig()
    steps = Steps(gateway)
    gateway.modems["sim1"].inject(Fault(Step.PROMPT if sending else Step.TIME, Silence(5.0)))
    message = gateway.send()
    gateway.step(60)
    after = gateway.send(to="+447700900002")
    gateway.step(60)
    assert gateway.state(after) == gateway.state(message) == "delivered"
    assert set(steps.of()) <= {"resynchronise", "reopen"}
    assert gateway.workers["sim1"].view.recovery is None


def test_a_modem_that_is_silent_for_ever_is_left_alone_and_the_other_sends(
    rig: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "simwire.recovery")
    gateway = rig(2)
    steps = Steps(gateway)
    worker = gateway.workers["sim1"]
    gateway.modems["sim1"].inject(Fault(Step.PROMPT, Silence(None)))
    messages = [gateway.send(to=f"+44770090004{n}") for n in range(6)]
    until(gateway, lambda: worker.view.state == "failed")
    ladder = ["resynchronise", "reopen", "radio", "reset", "quarantine"]
    assert steps.of() == ladder
    gateway.step(10)
    assert {gateway.state(message) for message in messages} == {"delivered"}
    assert {record.imsi for record in gateway.network.submits} == {"001010000000002"}
    lines = [record.getMessage() for record in caplog.records if "step" in record.getMessage()]
    assert [line.split()[3].strip(",") for line in lines] == ladder
    assert all(line.startswith("modem sim1: step ") and "; next: " in line for line in lines)
    view = worker.view
    assert view.reason is not None and "nothing helped of: resynchronise, reopen, radio, reset" in view.reason
    assert view.advice is not None and "resumed" in view.advice
    shown = rendered(view)["recovery"]
    assert (shown["step"], shown["tried"]) == ("quarantine", ladder)
    assert shown["next_at"].endswith("Z")
    # Looks after 5, 15 and 60 minutes; none of them restarts anything.
    begun = gateway.clock.boot()
    until(gateway, lambda: gateway.clock.boot() - begun > 4 * 3600, limit=5 * 3600, stride=600.0)
    assert set(steps.of()[len(ladder) :]) == {"quarantine"}
    assert 4 <= len(steps.of()) - len(ladder) <= 6
    assert len(gateway.network.submits) == 6


def test_a_modem_that_speaks_again_comes_back_by_itself(rig: Make) -> None:
    gateway = rig()
    worker = gateway.workers["sim1"]
    gateway.modems["sim1"].inject(Fault(Step.TIME, Silence(None)))
    until(gateway, lambda: worker.view.state == "failed")
    gateway.modems["sim1"].power_cycle()  # somebody had a hand in it
    begun = gateway.clock.boot()
    until(gateway, lambda: worker.view.usable)
    assert gateway.clock.boot() - begun <= 310 + 60
    recovery = worker.view.recovery
    assert recovery is not None and recovery.step is None, "that it is ready is no proof yet"
    message = gateway.send()
    gateway.step(10)
    assert gateway.state(message) == "delivered"
    assert worker.view.recovery is None


def test_an_operator_who_resumes_it_has_it_looked_at_at_once(rig: Make) -> None:
    gateway = rig()
    worker = gateway.workers["sim1"]
    gateway.modems["sim1"].inject(Fault(Step.TIME, Silence(None)))
    until(gateway, lambda: worker.view.state == "failed")
    gateway.modems["sim1"].power_cycle()
    worker.resume()
    begun = gateway.clock.boot()
    until(gateway, lambda: worker.view.usable)
    assert gateway.clock.boot() - begun < 60


def test_who_asks_a_modem_that_is_left_alone_is_told_at_once(rig: Make) -> None:
    gateway = rig()
    worker = gateway.workers["sim1"]
    gateway.modems["sim1"].inject(Fault(Step.TIME, Silence(None)))
    until(gateway, lambda: worker.view.state == "failed")
    asked = worker.request(lambda modem: modem.ussd("*100#"))
    worker.turn(0.2)
    assert isinstance(asked.exception(0), NotReady)
    gateway.modems["sim1"].power_cycle()
    gateway.fleet.forgive("sim1")  # what an operator's restart begins with
    asked = worker.request(lambda modem: modem.restart(RestartLevel.RADIO))
    until(gateway, asked.done, limit=60)
    assert asked.exception(0) is None


def test_a_modem_that_is_plugged_in_anew_is_looked_at_at_once(rig: Make) -> None:
    gateway = rig()
    worker = gateway.workers["sim1"]
    gateway.modems["sim1"].inject(Fault(Step.TIME, Silence(None)))
    until(gateway, lambda: worker.view.state == "failed")
    gateway.modems["sim1"].vanish(3.0, "tty-other")
    begun = gateway.clock.boot()
    until(gateway, lambda: worker.view.usable)
    assert gateway.clock.boot() - begun < 60
    assert worker.view.port == "tty-other"


def test_a_stick_that_answers_nothing_until_it_is_power_cycled(rig: Make) -> None:
    door = Door()
    gateway = rig(sim1={"switch": door})
    door.modem = gateway.modems["sim1"]
    steps = Steps(gateway)
    gateway.modems["sim1"].inject(Fault(Step.PROMPT, Silence(None)))
    message = gateway.send(lifetime=3600.0)
    until(gateway, lambda: gateway.state(message) == "delivered", limit=900)
    assert steps.of() == ["resynchronise", "reopen", "radio", "reset", "power"]
    assert door.cycles == 1
    assert len(gateway.network.submits) == 1


def test_one_that_falls_silent_again_and_again_is_not_power_cycled_without_end(rig: Make) -> None:
    door = Door()
    gateway = rig(sim1={"switch": door})
    modem = door.modem = gateway.modems["sim1"]
    worker = gateway.workers["sim1"]
    modem.inject(Fault(Step.PROMPT, Silence(None), times=0))
    gateway.send(lifetime=86_400.0, on_unknown="resend")
    begun = gateway.clock.boot()
    until(gateway, lambda: gateway.clock.boot() - begun > 3 * 3600, limit=4 * 3600, stride=30.0)
    assert door.cycles <= 3 * 2
    assert worker.view.state in ("failed", "ready", "absent")


def test_where_the_power_cannot_be_cycled_the_log_says_why(rig: Make, caplog: pytest.LogCaptureFixture) -> None:
    door = Door()
    door.broken = True
    gateway = rig(sim1={"switch": door})
    gateway.modems["sim1"].inject(Fault(Step.TIME, Silence(None)))
    until(gateway, lambda: gateway.workers["sim1"].view.state == "failed")
    assert door.cycles == 1
    assert "its power was not cycled: the helper cannot be asked" in caplog.text


@pytest.mark.parametrize("name", [None, "ttyUSB7"])
def test_a_stick_whose_port_vanishes_at_the_reset_comes_back(rig: Make, name: str | None) -> None:
    """It never prompts until it is reset; at the reset its port goes, and may come back under another name."""
    gateway = rig()
    modem = gateway.modems["sim1"] = SimulatedModem(gateway.network, gateway.modems["sim1"].sim, EC25, name="stick")
    gateway.workers["sim1"]._close()
    gateway.ready()
    steps = Steps(gateway)
    modem.inject(Fault(Step.PROMPT, LoseAnswer(), times=0))
    reboot, reboots = modem.reboot, []

    def reset() -> None:
        reboots.append(gateway.clock.boot())
        modem.clear_faults()
        modem.vanish(9.0, name) if name else reboot()

    modem.reboot = reset  # type: ignore[method-assign]
    message = gateway.send(lifetime=3600.0)
    until(gateway, lambda: gateway.state(message) == "delivered", limit=900)
    assert len(reboots) == 1
    assert steps.of()[:4] == ["resynchronise", "reopen", "radio", "reset"]
    assert set(steps.of()[4:]) <= {"reopen"}
    assert gateway.workers["sim1"].view.port == modem.port
    assert len(gateway.network.submits) == 1


@pytest.mark.parametrize("step", [Step.PROMPT, Step.PDU])
def test_one_that_answers_and_whose_submits_come_to_nothing_is_left_alone(rig: Make, step: Step) -> None:
    gateway = rig(2)
    steps = Steps(gateway)
    gateway.modems["sim1"].inject(Fault(step, LoseAnswer(), times=0))
    for minute in range(180):
        if gateway.workers["sim1"].view.state == "failed":
            break
        gateway.send(to=f"+4477009{minute:05}", lane=Lane.OTP, on_unknown="resend")
        gateway.step(60, turns=1)
    assert list(dict.fromkeys(steps.of())) == ["resynchronise", "reopen", "radio", "reset", "quarantine"]
    assert steps.of().count("reset") <= 2
    message = gateway.send()
    gateway.step(30)
    assert gateway.state(message) == "delivered"


def test_refusals_that_ask_for_help_climb_too(rig: Make) -> None:
    gateway = rig(2)
    steps = Steps(gateway)
    gateway.modems["sim1"].inject(Fault(Step.PDU, Refuse(322), times=0))  # memory full, however often it is emptied
    messages = [gateway.send(to=f"+44770090004{n}") for n in range(30)]
    gateway.step(300)
    assert {gateway.state(message) for message in messages} == {"delivered"}
    assert steps.of() == ["resynchronise", "reopen", "radio", "reset", "quarantine"]


@pytest.mark.parametrize(("stat", "state", "hours", "radio"), [(2, "searching", 5, 5), (3, "denied", 3, 0)])
def test_hours_without_a_network_is_a_condition_and_no_trouble_of_the_modem(
    rig: Make, stat: int, state: str, hours: int, radio: int
) -> None:
    """It falls silent for a moment now and then, as modems do: that climbs no ladder while it answers in between."""
    gateway = rig()
    steps, worker, modem = Steps(gateway), gateway.workers["sim1"], gateway.modems["sim1"]
    begun = gateway.clock.boot()
    modem.act(LoseRegistration(stat, hours * 3600.0))
    for hour in range(1, hours):
        until(gateway, lambda end=begun + 3600 * hour: gateway.clock.boot() > end, limit=4000, stride=30.0)
        assert worker.view.state == state
        assert worker.view.recovery is None, "an hour after its last silence"
        modem.inject(Fault(Step.TIME, Silence(40.0)))
    until(gateway, lambda: worker.view.usable, limit=4000, stride=30.0)
    assert gateway.clock.boot() - begun < hours * 3600 + 120
    assert steps.of().count("radio") == radio, "after a quarter of an hour and each hour from then on"
    assert steps.of().count("reopen") == hours - 1
    assert set(steps.of()) <= {"reopen", "radio"}
    message = gateway.send(lifetime=7200.0)
    until(gateway, lambda: gateway.state(message) == "delivered", limit=60)
    assert worker.view.condition is None


def test_a_port_that_is_away_is_no_reason_for_a_restart(rig: Make) -> None:
    gateway = rig()
    steps = Steps(gateway)
    gateway.modems["sim1"].inject(Fault(Step.TIME, Vanish(seconds=600.0)))
    gateway.step(300)
    assert gateway.workers["sim1"].view.state == "absent"
    gateway.step(400)
    assert gateway.workers["sim1"].view.usable
    assert set(steps.of()) == {"reopen"} and len(steps.of()) <= 2


@pytest.mark.parametrize("delay", [0.2, 1.0, 4.0])
def test_what_is_asked_right_after_a_restart_is_not_lost(rig: Make, delay: float) -> None:
    gateway = rig()
    sim = gateway.modems["sim1"].sim
    assert sim is not None
    sim.ussd["*100#"] = UssdAnswer("Balance: 10")
    slow = replace(GENERIC, reset_delay=delay)
    gateway.modems["sim1"] = SimulatedModem(gateway.network, sim, slow, name="slow")
    worker = gateway.workers["sim1"]
    worker._close()
    gateway.ready()
    restarted = worker.request(lambda modem: modem.restart(RestartLevel.DEVICE))
    worker.turn(0.0)
    assert restarted.done()
    until(gateway, lambda: worker.view.usable, limit=120)
    begun = gateway.clock.boot()
    asked = worker.request(lambda modem: modem.ussd("*100#", 30.0))
    until(gateway, asked.done, limit=60)
    assert asked.result().text == "Balance: 10"
    assert gateway.clock.boot() - begun < 20
