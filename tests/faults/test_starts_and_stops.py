"""Stops in the middle of something, and starts behind a long queue."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gateway import journal
from gateway.store import database
from hardware.simulator import Fault, Silence, Step
from tests.acceptance.harness import Gateway, World, until
from tests.gateway.store.bench import ANY, ONE, Bench
from tests.gateway.world import World as Office

pytestmark = pytest.mark.timeout(240)  # processes start slowly on a machine that is busy
GRACE = 10.0  # seconds that `serve` gives what is on the air
WEBHOOKS = 4.0  # and exchanges under way after that


def started(world: World) -> Gateway:
    gateway = Gateway(world.write_config())
    gateway.start(90)
    gateway.make_key("messages:send", "messages:read", "modems:read")
    gateway.until_ready(1)
    return gateway


def begun(gateway: Gateway, message_id: str) -> None:
    def attempted() -> bool:
        return gateway.call("GET", f"/v1/messages/{message_id}")[1]["attempts"] >= 1

    until(attempted, 20, "its PDU is on its way")


def test_a_stop_in_mid_send_finishes_what_is_on_the_air_and_hands_back_the_rest(tmp_path: Path) -> None:
    world = World(tmp_path, modems=1, submit_seconds=1.5, linked_submit_seconds=1.5)
    gateway = started(world)
    try:
        numbers = [f"+447700900{200 + n}" for n in range(4)]
        _, accepted = gateway.call("POST", "/v1/messages", {"to": numbers, "text": "still here", "report": False})
        begun(gateway, accepted["items"][0]["id"])
        begins = time.monotonic()
        assert gateway.stop() == 0
        assert time.monotonic() - begins < GRACE
        assert "unknown whether" not in (tmp_path / "log.txt").read_text().split("stopping")[-1]
        assert [record.destination for record in world.submits()] == numbers[:1]
        gateway.start(90)
        for message in accepted["items"]:
            told = gateway.message(message["id"])
            assert told["state"] == "sent"
            assert not any(entry["possible_duplicate"] for entry in told["timeline"])
        assert Counter(record.destination for record in world.submits()) == Counter(numbers)
    finally:
        gateway.kill()
        world.stop()


def test_a_modem_that_hangs_does_not_hold_up_a_stop_and_the_next_start_knows_that_it_does_not_know(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, modems=1)
    gateway = started(world)
    try:
        world.server.call(lambda: world.modems["sim1"].inject(Fault(Step.PDU, Silence())))
        _, message = gateway.call("POST", "/v1/messages", {"to": "+447700900201", "text": "gone?"})
        begun(gateway, message["id"])
        begins = time.monotonic()
        assert gateway.stop() == 0, "no failure: that it does not know is what it will say"
        assert time.monotonic() - begins < GRACE + WEBHOOKS
        assert "modem sim1 did not finish in time; what it was sending is" in (tmp_path / "log.txt").read_text()
        gateway.start(90)
        told = gateway.message(message["id"])
        assert (told["state"], told["reason"]) == ("unknown", "unknown_outcome")
        assert told["timeline"][-1]["result"] == "outcome unknown: the gateway ended before the modem answered"
    finally:
        gateway.kill()
        world.stop()


def test_a_modem_that_is_silent_while_it_is_set_up_does_not_hold_up_a_stop(tmp_path: Path) -> None:
    world = World(tmp_path, modems=1)
    gateway = Gateway(world.write_config())
    world.server.call(lambda: world.modems["sim1"].inject(Fault(Step.COMMAND, Silence())))
    try:
        gateway.start(90)
        begins = time.monotonic()
        assert gateway.stop() == 0
        assert time.monotonic() - begins < GRACE
        assert "did not finish" not in (tmp_path / "log.txt").read_text()
    finally:
        gateway.kill()
        world.stop()


def test_what_a_start_does_before_the_first_part_goes_does_not_depend_on_how_much_is_queued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in steps of SQLite's machine, on every connection, from the opening of the file to the first mark."""
    steps = 0
    connect: Callable[..., sqlite3.Connection] = database.connect

    def tick() -> None:
        nonlocal steps
        steps += 1

    def counted(path: Path, **options: bool) -> sqlite3.Connection:
        connection = connect(path, **options)
        connection.set_progress_handler(tick, 1)
        return connection

    def of_a_start(queued: int) -> int:
        nonlocal steps
        folder = tmp_path / f"{queued}"
        folder.mkdir()
        Office(folder).close()  # the first start remembers what is configured
        bench = Bench(folder)
        for _lot in range(0, queued, 400):
            bench.store.database.accept(
                lambda cx: [
                    bench.store.outbox.enqueue(cx, replace(ANY, lifetime=86_400.0), bench.now) for _ in range(400)
                ]
            )
        bench.store.outbox.reroute(("+33",))
        bench.close()
        with monkeypatch.context() as patched:
            patched.setattr(database, "connect", counted)
            steps = 0
            office = Office(folder)
            now = office.clock.now()
            office.store.outbox.recover(now)
            office.store.outbox.reroute(("+33",))
            journal.started(office.store.audit, office.config, now)
            office.store.deliveries.end_unknown(("crm",), now)
            attempt = office.store.outbox.claim(ONE, now)
            assert attempt is not None
            assert office.store.outbox.begin(attempt.id, now)
            office.close()
        return steps

    few, many = of_a_start(1200), of_a_start(3200)  # up to a thousand rows are looked at, however many there are
    assert few > 1000
    assert many - few < 200, f"{many - few} steps more for 2000 more in the queue"
