"""Requests that come together, over a real server: answered together, each as if it were alone."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from gateway.fibres import Fibre
from gateway.web import WebServer
from hardware.clock import SystemClock
from tests.gateway.secured import CA, SERVER
from tests.gateway.transactions import counted
from tests.gateway.world import NUMBER, World

PATIENCE = 30
HELLO = {"to": NUMBER, "text": "hello"}
Answer = tuple[int, Any]


class Served:
    """A world behind the product's own web server."""

    def __init__(self, world: World, **settings: object) -> None:
        self.world, self.key = world, world.key()
        config = world.config.api.model_copy(update={"port": 0, **settings})
        self.server = WebServer(config, world.app, SystemClock())
        self.server.start()
        self.scheme, _, self.address = self.server.url.partition("://")
        self.batches = self.server._batches
        assert self.ask("/v1/messages", HELLO)[0] == 202  # the first use of a key is noted by itself

    def ask(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Answer:
        if self.scheme == "https":
            trusted = ssl.create_default_context(cadata=CA.pem.decode())
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                self.address, timeout=PATIENCE, context=trusted
            )
        else:
            connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        given = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"} | dict(headers or {})
        with closing(connection):
            connection.request("POST", path, body if isinstance(body, bytes) else json.dumps(body), given)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

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


def _next_ref(answers: BinaryIO) -> str:
    """The client_ref of the next answer, whatever `100 Continue` is in front of it."""
    while b" 202 " not in (said := answers.readline()):
        assert said.startswith((b"HTTP/1.1 100", b"\r\n")), said
    length = 0
    while (header := answers.readline()) != b"\r\n":
        name, _, value = header.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    return str(json.loads(answers.read(length))["client_ref"])


def until(true: Any) -> None:
    waiting = threading.Event()
    for _ in range(2000):
        if true():
            return
        waiting.wait(0.005)
    raise AssertionError("it did not come to that")


@pytest.fixture(autouse=True)
def _slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits is gathered, however long that takes here."""
    monkeypatch.setattr("gateway.web_batches.GATHERING", PATIENCE)
    monkeypatch.setattr("gateway.store.writer.BATCH_SECONDS", PATIENCE)


@pytest.fixture
def served(world: World) -> Iterator[Served]:
    served = Served(world)
    yield served
    served.server.stop(PATIENCE)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(40) as pool:
        yield pool


def hold_after_next(world: World, turn: threading.Event) -> None:
    """Let one more transaction of accepts go, and have those behind it wait for their turn."""
    writer, count = world.store.database._writer, itertools.count()
    run = writer._run_batch

    def run_in_turn(batch: list[Any]) -> Any:
        if next(count):
            turn.wait(PATIENCE)
        return run(batch)

    writer._run_batch = run_in_turn  # type: ignore[method-assign]


def test_those_who_come_together_share_one_commit_and_get_each_its_own(
    served: Served, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = counted(served.world.store.database, monkeypatch)
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
    assert counts == [1, 12 + 4]
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
    assert [_next_ref(answers) for _ in range(5)] == [f"no {n}" for n in range(5)]
    answers.close()
    line.close()
    assert [other.result()[0] for other in others] == [202] * 6


def test_a_refusal_in_front_of_another_request_is_not_held_back(served: Served, pool: ThreadPoolExecutor) -> None:
    """Of a batch that is at its commit, and of a connection on which the next request is."""
    turn = threading.Event()
    with served.held(pool):
        others = [pool.submit(served.ask, "/v1/messages", HELLO) for _ in range(6)]
        line = served.connect()
        line.sendall(served.octets({"to": "12", "text": "x"}) + served.octets(HELLO))
        served.until_waiting(7)
        refused = pool.submit(served.ask, "/v1/messages", b"{")
        served.until_waiting(8)
        hold_after_next(served.world, turn)
    try:
        assert refused.result(PATIENCE)[0] == 400
        assert b" 422 " in line.recv(65536)
        assert not any(other.done() for other in others)
    finally:
        turn.set()
    assert [other.result()[0] for other in others] == [202] * 6
    answers = line.makefile("rb")
    while not (said := answers.readline()).startswith(b"HTTP/1.1"):
        pass
    assert b" 202 " in said
    answers.close()
    line.close()


def test_an_answer_goes_once_where_the_next_request_waits_for_a_go_ahead(
    served: Served, pool: ThreadPoolExecutor
) -> None:
    """`100 Continue` is written behind an answer, by another thread than the one that writes answers of a batch."""

    def ask(client: int) -> list[str]:
        line = served.connect()
        answers = line.makefile("rb")
        seen: list[str] = []
        expecting = served.octets(HELLO | {"client_ref": f"{client} after"})
        head, _, body = expecting.partition(b"\r\n\r\n")
        for turn in range(5):
            line.sendall(
                served.octets(HELLO | {"client_ref": f"{client} {turn}"}) + head + b"\r\nExpect: 100-continue\r\n\r\n"
            )
            seen.append(_next_ref(answers))
            line.sendall(body)
            seen.append(_next_ref(answers))
        answers.close()
        line.close()
        return seen

    clients = [pool.submit(ask, client) for client in range(12)]
    for client, asked in enumerate(clients):
        assert asked.result() == [ref for turn in range(5) for ref in (f"{client} {turn}", f"{client} after")]


def test_chunked_bodies_are_not_taken_for_short_ones(served: Served) -> None:
    begun = served.batches._begun
    connection = http.client.HTTPConnection(served.address, timeout=PATIENCE)
    headers = {"Authorization": f"Bearer {served.key}", "Content-Type": "application/json"}
    body = json.dumps({"to": [NUMBER] * 50, "text": "hello"}).encode()
    connection.request("POST", "/v1/messages", iter([body[:40], body[40:]]), headers, encode_chunked=True)
    assert connection.getresponse().status in (202, 422)
    connection.close()
    assert served.batches._begun == begun


def test_over_tls_they_come_together_too(
    world: World, pool: ThreadPoolExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SERVER.write(tmp_path)
    served = Served(world, tls_cert=tmp_path / "cert.pem", tls_key=tmp_path / "key.pem")
    counts = counted(world.store.database, monkeypatch)
    try:
        with served.held(pool):
            others = [pool.submit(served.ask, "/v1/messages", HELLO | {"client_ref": f"{n}"}) for n in range(10)]
            served.until_waiting(10)
        assert [other.result()[1]["client_ref"] for other in others] == [f"{n}" for n in range(10)]
        assert counts == [1, 10]
    finally:
        served.server.stop(PATIENCE)


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


def test_a_stop_under_load_answers_what_waits_and_nothing_that_comes_later(
    world: World, pool: ThreadPoolExecutor
) -> None:
    """Clients that ask again as soon as they are answered."""
    served, stopped = Served(world), threading.Event()
    after: list[int] = []

    def ask_and_ask() -> None:
        with suppress(OSError, http.client.HTTPException):
            while True:
                status, _ = served.ask("/v1/messages", HELLO)
                if stopped.is_set():
                    after.append(status)

    for _ in range(30):
        pool.submit(ask_and_ask)
    until(lambda: served.batches._begun > 60)
    served.server.stop(PATIENCE)
    stopped.set()
    assert served.batches.ended
    begun = served.batches._begun
    until(lambda: not served.server._server.active_channels)
    assert served.batches._begun == begun
    assert len(after) <= 30  # the last answer of each, which it may have read a little later


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


def test_where_no_fibre_can_be_made_clients_are_hung_up_on_and_later_ones_are_answered(
    served: Served, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = itertools.count()

    class Scarce(Fibre):
        def __init__(self, run: Any) -> None:
            if next(made) == 3:
                raise MemoryError("no room for a stack")
            super().__init__(run)

    with served.held(pool):
        monkeypatch.setattr("gateway.web_batches.Fibre", Scarce)
        asked = [pool.submit(served.ask, "/v1/messages", HELLO) for _ in range(6)]
        served.until_waiting(6)
    ends = [one.exception(PATIENCE) for one in asked]
    assert sum(isinstance(end, (OSError, http.client.HTTPException)) for end in ends) == 4  # and those behind it go on
    assert [one.result()[0] for one, end in zip(asked, ends, strict=True) if end is None] == [202, 202]
    assert served.ask("/v1/messages", HELLO)[0] == 202
    assert "a defect of the program" in caplog.text


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
