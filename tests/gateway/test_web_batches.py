"""Requests that come together, over a real server: answered together, each as if it were alone."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import sqlite3
import ssl
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from gateway.fibres import Fibre
from gateway.policy import KeyPolicy
from gateway.store import Sight
from gateway.web import WebServer
from gateway.web_batches import Batches, Channel
from hardware.clock import SystemClock
from tests.gateway.secured import CA, SERVER
from tests.gateway.transactions import counted
from tests.gateway.world import NUMBER, OTHER, World

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
        """While the block lasts, one request is at its commit, and what comes stands aside behind it."""
        writer = self.world.store.database._writer
        with self.world.store.database.mark():
            first = pool.submit(self.ask, "/v1/messages", HELLO)
            until(lambda: writer._leading)
            yield [first]

    def until_aside(self, count: int) -> None:
        """Besides the one at its commit."""
        until(lambda: self.batches._aside == 1 + count)


def _next_answer(answers: BinaryIO) -> Answer:
    """The next answer, whatever `100 Continue` is in front of it."""
    while (said := answers.readline()).startswith((b"HTTP/1.1 100", b"\r\n")):
        pass
    length = 0
    while (header := answers.readline()) != b"\r\n":
        name, _, value = header.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    return int(said.split()[1]), json.loads(answers.read(length))


def _next_ref(answers: BinaryIO) -> str:
    """The client_ref of the next answer, which says that its message is accepted."""
    status, body = _next_answer(answers)
    assert status == 202, body
    return str(body["client_ref"])


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
    monkeypatch.setattr("gateway.web_batches.ROUND", PATIENCE)
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


def test_those_who_come_together_share_one_commit_and_get_each_its_own(
    served: Served, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = counted(served.world.store.database, monkeypatch)
    with served.held(pool) as first:
        messages = [pool.submit(served.ask, "/v1/messages", HELLO | {"client_ref": f"no {n}"}) for n in range(12)]
        codes = [pool.submit(served.ask, "/v1/otp", {"to": f"+4477009001{n}", "purpose": "login"}) for n in range(4)]
        unfound = pool.submit(served.ask, "/v1/otp/nobody/check", {"code": "123456"})
        served.until_aside(12 + 4 + 1)
    assert first[0].result()[0] == 202
    for n, message in enumerate(messages):
        status, body = message.result()
        assert (status, body["client_ref"], body["state"]) == (202, f"no {n}", "queued")
    for n, code in enumerate(codes):
        assert code.result()[0] == 202, n
    assert unfound.result()[0] == 404
    assert counts == [1 + 12 + 4 + 1]
    ids = {message.result()[1]["id"] for message in messages}
    assert len(ids) == 12
    for message_id in ids:
        assert served.world.store.outbox.get(message_id) is not None


def test_what_is_refused_without_a_look_at_the_disk_does_not_wait_for_it(
    served: Served, pool: ThreadPoolExecutor
) -> None:
    unknown = {"Authorization": "Bearer sw_unknown"}
    with served.held(pool) as first:
        assert served.ask("/v1/messages", b"{")[0] == 400
        assert served.ask("/v1/messages", {"to": "12", "text": "x"})[0] == 422
        assert served.ask("/v1/messages", HELLO, unknown)[0] == 401
        assert served.ask("/v1/otpx", {})[0] == 404
        assert not first[0].done()
    assert first[0].result()[0] == 202


def test_a_client_that_leaves_keeps_nobody_waiting(served: Served, pool: ThreadPoolExecutor) -> None:
    with served.held(pool):
        gone = served.connect()
        gone.sendall(served.octets(HELLO))
        served.until_aside(1)
        others = [pool.submit(served.ask, "/v1/messages", HELLO) for _ in range(8)]
        served.until_aside(9)
        gone.close()
    assert [other.result()[0] for other in others] == [202] * 8
    assert served.ask("/v1/messages", HELLO)[0] == 202


def test_requests_on_one_connection_are_answered_in_order(served: Served, pool: ThreadPoolExecutor) -> None:
    with served.held(pool):
        others = [pool.submit(served.ask, "/v1/messages", HELLO) for _ in range(6)]
        served.until_aside(6)
        line = served.connect()
        line.sendall(b"".join(served.octets(HELLO | {"client_ref": f"no {n}"}) for n in range(5)))
        served.until_aside(7)
    answers = line.makefile("rb")
    assert [_next_ref(answers) for _ in range(5)] == [f"no {n}" for n in range(5)]
    answers.close()
    line.close()
    assert [other.result()[0] for other in others] == [202] * 6


def test_a_refusal_in_front_of_another_request_is_not_held_back(served: Served, pool: ThreadPoolExecutor) -> None:
    with served.held(pool) as first:
        line = served.connect()
        line.sendall(served.octets({"to": "12", "text": "x"}) + served.octets(HELLO | {"client_ref": "behind"}))
        answers = line.makefile("rb")
        assert _next_answer(answers)[0] == 422
        assert not first[0].done()
    assert _next_ref(answers) == "behind"
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
    asked = served.batches._asked
    connection = http.client.HTTPConnection(served.address, timeout=PATIENCE)
    headers = {"Authorization": f"Bearer {served.key}", "Content-Type": "application/json"}
    body = json.dumps({"to": [NUMBER] * 50, "text": "hello"}).encode()
    connection.request("POST", "/v1/messages", iter([body[:40], body[40:]]), headers, encode_chunked=True)
    assert connection.getresponse().status in (202, 422)
    connection.close()
    assert served.batches._asked == asked


def test_over_tls_they_come_together_too(
    world: World, pool: ThreadPoolExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SERVER.write(tmp_path)
    served = Served(world, tls_cert=tmp_path / "cert.pem", tls_key=tmp_path / "key.pem")
    counts = counted(world.store.database, monkeypatch)
    try:
        with served.held(pool):
            others = [pool.submit(served.ask, "/v1/messages", HELLO | {"client_ref": f"{n}"}) for n in range(10)]
            served.until_aside(10)
        assert [other.result()[1]["client_ref"] for other in others] == [f"{n}" for n in range(10)]
        assert counts == [1 + 10]
    finally:
        served.server.stop(PATIENCE)


def test_twins_under_one_idempotency_key_do_not_wait_for_each_other(served: Served, pool: ThreadPoolExecutor) -> None:
    twin = {"Idempotency-Key": "k1"}
    with served.held(pool):
        others = [pool.submit(served.ask, "/v1/messages", HELLO) for _ in range(4)]
        twins = [pool.submit(served.ask, "/v1/messages", HELLO, twin) for _ in range(4)]
        served.until_aside(4)
    assert [other.result()[0] for other in others] == [202] * 4
    answers = [twin.result() for twin in twins]
    assert {status for status, _ in answers} == {202}
    assert len({body["id"] for _, body in answers}) == 1


def test_long_requests_and_other_ones_do_not_wait_for_a_batch(served: Served, pool: ThreadPoolExecutor) -> None:
    with served.held(pool):
        waiting = pool.submit(served.ask, "/v1/messages", HELLO)
        served.until_aside(1)
        turns = served.batches._turns
        assert served.ask("/v1/preview", {"text": "x" * 100})[0] == 200
        assert served.ask("/v1/messages", {"to": NUMBER, "text": "x" * 5000})[0] == 422
        assert served.batches._turns == turns
    assert waiting.result()[0] == 202


def test_a_stop_answers_what_is_under_way_and_takes_no_more(world: World, pool: ThreadPoolExecutor) -> None:
    served = Served(world)
    with served.held(pool) as first:
        later = pool.submit(served.ask, "/v1/messages", HELLO)
        served.until_aside(1)
        stopping = pool.submit(served.server.stop, PATIENCE)
        until(lambda: served.batches._stopping)
    assert first[0].result()[0] == 202
    assert later.result()[0] == 202
    stopping.result()
    assert served.batches.ended


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
    until(lambda: served.server._watch._begun > 60)
    served.server.stop(PATIENCE)
    stopped.set()
    assert served.batches.ended
    begun = served.server._watch._begun
    until(lambda: not served.server._server.active_channels)
    assert served.server._watch._begun == begun
    assert len(after) <= 30  # the last answer of each, which it may have read a little later


def test_a_stop_does_not_wait_for_ever_and_cancels_what_was_not_begun(
    world: World, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.web_batches.ASIDE", 1)
    served = Served(world)
    with served.held(pool) as first:
        later = pool.submit(served.ask, "/v1/messages", HELLO)
        until(lambda: served.batches._short)
        served.server.stop(0)
        assert not served.batches.ended
        with pytest.raises((OSError, http.client.HTTPException)):
            later.result()
    assert first[0].result()[0] == 202
    until(lambda: served.batches.ended)


def test_a_stop_waits_for_the_thread_that_commits_to_have_woken_whom_it_serves(
    world: World, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be late: its client has the answer already, because the loop was awake for something else."""
    served, going, go_on = Served(world), threading.Event(), threading.Event()
    call = Batches._call

    def late(batches: Batches) -> None:
        if threading.current_thread().name == "web-commits":
            going.set()
            go_on.wait(PATIENCE)
        call(batches)

    monkeypatch.setattr("gateway.web_batches.PATIENCE", 0.0)
    monkeypatch.setattr(Batches, "_call", late)
    assert served.ask("/v1/messages", HELLO)[0] == 202
    assert going.wait(PATIENCE)
    stopping = pool.submit(served.server.stop, PATIENCE)
    until(lambda: served.batches._over)
    assert not served.batches.ended
    go_on.set()
    stopping.result(PATIENCE)
    assert served.batches.ended
    world.store.database.accept(lambda cx: cx.execute("SELECT 1"))  # nobody leads who is gone


def test_more_than_may_stand_aside_have_their_turn_afterwards(
    served: Served, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.web_batches.ASIDE", 4)
    with served.held(pool):
        asked = [pool.submit(served.ask, "/v1/messages", HELLO) for _ in range(12)]
        until(lambda: len(served.batches._short) == 9)
        assert served.batches._aside == 4
    assert [one.result()[0] for one in asked] == [202] * 12


def test_where_no_fibre_can_begin_its_client_is_hung_up_on_and_others_are_answered(
    served: Served, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = itertools.count()

    class Scarce(Fibre):
        def switch(self, *of: Any) -> Any:
            if next(made) == 3:
                raise MemoryError("no room for a stack")
            return super().switch(*of)

    with served.held(pool):
        monkeypatch.setattr("gateway.web_batches.Fibre", Scarce)
        asked = [pool.submit(served.ask, "/v1/messages", HELLO) for _ in range(6)]
        served.until_aside(5)
    ends = [one.exception(PATIENCE) for one in asked]
    assert sum(isinstance(end, (OSError, http.client.HTTPException)) for end in ends) == 1
    assert [one.result()[0] for one, end in zip(asked, ends, strict=True) if end is None] == [202] * 5
    assert served.ask("/v1/messages", HELLO)[0] == 202
    assert "no room for a stack" in caplog.text


def test_a_defect_ends_its_own_request_alone(
    served: Served, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One that not even Waitress catches."""
    service = Channel.service

    def trips(channel: Any) -> None:
        if b"trips" in channel.requests[0].get_body_stream().getvalue():
            raise SystemExit("a defect")
        service(channel)

    monkeypatch.setattr(Channel, "service", trips, raising=False)
    with served.held(pool):
        good = [pool.submit(served.ask, "/v1/messages", HELLO) for _ in range(3)]
        served.until_aside(3)
        with pytest.raises((OSError, http.client.HTTPException)):
            served.ask("/v1/messages", HELLO | {"client_ref": "trips"})
    assert [one.result()[0] for one in good] == [202] * 3
    assert "a defect of the program" in caplog.text


def test_a_commit_that_trips_is_told_to_those_who_wait_for_it(
    served: Served, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served.held(pool) as first:
        others = [pool.submit(served.ask, "/v1/messages", HELLO) for _ in range(3)]
        served.until_aside(3)
        monkeypatch.setattr(served.world.store.database._writer, "_begin", _full)
    assert {one.result()[0] for one in (*first, *others)} == {503}
    monkeypatch.undo()
    assert served.ask("/v1/messages", HELLO)[0] == 202


def _full(synced: bool) -> None:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    raise error


def test_nothing_but_the_thread_that_commits_writes_for_short_requests(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop would wait for the lock of whoever writes, and every client with it."""
    writers: set[str] = set()
    own = world.store.keys.create("shop", ("otp:send",), policy=KeyPolicy(rates=("3/1m",)))[1].reveal()
    world.key()
    writer = world.store.database._writer
    begin = writer._begin

    def note(synced: bool) -> None:
        writers.add(threading.current_thread().name)
        begin(synced)

    monkeypatch.setattr(writer, "_begin", note)
    served = Served(world)  # its first request notes the use of the key
    login, check = {"purpose": "login", "code": "123456"}, "/v1/otp/{id}/check"

    def start(number: str) -> Any:
        status, otp = served.ask("/v1/otp", login | {"to": number})
        assert status == 202
        return otp

    def judge(otp: Any, *codes: str) -> list[str]:
        return [served.ask(check.format_map(otp), {"code": code})[1]["result"] for code in codes]

    try:
        otp = start(NUMBER)
        assert judge(otp, "1", "2") == ["wrong_code"] * 2
        for cooldown, body in ((60, {"same": True}), (120, {})):
            world.clock.advance(cooldown)
            assert served.ask(f"/v1/otp/{otp['id']}/resend", body)[0] == 202
        assert judge(otp, "123456", "123456") == ["approved", "used"]
        assert start(OTHER)["id"] != (world.clock.advance(60), start(OTHER))[1]["id"]  # superseded
        locked = start("+447700900777")
        assert judge(locked, *"12345")[-2:] == ["wrong_code", "wrong_code"]
        assert judge(locked, "6") == ["too_many_attempts"]
        with_own = {"Authorization": f"Bearer {own}"}
        asked = [served.ask("/v1/otp", login | {"to": f"+4477009002{n:02d}"}, with_own)[0] for n in range(12)]
        assert asked == [202] * 3 + [429] * 9
        assert world.store.events.seen(0, Sight("shop", kinds=("limit.*",)))
    finally:
        served.server.stop(PATIENCE)
    assert writers == {"web-commits"}


def test_the_watchdog_sees_whether_they_get_on(served: Served, pool: ThreadPoolExecutor) -> None:
    (party,) = [party for party in served.server.parties() if "short requests" in party.name]
    assert party.progress() is None
    with served.held(pool) as first:
        stuck = party.progress()
        assert stuck is not None
        waiting = pool.submit(served.ask, "/v1/messages", HELLO)
        served.until_aside(1)
        came = party.progress()
        assert came is not None
        assert came > stuck
        assert party.progress() == came
    assert [first[0].result()[0], waiting.result()[0]] == [202, 202]
    until(lambda: party.progress() is None)
