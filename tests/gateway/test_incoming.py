"""What comes in while a modem has much to send: reports and messages that it stores, and a store that takes none."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.messages import Lane
from gateway.store import StoreBusy
from hardware.simulator import ZTE, Fault, SimCard, SimulatedModem, Slow, Step
from tests.gateway.rig import ANYBODY, Make, Rig, written

PART = 2.0  # seconds on the air


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Make]:
    made: list[Rig] = []

    def make(modems: int = 1, **options: Any) -> Rig:
        made.append(Rig(tmp_path, modems, **options))
        made[0].network.submit_seconds = made[0].network.linked_submit_seconds = PART
        made[0].ready()
        return made[0]

    yield make
    for one in made:
        one.store.close()


def at(gateway: Rig, seconds: float, look: Callable[[], None]) -> None:
    gateway.network.after(seconds, look)


@pytest.mark.parametrize("modems", [1, 2])
def test_stored_reports_and_messages_are_fetched_between_the_parts_of_a_backlog(rig: Make, modems: int) -> None:
    gateway = rig(modems)
    sim = SimCard(imsi="001010000000009", iccid="8944100000000000009", number="+447700900159")
    gateway.modems["sim1"] = SimulatedModem(gateway.network, sim, ZTE, name="zte")  # which stores its reports
    gateway.workers["sim1"]._close()
    gateway.ready()
    others = [gateway.send(to=f"+4477009010{n:02}", lane=Lane.BULK) for n in range(20)]
    seen: list[str] = []

    def stop() -> None:
        gateway.network.handset(ANYBODY).send("STOP", to=sim.number)

    at(gateway, 5.0, stop)
    at(gateway, 14.0, lambda: seen.append(gateway.state(others[0])))
    at(gateway, 14.0, lambda: seen.extend(text(gateway)))
    worker = gateway.workers["sim1"]
    end = gateway.clock.boot() + 16.0
    while gateway.clock.boot() < end:
        worker.turn(0.0)
    assert seen == ["delivered", "STOP"], "they do not wait for the look every thirty seconds"


def text(gateway: Rig) -> list[str]:
    """What the inbox shows."""
    found, _ = gateway.store.inbox.list(10)
    return [one.text.reveal() for one in found if one.text is not None]


def test_a_backlog_without_news_asks_for_none(rig: Make) -> None:
    gateway = rig()
    for n in range(6):
        gateway.send(to=f"+4477009010{n:02}", lane=Lane.BULK, report=False)
    told = written(gateway)
    worker = gateway.workers["sim1"]
    for _ in range(6):
        worker.turn(0.0)
    commands = [one.partition("=")[0] for one in told if one.startswith("AT")]
    assert commands == ["AT+CMGF?", "AT+CMGS", "AT+CMMS", *["AT+CMGS"] * 5]


def test_a_storage_that_fills_is_emptied_a_few_at_a_time(rig: Make) -> None:
    """A code does not wait for all that a modem has stored."""
    gateway = rig()
    for n in range(8):
        gateway.send(to=f"+4477009010{n:02}", lane=Lane.BULK, report=False)
    handset = gateway.network.handset(ANYBODY)
    at(gateway, 0.5, lambda: [handset.send(f"{n}", to="+447700900151") for n in range(25)] and None)
    told = written(gateway)
    worker = gateway.workers["sim1"]
    for _ in range(6):
        worker.turn(0.0)
    sizes, reads = [], 0
    for one in told:
        if one.startswith("AT+CMGR"):
            reads += 1
        elif one.startswith("AT+CMGS"):
            sizes.append(reads)
            reads = 0
    assert max(sizes) == 10
    assert sum(sizes) == 25


def test_a_store_that_takes_no_reports_is_named_once_and_without_a_traceback(
    rig: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = rig()
    messages = [gateway.send(to=f"+4477009010{n:02}") for n in range(4)]
    gateway.network.report_seconds = 10.0
    for _ in messages[1:]:
        gateway.workers["sim1"].turn(0.0)
    gateway.modems["sim1"].inject(Fault(Step.RESULT, Slow(20.0)))

    def full(*_: object) -> None:
        raise StoreBusy("the disk is full")

    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING, "hardware.modem.incoming"):
        patched.setattr(gateway.store.outbox, "report", full)
        gateway.workers["sim1"].turn(0.0)
    (line,) = [record for record in caplog.records if record.name == "hardware.modem.incoming"]
    assert line.exc_info is None
    assert "the disk is full" in line.getMessage()
    gateway.step(20)
    assert {gateway.state(message) for message in messages} == {"delivered"}


def test_a_report_that_trips_is_set_apart_and_the_modem_goes_on(rig: Make, caplog: pytest.LogCaptureFixture) -> None:
    """A modem that stores its reports gives it again at every look."""
    gateway = rig()
    gateway.modems["sim1"] = SimulatedModem(gateway.network, gateway.modems["sim1"].sim, ZTE, name="zte")
    gateway.workers["sim1"]._close()
    gateway.ready()
    bad = gateway.send()
    gateway.network.report_seconds = 5.0
    gateway.workers["sim1"].turn(0.0)
    gateway.workers["sim1"].turn(0.0)
    with gateway.store.database.mark() as cx:
        cx.execute("UPDATE messages SET reason = 'no such reason' WHERE id = ?", (bad.id,))
    gateway.step(10)
    good = gateway.send(to="+447700900002")
    gateway.step(10)
    assert gateway.state(good) == "delivered"
    (kept,), _ = gateway.store.inbox.list(10)
    assert (kept.readable, kept.modem) == (False, "sim1")
    assert "cannot be dealt with" in caplog.text
    assert ANYBODY not in caplog.text
