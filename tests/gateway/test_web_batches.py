"""Requests that come together, over a real server: answered together, each as if it were alone."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from gateway.web import WebServer
from hardware.clock import SystemClock
from tests.gateway.world import NUMBER, World

PATIENCE = 30
HELLO = {"to": NUMBER, "text": "hello"}
Answer = tuple[int, Any]


class Served:
    """A world behind the product's own web server."""

    def __init__(self, world: World) -> None:
        self.world, self.key = world, world.key()
        self.server = WebServer(world.config.api.model_copy(update={"port": 0}), world.app, SystemClock())
        self.server.start()
        self.address = self.server.url.removeprefix("http://")
        self.batches = self.server._batches
        assert self.ask("/v1/messages", HELLO)[0] == 202  # the first use of a key is noted by itself

    def ask(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Answer:
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        given = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"} | dict(headers or {})
        connection.request("POST", path, body if isinstance(body, bytes) else json.dumps(body), given)
        answer = connection.getresponse()
        found = answer.status, json.loads(answer.read())
        connection.close()
        return found

    def connect(self) -> socket.socket:
        host, port = self.address.split(":")
        return socket.create_connection((host, int(port)), PATIENCE)

    def octets(self, body: object) -> bytes:
        """A message's request as it is on the wire."""
        encoded = json.dumps(body).encode()
        head = f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.key}\r\n"
        return f"{head}Content-Type: application/json\r\nContent-Length: {len(encoded)}\r\n\r\n".encode() + encoded

    @contextmanager
    def held(self, pool: ThreadPoolExecutor) -> Iterator[list[Future[Answer]]]:
        """While the block lasts, one request is at its commit, and what comes waits behind it."""
        writer = self.world.store.database._writer
        with self.world.store.database.mark():
            first = pool.submit(self.ask, "/v1/messages", HELLO)
            until(lambda: writer._leading)
            yield [first]

    def until_waiting(self, count: int) -> None:
        until(lambda: self.batches._short.qsize() == count)


def until(true: Any) -> None:
    waiting = threading.Event()
    for _ in range(2000):
        if true():
            return
        waiting.wait(0.005)
    raise AssertionError("it did not come to that")


@pytest.fixture
def served(world: World) -> Iterator[Served]:
    served = Served(world)
    yield served
    served.server.stop(PATIENCE)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(40) as pool:
        yield pool


def transactions(world: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many accepts were in each transaction."""
    writer, counted = world.store.database._writer, list[int]()
    run = writer._run_batch

    def count(batch: list[Any]) -> object:
        came = run(batch)
        counted.append(len(batch))
        return came

    monkeypatch.setattr(writer, "_run_batch", count)
    return counted


def test_those_who_come_together_share_one_commit_and_get_each_its_own(
    served: Served, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = transactions(served.world, monkeypatch)
    monkeypatch.setattr("gateway.store.writer.BATCH_SECONDS", PATIENCE)
    monkeypatch.setattr("gateway.web_batches.GATHERING", PATIENCE)
    unknown = {"Authorization": "Bearer sw_unknown"}
    with served.held(pool) as first:
        messages = [pool.submit(served.ask, "/v1/messages", HELLO | {"client_ref": f"no {n}"}) for n in range(12)]
        codes = [pool.submit(served.ask, "/v1/otp", {"to": f"+4477009001{n}", "purpose": "login"}) for n in range(4)]
        refused = [
            (pool.submit(served.ask, "/v1/messages", b"{"), 400),
            (pool.submit(served.ask, "/v1/messages", {"to": "12", "text": "x"}), 422),
            (pool.submit(served.ask, "/v1/messages", HELLO, unknown), 401),
            (pool.submit(served.ask, "/v1/otp/nobody/check", {"code": "123456"}), 404),
            (pool.submit(served.ask, "/v1/otpx", {}), 404),
        ]
        served.until_waiting(12 + 4 + len(refused))
    assert first[0].result()[0] == 202
    for n, message in enumerate(messages):
        status, body = message.result()
        assert (status, body["client_ref"], body["state"]) == (202, f"no {n}", "queued")
    for n, code in enumerate(codes):
        assert code.result()[0] == 202, n
    assert [one.result()[0] for one, _ in refused] == [status for _, status in refused]
    assert counted == [1, 12 + 4]
    ids = {message.result()[1]["id"] for message in messages}
    assert len(ids) == 12
    for message_id in ids:
        assert served.world.store.outbox.get(message_id) is not None


def test_a_client_that_leaves_keeps_nobody_waiting(served: Served, pool: ThreadPoolExecutor) -> None:
    with served.held(pool):
        gone = served.connect()
        gone.sendall(served.octets(HELLO))
        served.until_waiting(1)
        others = [pool.submit(served.ask, "/v1/messages", HELLO) for _ in range(8)]
        served.until_waiting(9)
        gone.close()
    assert [other.result()[0] for other in others] == [202] * 8
    assert served.ask("/v1/messages", HELLO)[0] == 202


def test_requests_on_one_connection_are_answered_in_order(served: Served, pool: ThreadPoolExecutor) -> None:
    with served.held(pool):
        others = [pool.submit(served.ask, "/v1/messages", HELLO) for _ in range(6)]
        served.until_waiting(6)
        line = served.connect()
        line.sendall(b"".join(served.octets(HELLO | {"client_ref": f"no {n}"}) for n in range(5)))
        served.until_waiting(7)
    answers = line.makefile("rb")
    for n in range(5):
        assert b" 202 " in answers.readline()
        length = 0
        while (header := answers.readline()) != b"\r\n":
            name, _, value = header.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert json.loads(answers.read(length))["client_ref"] == f"no {n}"
    answers.close()
    line.close()
    assert [other.result()[0] for other in others] == [202] * 6


def test_twins_under_one_idempotency_key_do_not_wait_for_each_other(served: Served, pool: ThreadPoolExecutor) -> None:
    twin = {"Idempotency-Key": "k1"}
    with served.held(pool):
        others = [pool.submit(served.ask, "/v1/messages", HELLO) for _ in range(4)]
        twins = [pool.submit(served.ask, "/v1/messages", HELLO, twin) for _ in range(4)]
        served.until_waiting(4)
    assert [other.result()[0] for other in others] == [202] * 4
    answers = [twin.result() for twin in twins]
    assert {status for status, _ in answers} == {202}
    assert len({body["id"] for _, body in answers}) == 1


def test_long_requests_and_other_ones_do_not_wait_for_a_batch(served: Served, pool: ThreadPoolExecutor) -> None:
    with served.held(pool):
        waiting = pool.submit(served.ask, "/v1/messages", HELLO)
        served.until_waiting(1)
        assert served.ask("/v1/preview", {"text": "x" * 100})[0] == 200
        assert served.ask("/v1/messages", {"to": NUMBER, "text": "x" * 5000})[0] == 422
    assert waiting.result()[0] == 202


def test_a_stop_answers_what_is_under_way_and_takes_no_more(world: World, pool: ThreadPoolExecutor) -> None:
    served = Served(world)
    with served.held(pool) as first:
        later = pool.submit(served.ask, "/v1/messages", HELLO)
        served.until_waiting(1)
        stopping = pool.submit(served.server.stop, PATIENCE)
        served.until_waiting(2)  # the sign that ends it
    assert first[0].result()[0] == 202
    assert later.result()[0] == 202
    stopping.result()
    assert not served.batches._thread.is_alive()


def test_a_stop_does_not_wait_for_ever_and_cancels_what_was_not_begun(world: World, pool: ThreadPoolExecutor) -> None:
    served = Served(world)
    with served.held(pool) as first:
        later = pool.submit(served.ask, "/v1/messages", HELLO)
        served.until_waiting(1)
        served.server.stop(0)
        with pytest.raises((OSError, http.client.HTTPException)):
            later.result()
    assert first[0].result()[0] == 202
    served.batches._thread.join(PATIENCE)
    assert not served.batches._thread.is_alive()


def test_the_watchdog_sees_whether_they_get_on(served: Served, pool: ThreadPoolExecutor) -> None:
    (party,) = [party for party in served.server.parties() if "short requests" in party.name]
    assert party.progress() is None
    with served.held(pool):
        assert party.progress() is None  # one is under way, and none waits
        waiting = pool.submit(served.ask, "/v1/messages", HELLO)
        served.until_waiting(1)
        stuck = party.progress()
        assert stuck is not None
        assert party.progress() == stuck
    waiting.result()
    assert party.progress() is None
    assert served.batches._begun > stuck
