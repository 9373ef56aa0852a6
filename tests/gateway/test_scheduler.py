"""The clockwork: what is due happens by itself, one rule that trips stops no other, and it can be stopped any time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.fleet import Fleet
from gateway.messages import Lane, NewMessage, Secret
from gateway.scheduler import Scheduler, Timing
from gateway.store import Slot, Store, StoreBusy
from hardware.clock import Instant, SystemClock
from hardware.pdu import segment

SLOT = Slot("sim1", "001010000000001", ("route:",))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "s.db", tmp_path / "s.key", SystemClock())
    yield store
    store.close()


def later(store: Store, seconds: float) -> None:
    now = SystemClock().now()
    new = NewMessage(
        client="tests",
        to="+447700900001",
        country="GB",
        lane=Lane.NORMAL,
        lifetime=300.0,
        text=Secret("later"),
        segments=tuple(part.to_bytes() for part in segment("later").segments),
        encoding="gsm7",
        concat_reference=1,
        route="route:",
        not_before=now.wall + seconds,
    )
    store.database.accept(lambda cx: store.outbox.enqueue(cx, new, now))


def claimable(store: Store) -> bool:
    attempt = store.outbox.claim(SLOT, SystemClock().now())
    return attempt is not None


def test_a_stored_message_becomes_ready_at_its_time_and_not_with_the_safety_net(store: Store) -> None:
    scheduler = Scheduler(store, SystemClock(), Timing(15.0, 45.0), Fleet(()))
    scheduler.start()
    try:
        later(store, 2.0)
        scheduler.stored()
        deadline = time.monotonic() + 10  # the safety net comes after 15 s
        while not claimable(store):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        scheduler.stop()


def test_a_rule_that_trips_stops_no_other(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler = Scheduler(store, SystemClock(), Timing(15.0, 45.0), Fleet(()))
    later(store, 0.01)

    def trips(now: Instant) -> int:
        raise StoreBusy("another program holds the database")

    monkeypatch.setattr(store.outbox, "expire_due", trips)
    assert scheduler.round(SystemClock().now().after(1)) == 1


def test_stopping_waits_for_the_round_under_way_and_does_not_hang(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = Scheduler(store, SystemClock(), Timing(15.0, 45.0), Fleet(()))
    begun, go_on, over = threading.Event(), threading.Event(), threading.Event()

    def slow(now: Instant) -> int:
        begun.set()
        go_on.wait(10)
        over.set()
        return 0

    monkeypatch.setattr(store.outbox, "expire_due", slow)
    scheduler.start()
    assert begun.wait(10)
    stopper = threading.Thread(target=scheduler.stop)
    stopper.start()
    assert not over.is_set()
    go_on.set()
    stopper.join(10)
    assert not stopper.is_alive()
    assert over.is_set()
