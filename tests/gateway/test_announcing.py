"""What is told of a modem that comes and goes: a few times, then that it does so, then how it ended."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.announcing import EVENTS, EVENTS_EVERY, LINES, LINES_EVERY, STEADY
from gateway.api.render import modem as rendered
from gateway.sparing import Sparing
from hardware.simulator import Fault, Silence, Step
from tests.gateway.rig import Rig

FLAPPING = 1200.0


def told(gateway: Rig) -> list[tuple[str, str | None]]:
    found = [event for event in gateway.store.events.after(0, 10_000) if event.kind.startswith("modem.")]
    return [(event.kind, event.body["condition"]) for event in found]


def flap(gateway: Rig, seconds: float) -> int:
    """The port goes as soon as the modem is ready; how often."""
    worker, modem, goes = gateway.workers["sim1"], gateway.modems["sim1"], 0
    end = gateway.clock.boot() + seconds
    while gateway.clock.boot() < end:
        worker.turn(1.0)
        if worker.view.usable:
            modem.vanish(1.0)
            goes += 1
            worker.turn(1.0)
    while not worker.view.usable:
        worker.turn(1.0)
    return goes


def test_a_port_that_comes_and_goes_fills_neither_table_nor_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "simwire")
    gateway = Rig(tmp_path)
    gateway.ready()
    worker = gateway.workers["sim1"]
    goes = flap(gateway, FLAPPING)
    assert goes > 100
    assert worker.view.condition == "unstable"
    assert "power supply" in (worker.view.advice or "")
    assert rendered(worker.view)["changes"] >= 2 * goes, "each is counted, told or not"
    assert len(told(gateway)) <= EVENTS + FLAPPING / EVENTS_EVERY + 1
    # Announcements, and the steps that were taken.
    assert len(caplog.records) <= 2 * (LINES + FLAPPING / LINES_EVERY + 1)
    assert any("such lines before were left out" in record.getMessage() for record in caplog.records)

    gateway.modems["sim1"].vanish(None)
    gateway.step(2 * EVENTS_EVERY, turns=1, idle=5.0)
    assert told(gateway)[-1] == ("modem.absent", "unstable"), "where it has come to rest is told"
    gateway.step(STEADY + EVENTS_EVERY, turns=1, idle=5.0)
    assert told(gateway)[-1] == ("modem.condition", "port_missing")
    gateway.modems["sim1"].restore()
    gateway.step(60)
    message = gateway.send()
    gateway.step(10)
    assert (gateway.state(message), told(gateway)[-1]) == ("delivered", ("modem.ready", None))
    gateway.store.close()


def test_a_modem_that_is_left_alone_is_told_although_too_much_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.announcing.EVENTS", 1)
    monkeypatch.setattr("gateway.announcing.EVENTS_EVERY", 280.0)
    gateway = Rig(tmp_path)
    gateway.ready()
    worker = gateway.workers["sim1"]
    gateway.modems["sim1"].inject(Fault(Step.TIME, Silence(None)))
    while worker.view.state != "failed":
        worker.turn(1.0)
    assert told(gateway)[-1] == ("modem.ready", None)
    gateway.step(281.0, turns=1, idle=1.0)
    assert worker.view.state == "failed", "it is left alone, and nothing changes"
    assert told(gateway)[-1] == ("modem.failed", "quarantined")
    gateway.store.close()


@given(st.lists(st.floats(0, 100), max_size=60), st.integers(1, 5), st.floats(1, 50))
def test_never_more_than_so_many_in_any_span(gaps: list[float], most: int, every: float) -> None:
    sparing, now, allowed = Sparing(most, every), 0.0, list[float]()
    for gap in gaps:
        now += gap
        if sparing.may(now):
            allowed.append(now)
        elif allowed:
            assert now - allowed[-1] < every * (1 + 1e-9), "who waits so long may"
    for first, begun in enumerate(allowed):
        for last in range(first, len(allowed)):
            assert last - first + 1 <= most + (allowed[last] - begun) / every + 1e-6


def test_what_was_left_out_is_counted() -> None:
    sparing = Sparing(1, 10.0)
    assert [sparing.may(now) for now in (0.0, 1.0, 2.0, 13.0)] == [True, False, False, True]
    assert (sparing.told(), sparing.told()) == (2, 0)
