"""Who hears of what, as the service puts its parts together."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.config import load
from gateway.messages import Lane, NewMessage, Secret
from gateway.service import Service
from gateway.store import Slot
from hardware.clock import SystemClock
from hardware.pdu import segment

CONFIG = """
[gateway]
organisation = "Example Bank"
country = "GB"
[api]
port = 0
[alarms]
disk_free = "1000000000GB"
[[modem]]
name = "sim1"
port = "simulator"
time_scale = 0.1
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    path = tmp_path / "simwire.toml"
    path.write_text(CONFIG, encoding="utf-8")
    service = Service(load(path), SystemClock())
    service.start()
    yield service
    assert service.stop()


def test_alarms_are_shown_to_prometheus_and_codes_that_are_handed_back_to_the_modems(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadline = time.monotonic() + 10
    while b'simwire_alarm{alarm="disk",severity="warning"} 1.0' not in service.metrics.exposition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    woken: list[tuple[str, Lane]] = []
    monkeypatch.setattr(service.fleet, "wake", lambda queue, lane, count=1: woken.append((queue, lane)))
    outbox, now = service.store.outbox, SystemClock().now()
    new = NewMessage(
        client="tests",
        to="+447700900001",
        country="GB",
        lane=Lane.OTP,
        lifetime=300.0,
        text=Secret("hello"),
        segments=tuple(part.to_bytes() for part in segment("hello").segments),
        encoding="gsm7",
        concat_reference=1,
        route="modem:sim2",
    )
    service.store.database.accept(lambda cx: outbox.enqueue(cx, new, now))
    attempt = outbox.claim(Slot("sim2", "001010000000002", ("modem:sim2",)), now)
    assert attempt is not None
    outbox.release(attempt.id, now)
    assert woken == [("modem:sim2", Lane.OTP)]
