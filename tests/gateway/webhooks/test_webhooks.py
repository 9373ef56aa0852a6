"""All webhooks with their threads: nobody waits for another, and they stop when they are told to."""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.config import WebhookConfig
from gateway.store import Store
from gateway.webhooks import Webhooks
from hardware.clock import SystemClock

from .conftest import MakeHook
from .receiver import Receiver, Reply


class Running:
    """A store on the real clock with webhooks that run."""

    def __init__(self, folder: Path, *hooks: WebhookConfig) -> None:
        self.clock = SystemClock()
        self.store = Store.open(folder / "hooks.db", folder / "hooks.key", self.clock)
        self.webhooks = Webhooks(hooks, self.store, self.clock)
        self.webhooks.start()

    def emit(self, *subjects: str) -> None:
        for subject in subjects:
            with self.store.database.mark() as cx:
                self.store.events.emit(cx, "message.sent", "shop", subject, {"id": subject}, self.clock.now())

    def stop(self, grace: float = 10.0) -> bool:
        finished = self.webhooks.stop(grace)
        if finished:
            self.store.close()
        return finished


@pytest.fixture
def other() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.close()


def test_an_endpoint_that_hangs_delays_no_other_one(
    tmp_path: Path, receiver: Receiver, other: Receiver, make_hook: MakeHook
) -> None:
    receiver.hold()
    hooks = make_hook(receiver.port, name="hangs", timeout=60), make_hook(other.port, name="works")
    running = Running(tmp_path, *hooks)
    running.emit(*(f"m{n}" for n in range(200)))
    other.wait_for(200)
    assert [sent.subject for sent in other.sent] == [f"m{n}" for n in range(200)]
    assert len(receiver.sent) == 1
    counts = {status.hook.name: status.counts.waiting for status in running.webhooks.status()}
    assert counts["hangs"] == 200
    begun = time.monotonic()
    assert running.stop(grace=0.1)
    assert time.monotonic() - begun < 30, "an exchange of 60 s is broken off"


def test_what_was_broken_off_is_sent_again_after_the_next_start(
    tmp_path: Path, receiver: Receiver, make_hook: MakeHook
) -> None:
    receiver.hold()
    running = Running(tmp_path, make_hook(receiver.port, timeout=60))
    running.emit("m1", "m2")
    receiver.wait_for(1)
    assert running.stop(grace=0.0)
    receiver.release()
    running = Running(tmp_path, make_hook(receiver.port))
    receiver.wait_for(3)
    assert [(sent.subject, sent.headers["X-Attempt"]) for sent in receiver.sent] == [
        ("m1", "1"),
        ("m1", "1"),
        ("m2", "1"),
    ]
    assert receiver.sent[0].headers["X-Event-Id"] == receiver.sent[1].headers["X-Event-Id"]
    assert running.stop()


def test_an_exchange_under_way_may_end_while_it_stops(tmp_path: Path, receiver: Receiver, make_hook: MakeHook) -> None:
    receiver.hold()
    running = Running(tmp_path, make_hook(receiver.port, timeout=60))
    running.emit("m1")
    receiver.wait_for(1)
    for endpoint in running.webhooks.endpoints.values():
        endpoint.stop()
    receiver.release()
    assert running.webhooks.stop(60)
    assert running.webhooks.status()[0].counts.waiting == 0
    running.store.close()


def test_what_waits_for_a_webhook_that_is_gone_from_the_configuration_is_given_up(
    tmp_path: Path, receiver: Receiver, make_hook: MakeHook, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.hold()
    running = Running(tmp_path, make_hook(receiver.port, name="old", timeout=60))
    running.emit("m1", "m2")
    assert running.stop(grace=0.0)
    running = Running(tmp_path, make_hook(receiver.port, name="new"))
    assert "2 events waited for webhooks that are not configured any more" in caplog.text
    dead, _ = running.store.deliveries.dead()
    assert {one.endpoint for one in dead} == {"old"}
    assert running.webhooks.replay([str(one.id) for one in dead]) == [str(one.id) for one in dead]
    with pytest.raises(KeyError):
        running.webhooks.replay_dead("old")
    assert running.stop()


def test_what_is_asked_for_during_an_exchange_is_not_paused_by_it(
    tmp_path: Path, receiver: Receiver, make_hook: MakeHook
) -> None:
    receiver.answer = lambda _: Reply(410)
    running = Running(tmp_path, make_hook(receiver.port))
    running.emit("m1")
    receiver.wait_for(1)
    asked = threading.Event()

    def slow(_: object) -> Reply:
        assert asked.wait(30)
        return Reply(503, {"Retry-After": "3000"})

    receiver.answer = slow
    running.emit("m2")
    receiver.wait_for(2)
    assert running.webhooks.replay_dead("hook1") == 1
    receiver.answer = lambda _: Reply()
    asked.set()
    receiver.wait_for(3)
    assert receiver.sent[2].subject == "m1"
    assert running.stop()


def test_a_replay_is_sent_at_once_whatever_pause_there_is(
    tmp_path: Path, receiver: Receiver, make_hook: MakeHook
) -> None:
    receiver.answer = lambda _: Reply(410)
    running = Running(tmp_path, make_hook(receiver.port))
    running.emit("m1")
    receiver.wait_for(1)
    receiver.answer = lambda _: Reply(503, {"Retry-After": "3000"})
    running.emit("m2")
    receiver.wait_for(2)
    receiver.answer = lambda _: Reply()
    assert running.webhooks.replay_dead("hook1") == 1
    receiver.wait_for(3)
    assert receiver.sent[2].subject == "m1"
    assert running.stop()


def test_a_reload_brings_webhooks_takes_them_away_and_moves_what_waits(
    tmp_path: Path, receiver: Receiver, other: Receiver, make_hook: MakeHook
) -> None:
    """One that moves keeps what waits for it, in order; one that stays is not disturbed."""
    receiver.answer = lambda _: Reply(500)
    stays = make_hook(other.port, name="stays")
    running = Running(tmp_path, make_hook(receiver.port, name="moves"), stays, make_hook(receiver.port, name="goes"))
    running.emit("m0", "m1")
    receiver.wait_for(2)
    before = running.webhooks.endpoints["stays"]
    third = Receiver()
    try:
        changed = running.webhooks.reload(
            [make_hook(third.port, name="moves"), stays, make_hook(third.port, name="comes")], 5.0
        )
        assert changed == ["moves", "goes", "comes"]
        assert running.webhooks.endpoints["stays"] is before
        running.emit("m2")
        running.webhooks.wake(["goes", "moves"])  # what was queued before it went is woken for after
        other.wait_for(3)
        third.wait_for(2)
        running.webhooks.replay_dead("moves")
        third.wait_for(4)
        assert [sent.subject for sent in other.sent] == ["m0", "m1", "m2"]
        assert sorted(sent.subject for sent in third.sent) == ["m0", "m1", "m2", "m2"]
        assert set(running.store.deliveries.counts()) <= {"moves", "stays", "comes", "goes"}
        goes = running.store.deliveries.counts().get("goes")
        assert goes is None or goes.waiting == 0
        assert running.stop()
    finally:
        third.close()


def test_a_reload_takes_a_secret_that_is_another_in_the_same_file(
    tmp_path: Path, receiver: Receiver, make_hook: MakeHook
) -> None:
    hook = make_hook(receiver.port)
    running = Running(tmp_path, hook)
    running.emit("m0")
    receiver.wait_for(1)
    assert running.webhooks.reload([hook], 5.0) == []
    hook.secret_file.write_text("another secret of that length\n", encoding="ascii")
    assert running.webhooks.reload([hook], 5.0) == ["hook1"]
    running.emit("m1")
    receiver.wait_for(2)
    sent = receiver.sent[1]
    time_of, signature = (part.partition("=")[2] for part in sent.headers["X-Signature"].split(",")[:2])
    secret = b"another secret of that length"
    assert hmac.new(secret, f"{time_of}.".encode() + sent.body, "sha256").hexdigest() == signature
    assert running.stop()
