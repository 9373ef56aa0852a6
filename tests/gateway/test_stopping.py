"""A stop: what is on the air is heard to its end, and nothing else is waited for."""

from __future__ import annotations

import logging
import threading

import pytest

from gateway.fleet import Fleet
from gateway.messages import MessageState
from hardware.errors import PortUnavailable
from hardware.modem import ModemSettings, Secret
from hardware.simulator import Fault, Silence, SimCard, Slow, Step
from hardware.transport import Transport
from tests.gateway.rig import ANYBODY, Make, Rig

STOP = 3.0  # seconds from the start of a run to the stop


def run(gateway: Rig) -> float:
    """Let the worker run as in its thread, stop it after a while, and tell how long its end took from then on."""
    worker = gateway.workers["sim1"]
    begun = gateway.clock.boot()
    gateway.network.after(STOP, worker.stop)
    worker.run()
    assert worker._modem is None, "its port is closed"
    return gateway.clock.boot() - begun - STOP


def handed_back(gateway: Rig) -> bool:
    """Whether nothing is claimed any more, and nothing begun."""
    with gateway.store.database.read() as cx:
        found = cx.execute("SELECT count(*) FROM attempts WHERE state IN ('claimed', 'submitting')").fetchone()
    return bool(found[0] == 0)


def test_a_modem_that_is_silent_while_it_is_set_up_is_left_at_once(rig: Make) -> None:
    gateway = rig()
    gateway.workers["sim1"]._close()
    gateway.modems["sim1"].inject(Fault(Step.COMMAND, Silence()))
    assert run(gateway) == 0.0


@pytest.mark.parametrize("command", ["+CSQ", "+CMGF"], ids=["between messages", "before a message"])
def test_a_command_that_is_not_answered_is_left_at_once(rig: Make, command: str) -> None:
    gateway = rig()
    gateway.step(60)  # a look at the signal is due, and whether it is still in PDU mode
    gateway.modems["sim1"].inject(Fault(Step.COMMAND, Silence(), command=command))
    message = gateway.send()
    gateway.clock.advance(40.0)
    assert run(gateway) == 0.0
    assert gateway.state(message) == MessageState.QUEUED
    assert handed_back(gateway)


def test_a_message_whose_prompt_does_not_come_is_handed_back_at_once_and_the_modem_told(rig: Make) -> None:
    gateway = rig()
    modem = gateway.modems["sim1"]
    modem.inject(Fault(Step.PROMPT, Silence()))
    message = gateway.send()
    told: list[bytes] = []
    feed = modem.feed

    def heard(octets: bytes) -> None:
        told.append(octets)
        feed(octets)

    modem.feed = heard  # type: ignore[method-assign]
    assert run(gateway) == 0.0
    assert gateway.state(message) == MessageState.QUEUED
    assert handed_back(gateway)
    assert told[-1] == b"\x1b\r", "else what is written next, by whomever, is the text of a message"


@pytest.mark.parametrize("step", [Step.PDU, Step.RESULT])
def test_a_pdu_that_was_begun_is_heard_to_its_end_and_what_follows_is_handed_back(rig: Make, step: Step) -> None:
    gateway = rig()
    gateway.modems["sim1"].inject(Fault(step, Slow(8.0)))
    message, behind = gateway.send(report=False), gateway.send(to="+447700900002")
    assert 4.0 < run(gateway) < 12.0
    assert gateway.state(message) == MessageState.SENT
    assert gateway.state(behind) == MessageState.QUEUED
    assert handed_back(gateway)
    assert [record.destination for record in gateway.network.submits] == [ANYBODY]


def test_a_pin_that_was_written_is_heard_to_its_end(rig: Make) -> None:
    """One whose answer nobody heard is not tried again: the modem would stay locked after the next start."""
    gateway = rig()
    modem, worker = gateway.modems["sim1"], gateway.workers["sim1"]
    worker._close()
    gateway.settings["sim1"] = ModemSettings(pin=Secret("1234"))
    modem.insert(SimCard(imsi="001010000000009", iccid="8944100000000000009", number="+447700900159", pin="1234"))
    modem.inject(Fault(Step.COMMAND, Slow(8.0), command="+CPIN", nth=2))
    begun = gateway.clock.boot()
    gateway.network.after(STOP, worker.stop)
    worker.run()
    assert gateway.clock.boot() - begun > STOP
    gateway.fleet.add(worker := gateway._worker("sim1", {}))
    gateway.workers["sim1"] = worker
    gateway.ready()


def test_a_wake_that_nobody_asked_for_is_kept_for_whoever_does(rig: Make) -> None:
    gateway = rig()
    worker = gateway.workers["sim1"]
    gateway.modems["sim1"].inject(Fault(Step.COMMAND, Slow(2.0), command="+CSQ"))
    gateway.network.after(1.0, worker.wake)
    gateway.clock.advance(31.0)
    begun = gateway.clock.boot()
    worker.turn(30.0)
    assert 2.0 <= gateway.clock.boot() - begun < 4.0, "the wake came while it asked for the signal, and still counts"


class Shut:
    """A port that takes long to open."""

    def __init__(self) -> None:
        self.tried, self.may_go_on = threading.Event(), threading.Event()

    def open(self) -> Transport:
        self.tried.set()
        assert self.may_go_on.wait(60)
        raise PortUnavailable("tty-sim1", "no such device")


def test_a_port_that_is_still_being_opened_is_not_waited_for(rig: Make) -> None:
    gateway, port = rig(), Shut()
    worker = gateway.workers["sim1"]
    worker._close()
    worker._port._open_port = port.open
    fleet = Fleet(())
    fleet.add(worker)
    fleet.start()
    assert port.tried.wait(30)
    assert fleet.stop(60.0)
    thread = fleet._threads["sim1"]
    assert thread.is_alive()
    port.may_go_on.set()
    thread.join(30)
    assert not thread.is_alive()


def test_a_modem_that_does_not_finish_in_time_is_named(rig: Make, caplog: pytest.LogCaptureFixture) -> None:
    gateway = rig()
    fleet = Fleet(())
    fleet.add(gateway.workers["sim1"])
    hangs, may_go_on = threading.Event(), threading.Event()

    def turn(_idle: float) -> None:
        hangs.set()
        assert may_go_on.wait(60)

    gateway.workers["sim1"].turn = turn  # type: ignore[method-assign]
    fleet.start()
    assert hangs.wait(30)
    with caplog.at_level(logging.WARNING, "simwire.fleet"):
        assert not fleet.stop(0.1)
    may_go_on.set()
    fleet._threads["sim1"].join(30)
    assert "modem sim1 did not finish in time; what it was sending is settled at the next start" in caplog.text
