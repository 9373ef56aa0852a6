"""Whether everybody gets on: what is told to the service manager, and what is told of who stands still."""

from __future__ import annotations

import logging
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.conditions import PORT_MISSING, QUARANTINED
from gateway.config import load
from gateway.scheduler import LONGEST_RULE
from gateway.service import Service
from gateway.watchdog import STANDSTILL, Party, Watchdog
from hardware.clock import FakeClock, SystemClock
from hardware.errors import PortUnavailable
from hardware.simulator import Fault, Silence, Step
from hardware.transport import Transport
from tests.gateway.rig import Rig


def passing(clock: FakeClock, watchdog: Watchdog, seconds: float, meanwhile: Callable[[], object] = int) -> list[bool]:
    """What the looks of so many seconds say, with something done before each."""
    said = []
    for _ in range(int(seconds / watchdog.every)):
        clock.advance(watchdog.every)
        meanwhile()
        said.append(watchdog.look())
    return said


class Counter:
    def __init__(self) -> None:
        self.value: int | None = 0

    def step(self) -> None:
        assert self.value is not None
        self.value += 1


def test_who_gets_on_and_who_has_nothing_to_do_is_well_for_ever() -> None:
    clock, busy = FakeClock(), Counter()
    watchdog = Watchdog([Party("busy", lambda: busy.value), Party("idle", lambda: None)], clock, 60.0)
    assert watchdog.every == 15.0
    assert all(passing(clock, watchdog, 86_400, busy.step))


def test_who_stands_still_is_named_once_and_nothing_more_is_told(caplog: pytest.LogCaptureFixture) -> None:
    clock, busy, still = FakeClock(), Counter(), Counter()
    parties = [Party("the busy one", lambda: busy.value), Party("the lame one", lambda: still.value)]
    watchdog = Watchdog(parties, clock, 60.0)
    said = passing(clock, watchdog, STANDSTILL + 120, busy.step)
    first = said.index(False)
    assert STANDSTILL <= (first + 1) * watchdog.every <= STANDSTILL + 2 * watchdog.every
    assert not any(said[first:])
    assert watchdog.still == ("the lame one",)
    (told,) = [record.message for record in caplog.records if record.levelno == logging.CRITICAL]
    assert told.startswith("the lame one stands still")
    (where,) = [record.message for record in caplog.records if record.message.startswith("MainThread")]
    assert "passing (test_watchdog.py:" in where
    still.step()
    assert passing(clock, watchdog, 15) == [True]
    assert "the lame one gets on again" in caplog.text


def test_work_that_ends_in_time_begins_anew() -> None:
    clock, writer = FakeClock(), Counter()
    watchdog = Watchdog([Party("writer", lambda: writer.value)], clock, 60.0)
    assert all(passing(clock, watchdog, STANDSTILL - 15))
    writer.value = None
    assert all(passing(clock, watchdog, 15))
    writer.value = 0
    assert all(passing(clock, watchdog, STANDSTILL - 15))


def test_a_night_of_sleep_is_nobodys_standstill() -> None:
    clock, still = FakeClock(), Counter()
    watchdog = Watchdog([Party("writer", lambda: still.value)], clock, 60.0)
    watchdog.look()
    clock.advance(8 * 3600)
    assert watchdog.look()


def test_it_looks_four_times_in_the_time_that_the_service_manager_gives() -> None:
    assert Watchdog([], FakeClock(), 8.0).every == 2.0
    assert Watchdog([], FakeClock(), None).every == Watchdog([], FakeClock(), 3600.0).every == 15.0


# -- the gateway's own parties ----------------------------------------------------------------------------------------


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path, 3)
    rig.ready()
    yield rig
    rig.store.close()


def test_modems_that_are_dead_are_no_reason_and_a_thread_that_ended_is(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> Transport:
        raise PortUnavailable("/dev/ttyUSB1", "there is no such device", "missing")

    rig.modems["sim1"].inject(Fault(Step.COMMAND, Silence(None)))
    rig.workers["sim2"]._close()
    monkeypatch.setattr(rig.workers["sim2"]._port, "_open_port", missing)
    watchdog = Watchdog(rig.fleet.parties()[:-1], rig.clock, 60.0)  # no thread watches here

    def live(hours: float) -> float:
        end = rig.clock.boot() + hours * 3600
        while rig.clock.boot() < end:
            for worker in rig.workers.values():
                worker.turn(30.0)
                assert watchdog.look()
        return end

    live(3)
    assert rig.workers["sim1"].view.condition == QUARANTINED
    rig.workers["sim1"]._close()  # an hour may pass until its port is opened again
    end = live(2)
    assert rig.workers["sim1"].view.condition == QUARANTINED
    assert rig.workers["sim2"].view.condition == PORT_MISSING
    while watchdog.look():
        assert rig.clock.boot() < end + 2 * STANDSTILL
        for name in ("sim1", "sim3"):
            rig.workers[name].turn(5.0)
    assert watchdog.still == ("the thread of modem sim2",)


def test_a_call_that_is_under_way_is_left_to_those_who_watch_the_port(rig: Rig) -> None:
    worker = rig.workers["sim1"]
    watchdog = Watchdog(rig.fleet.parties()[:1], rig.clock, 60.0)
    with worker._port.watch.calling(5.0):
        assert all(passing(rig.clock, watchdog, 3600))
        assert worker.overdue() is not None
    assert False in passing(rig.clock, watchdog, 2 * STANDSTILL)


def test_rounds_and_looks_of_the_clockwork_are_steps(rig: Rig) -> None:
    watchdog = Watchdog(rig.scheduler.parties()[:1], rig.clock, 60.0)
    assert all(passing(rig.clock, watchdog, 3600, lambda: rig.scheduler.round(rig.clock.now())))
    assert passing(rig.clock, watchdog, 2 * LONGEST_RULE).index(False) >= LONGEST_RULE / watchdog.every - 1


CONFIG = """
[gateway]
organisation = "Example Bank"
country = "GB"
[api]
port = 0
threads = 2
[[modem]]
port = "/dev/there-is-none"
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    (tmp_path / "simwire.toml").write_text(CONFIG, encoding="utf-8")
    service = Service(load(tmp_path / "simwire.toml"), SystemClock())
    service.start()
    yield service
    service.stop(5.0)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what other threads do."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_gateway_that_nobody_asks_gets_on(service: Service) -> None:
    """Each mark is None or changes, all by itself."""
    parties = {party.name: party for party in service.parties()}
    loop = parties["the web server's loop"]
    first = {name: party.progress() for name, party in parties.items()}
    until(lambda: loop.progress() != first[loop.name])
    seen = loop.progress()
    until(lambda: loop.progress() != seen)
    watch = parties["the scheduler's watch"]
    until(lambda: watch.progress() != first[watch.name])
    assert first["the scheduler"] is not None
    until(lambda: parties["the writer of the database"].progress() is None)
    assert parties["each thread of the web server"].progress() is None


def test_a_writer_that_hangs_and_threads_that_wait_for_it_stand_still(service: Service) -> None:
    _, key = service.store.keys.create("tests", ("messages:send",))
    holding, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with service.store.database.mark():
            holding.set()
            go_on.wait(30)

    def ask(**more: str) -> None:
        body, headers = b'{"to": "+447700900123", "text": "hello"}', {"Authorization": f"Bearer {key.reveal()}"}
        headers |= {"Content-Type": "application/json", **more}
        with urllib.request.urlopen(urllib.request.Request(f"{service.url}/v1/messages", body, headers)):
            return

    threads = [threading.Thread(target=hold)]
    threads[0].start()
    assert holding.wait(10)
    threads += [threading.Thread(target=ask, kwargs={"Idempotency-Key": f"{n}"}) for n in range(4)]
    for thread in threads[1:]:
        thread.start()
    short = [threading.Thread(target=ask) for _ in range(2)]
    names = {
        "the writer of the database",
        "each thread of the web server",
        "short requests that wait for their commit",
    }
    parties = [party for party in service.parties() if party.name in names]
    clock = FakeClock()
    watchdog = Watchdog(parties, clock, 60.0)
    try:
        for place, thread in enumerate(short, 1):
            thread.start()
            until(lambda place=place: service._web._batches._aside == place)
        threads += short
        until(lambda: all(party.progress() is not None for party in parties))
        time.sleep(0.05)  # both threads have begun what they are in
        assert False in passing(clock, watchdog, 2 * STANDSTILL)
        assert set(watchdog.still) == names
    finally:
        go_on.set()
        for thread in threads:
            thread.join(30)
    until(watchdog.look)
    assert watchdog.still == ()
