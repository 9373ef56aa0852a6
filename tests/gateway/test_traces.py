"""A modem is traced while it works: who may, what is shown, how it ends, and that the worker never waits for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.api.traces import HEARTBEAT
from gateway.messages import Lane
from hardware.clock import FakeClock
from hardware.tracing import Header, Mark, Octets, Recording, Tap, read_trace
from tests.gateway.rig import ANYBODY, Rig
from tests.gateway.world import World

PATH = "/v1/modems/sim1/trace"
ADMIN = ("admin",)


@pytest.fixture
def admin(world: World) -> str:
    return world.key("boss", ADMIN)


@contextmanager
def listening(world: World, query: str = "seconds=60") -> Iterator[Iterator[bytes]]:
    """The pieces of a trace, as they come."""
    headers = {"Authorization": f"Bearer {world.key('boss', ADMIN)}"}
    answer = world.app.test_client().get(f"{PATH}?{query}", headers=headers, buffered=False)
    assert answer.status_code == 200, answer.data
    try:
        yield iter(answer.iter_encoded())
    finally:
        answer.close()


def audited(world: World) -> list[tuple[str, str, Any]]:
    return [
        (row.action, row.subject, row.details)
        for row in reversed(world.store.audit.list(100)[0])
        if row.action.startswith("modems.")
    ]


def test_a_trace_of_no_time_has_a_header_and_an_end(world: World) -> None:
    answer = world.get(f"{PATH}?seconds=0", client="boss", scopes=ADMIN)
    head, end = map(json.loads, answer.data.splitlines())
    assert answer.content_type == "application/jsonl"
    assert (head["simwire_trace"], head["masked"], head["model"]) == (1, True, "E1750")
    assert head["source"] == "simulator", "that is what the configuration says of it"
    assert head["recorded"] == datetime.fromtimestamp(world.clock.now().wall, UTC).date().isoformat()
    assert end == {"at": 0.0, "mark": "ended"}


def test_only_administrators_may(world: World) -> None:
    assert world.get(f"{PATH}?seconds=0").status_code == 403
    assert world.get(f"{PATH}?seconds=0", client="boss", scopes=ADMIN).status_code == 200
    assert world.get("/v1/modems/sim9/trace", client="boss", scopes=ADMIN).status_code == 404
    assert audited(world) == [("modems.trace", "sim1", {"masked": True, "seconds": 0.0})]


@pytest.mark.parametrize("query", ["seconds=-1", "seconds=nan", "seconds=1e9", "seconds=x", "mask=yes", "nosuch=1"])
def test_what_it_cannot_do_is_refused(world: World, query: str) -> None:
    assert world.get(f"{PATH}?{query}", client="boss", scopes=ADMIN).status_code == 422
    assert audited(world) == []
    assert world.wiretaps["sim1"].tap is None


@pytest.mark.parametrize("query", ["seconds=60", "seconds=60&mask=true", "seconds=60&mask=false"])
def test_secrets_are_masked_unless_they_are_asked_for(world: World, query: str) -> None:
    masked = not query.endswith("false")
    with listening(world, query) as pieces:
        assert json.loads(next(pieces))["masked"] is masked
        tap = world.wiretaps["sim1"].tap
        assert tap is not None
        world.clock.advance(1.5)
        tap.put(Octets(world.clock.boot(), "sent", b"4711\r"))  # what may be the end of anything
        world.clock.advance(1)
        tap.put(Octets(world.clock.boot(), "sent", b'AT+CPIN="4711"\r'))
        shown = "0000" if masked else "4711"
        first, second = map(json.loads, next(pieces).splitlines())
        assert first == {"at": 1.5, "way": ">", "data": "xxxx\r" if masked else "4711\r"}
        assert second == {"at": 2.5, "way": ">", "data": f'AT+CPIN="{shown}"\r'}
    assert audited(world) == [("modems.trace", "sim1", {"masked": masked, "seconds": 60.0})]


def test_one_is_traced_by_one_at_a_time(world: World) -> None:
    with listening(world) as pieces:
        next(pieces)
        second = world.get(f"{PATH}?seconds=0", client="boss", scopes=ADMIN)
        assert (second.status_code, "already" in second.get_json()["detail"]) == (409, True)
        assert world.get("/v1/modems/sim2/trace?seconds=0", client="boss", scopes=ADMIN).status_code == 200
    assert world.get(f"{PATH}?seconds=0", client="boss", scopes=ADMIN).status_code == 200


@pytest.mark.parametrize("pieces_read", [0, 1])
def test_a_client_that_leaves_leaves_nothing_behind(world: World, pieces_read: int) -> None:
    for _ in range(40):  # more often than there are places to wait
        with listening(world) as pieces:
            for _ in range(pieces_read):
                next(pieces)
            assert world.wiretaps["sim1"].tap is not None
        assert world.wiretaps["sim1"].tap is None


def test_it_ends_at_its_time_with_what_was_held_back(world: World) -> None:
    with listening(world, "seconds=5") as pieces:
        next(pieces)
        tap = world.wiretaps["sim1"].tap
        assert tap is not None
        tap.put(Octets(world.clock.boot(), "received", b"\r\n+CMT: ,2"))
        world.clock.advance(5)
        rest = b"".join(pieces)
    assert [json.loads(line) for line in rest.splitlines()] == [
        {"at": 0.0, "way": "<", "data": "\r\nxxxxxxxx"},
        {"at": 5.0, "mark": "ended"},
    ]
    assert world.wiretaps["sim1"].tap is None


def test_it_ends_when_the_server_stops(world: World) -> None:
    with listening(world, "seconds=600") as pieces:
        next(pieces)
        world.app.extensions["simwire.waiting"].close()
        assert json.loads(b"".join(pieces))["mark"] == "ended"
    refused = world.get(f"{PATH}?seconds=0", client="boss", scopes=ADMIN)
    assert refused.status_code == 503
    assert world.wiretaps["sim1"].tap is None


def test_it_ends_soon_after_its_key_is_revoked(world: World, admin: str) -> None:
    info = world.store.keys.authenticate(admin)
    assert info is not None
    with listening(world, "seconds=600") as pieces:
        next(pieces)
        world.clock.advance(HEARTBEAT)
        assert next(pieces) == b"\n"
        world.store.keys.revoke(info.id)
        world.clock.advance(HEARTBEAT)
        assert json.loads(b"".join(pieces))["mark"] == "ended"


# -- behind the API: a worker at work ---------------------------------------------------------------------------------


def recording(rig: Rig, *, octets: int = 1 << 20) -> tuple[Tap, Recording]:
    tap = Tap(octets=octets)
    assert rig.fleet.wiretap("sim1").attach(tap)
    return tap, Recording(tap, Header("test", True, "simulator"), rig.clock.boot())


def test_a_working_modem_shows_everything_but_what_is_nobodys_business(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    tap, record = recording(rig)
    rig.ready()
    rig.send("the code is 271828", ANYBODY, Lane.NORMAL)
    rig.step(10)
    rig.network.send_from(ANYBODY, "answer 314159", "+447700900151")
    rig.step(10)
    rig.fleet.wiretap("sim1").detach(tap)
    text = record.head + record.more(0) + record.end(rig.clock.boot())
    said = b"".join(one.data for one in read_trace(text.splitlines()).entries if isinstance(one, Octets))
    assert b"AT+CMGS=" in said
    assert b"+CMGS: 0" in said
    assert b"+CDS: " in said or b"+CDSI: " in said
    for secret in (b"7700900", b"271828", b"314159", b"0100000000001", b"49015420323751", b"894410000"):
        assert secret not in said, secret
    assert len(rig.network.handset(ANYBODY).texts) == 1


def test_a_trace_that_nobody_takes_holds_no_worker_up(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    tap, _ = recording(rig, octets=400)
    rig.ready()
    for place in range(5):
        rig.send(f"text {place}", ANYBODY, Lane.NORMAL)
    rig.step(30)
    assert len(rig.network.handset(ANYBODY).texts) == 5
    lost = [one for one in tap.drain() if isinstance(one, Mark) and one.what == "dropped"]
    assert lost
    assert lost[-1].octets > 1000


def test_a_trace_goes_on_where_the_port_is_opened_anew_and_by_another_worker(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    tap, _ = recording(rig)
    rig.ready()
    rig.modems["sim1"].vanish(1.0)
    rig.step(20)
    marks = [one.what for one in tap.take(0) if isinstance(one, Mark)]
    assert marks[:3] == ["opened", "closed", "opened"]
    worker = rig.workers["sim1"]
    heir = worker.bury()
    assert heir.wiretap is worker.wiretap
    assert isinstance(rig.clock, FakeClock)
