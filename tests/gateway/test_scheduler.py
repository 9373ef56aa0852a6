"""The clockwork: what is due happens by itself, one rule that trips stops no other, and it can be stopped any time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.config import load
from gateway.fleet import Fleet
from gateway.messages import Lane, MessageState, NewMessage, Secret
from gateway.scheduler import Scheduler, Timing
from gateway.service import Service
from gateway.store import Keep, Slot, Store, StoreBusy, StoreFull
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


def test_what_falls_due_during_a_long_round_is_done_right_after_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = Scheduler(store, SystemClock(), Timing(15.0, 45.0), Fleet(()))
    begun, go_on = threading.Event(), threading.Event()

    def long(now: Instant) -> int:
        begun.set()
        go_on.wait(20)
        return 0

    monkeypatch.setattr(store.retention, "purge", long)
    scheduler.start()
    try:
        assert begun.wait(10)
        later(store, 2.0)
        scheduler.stored()
        assert not go_on.wait(4.0), "the round lasts until the message is due"
        assert not claimable(store)
        go_on.set()
        deadline = time.monotonic() + 8  # the safety net comes 15 s after the start
        while not claimable(store):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        go_on.set()
        scheduler.stop()


def test_a_rule_that_trips_stops_no_other(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler = Scheduler(store, SystemClock(), Timing(15.0, 45.0), Fleet(()))
    later(store, 0.01)

    def trips(now: Instant) -> int:
        raise StoreBusy("another program holds the database")

    monkeypatch.setattr(store.outbox, "expire_due", trips)
    assert scheduler.round(SystemClock().now().after(1)) == 1


def test_what_cannot_be_done_is_not_tried_without_a_pause_and_told_of_once(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A disk may be full for days."""
    later(store, 0.01)
    tried: list[float] = []

    def trips(now: Instant) -> int:
        tried.append(now.boot)
        threading.Event().wait(0.3)  # a slow disk: what is planned meanwhile begins no other round
        raise StoreFull("the disk is full")

    monkeypatch.setattr(store.outbox, "wake_due", trips)
    scheduler = Scheduler(store, SystemClock(), Timing(15.0, 45.0), Fleet(()))
    with caplog.at_level(logging.WARNING, "simwire.scheduler"):
        scheduler.start()
        try:
            deadline = time.monotonic() + 12  # the safety net comes after 15 s
            while len(tried) < 3:  # the second may come at once: for what fell due after the start
                assert time.monotonic() < deadline, "it is put off for as long as modems plan something"
                scheduler.planned()
                time.sleep(0.01)
        finally:
            scheduler.stop()
    assert tried[2] - tried[1] > 1.9
    assert [record.message for record in caplog.records] == ["left for the next round: the disk is full"]
    monkeypatch.undo()
    after = Scheduler(store, SystemClock(), Timing(15.0, 45.0), Fleet(()))
    assert after.round(SystemClock().now()) == 1, "nothing is lost by it"


class SetClock(SystemClock):
    """A wall clock that somebody sets."""

    by = 0.0

    def now(self) -> Instant:
        now = super().now()
        return Instant(now.wall + self.by, now.boot)


@pytest.mark.parametrize("error", [StoreBusy("another program holds the database"), RuntimeError("a defect")])
def test_a_step_of_the_clock_that_cannot_be_followed_ends_no_watch_and_is_followed_once(
    store: Store, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SetClock()
    scheduler = Scheduler(store, clock, Timing(15.0, 45.0), Fleet(()))
    follow, tried = store.outbox.clock_stepped, []

    def stepped(by: float) -> None:
        tried.append(round(by))
        if len(tried) == 1:
            raise error
        follow(by)

    monkeypatch.setattr(store.outbox, "clock_stepped", stepped)
    with store.database.mark() as cx:
        cx.execute("INSERT INTO sims (imsi, offset_ms) VALUES ('1', 5000)")
    scheduler.start()
    try:
        clock.by = -3600.0  # not forward: APScheduler reads the wall clock of the machine
        deadline = time.monotonic() + 10
        while not tried:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        later(store, 2.0)
        scheduler.stored()
        while not claimable(store):
            assert time.monotonic() < deadline, "the safety net comes after 15 s"
            time.sleep(0.05)
    finally:
        scheduler.stop()
    with store.database.read() as cx:
        offset = cx.execute("SELECT offset_ms FROM sims WHERE imsi = '1'").fetchone()[0]
    if isinstance(error, StoreBusy):
        assert tried == [-3600, -3600]
        assert abs(offset - (5000 + 3_600_000)) < 1000
    else:
        assert tried == [-3600], "it would trip again"


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

    left: list[Instant] = []
    monkeypatch.setattr(store.outbox, "expire_due", slow)
    monkeypatch.setattr(store.outbox, "wake_due", left.append)
    scheduler.start()
    assert begun.wait(10)
    stopper = threading.Thread(target=scheduler.stop)
    stopper.start()
    assert scheduler._stopped.wait(10)
    assert not over.is_set()
    go_on.set()
    stopper.join(10)
    assert not stopper.is_alive()
    assert over.is_set()
    assert not left, "the next start does the rest"


def test_what_is_old_is_erased_in_a_round(store: Store) -> None:
    later(store, 0.0)
    store.retention.keep = Keep(messages=259_200.0)
    now = SystemClock().now()
    store.outbox.expire_due(now.after(400.0))
    scheduler = Scheduler(store, SystemClock(), Timing(0.0, 0.0), Fleet(()))
    scheduler.round(now.after(200_000.0))
    assert store.outbox.counts_by_state()[MessageState.EXPIRED] == 1
    scheduler.round(now.after(260_000.0))
    assert sum(store.outbox.counts_by_state().values()) == 0


def test_a_served_gateway_keeps_for_as_long_as_its_configuration_says_and_tells_its_start(tmp_path: Path) -> None:
    path = tmp_path / "simwire.toml"
    path.write_text(
        '[gateway]\norganisation = "Example Bank"\ncountry = "GB"\n[api]\nport = 0\n[[modem]]\nport = "simulator"\n'
        '[retention]\ncodes = "31d"\ninbox = "forever"\n',
        encoding="utf-8",
    )
    service = Service(load(path), SystemClock())
    service.start()
    day = 86_400.0
    expected = Keep(30 * day, 90 * day, codes=31 * day, inbox=None, events=7 * day, caught=7 * day)
    assert service.store.retention.keep == expected
    assert [row.action for row in service.store.audit.list()[0]] == ["configuration", "serve.start"]
    assert service.stop()
    with closing(Store.open(tmp_path / "simwire.db", tmp_path / "simwire.key", SystemClock())) as store:
        assert store.audit.list()[0][0].action == "serve.stop"
        assert store.audit.verify().broken is None
