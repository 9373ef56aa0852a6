"""What operators ask of a modem: whoever asks is told something, whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.store import StoreBusy
from hardware.errors import HardwareError
from hardware.modem import Modem, NotReady
from hardware.simulator import Fault, Silence, Step
from tests.gateway.rig import Rig


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Rig]:
    one = Rig(tmp_path)
    one.ready()
    yield one
    one.store.close()


def test_a_store_that_fails_before_it_is_done_is_told(gateway: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        gateway.send(to=f"+44770090005{number}")
    worker = gateway.workers["sim1"]
    worker.turn(0.2)
    asked = worker.request(lambda modem: modem.ussd("*100#"))

    def busy(*_: object) -> Any:
        raise StoreBusy("another program holds the database")

    monkeypatch.setattr(gateway.store.outbox, "release", busy)
    with pytest.raises(StoreBusy):
        worker.turn(0.2)
    assert isinstance(asked.exception(0), StoreBusy)


def test_a_stop_ends_what_is_asked_and_what_is_asked_later(gateway: Rig) -> None:
    worker = gateway.workers["sim1"]
    gateway.modems["sim1"].inject(Fault(Step.COMMAND, Silence(), command="+CUSD"))
    under_way, waits = (worker.request(lambda modem: modem.ussd("*100#", 600.0)) for _ in range(2))
    gateway.network.after(3.0, worker.stop)
    worker.run()
    later = worker.request(lambda modem: modem.status)
    for asked in (under_way, waits, later):
        error = asked.exception(0)
        assert isinstance(error, NotReady) and isinstance(error, HardwareError)
        assert "the gateway stops" in str(error)


def test_what_was_given_up_waiting_for_is_not_done(gateway: Rig) -> None:
    done: list[str] = []

    def deed(modem: Modem) -> None:
        done.append(threading.current_thread().name)

    worker = gateway.workers["sim1"]
    worker.request(deed).cancel()
    asked = worker.request(deed)
    worker.turn(0.2)
    assert asked.done() and len(done) == 1
