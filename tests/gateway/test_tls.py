"""TLS on the API's own port: Waitress as the service builds it, real sockets, clients good and bad."""

from __future__ import annotations

import hashlib
import logging
import random
import socket
import ssl
import struct
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

import pytest

from gateway import tls
from tests.gateway import pems
from tests.gateway.secured import BIG, CA, PATIENCE, SERVER, Echo, Served, until
from tests.gateway.world import NUMBER, World

HELLO = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
RESET = struct.pack("ii", 1, 0)


@pytest.fixture
def serve(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[WSGIApplication], Served]]:
    """Serve an application; at the end nothing worse than an information may stand in the log."""
    caplog.set_level(logging.DEBUG)
    made: list[Served] = []

    def start(app: WSGIApplication) -> Served:
        made.append(Served(tmp_path, app))
        return made[-1]

    yield start
    for one in made:
        one.close()
    records = [record for phase in ("setup", "call") for record in caplog.get_records(phase)]
    loud = [record.getMessage() for record in records if record.levelno >= logging.WARNING]
    assert loud == [line for line in loud if line.startswith(("the old TLS", "Task queue depth"))]


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def served(serve: Callable[[WSGIApplication], Served], echo: Echo) -> Served:
    """An echo with TLS."""
    return serve(echo)


def test_one_connection_serves_many_requests(served: Served) -> None:
    connection = served.https()
    for size in (0, 1, 100, 16_383, 16_384, 16_385, 200_000):
        body = random.Random(size).randbytes(size)
        connection.request("POST", "/", body)
        answer = connection.getresponse()
        assert (answer.read(), answer.headers["X-Scheme"]) == (body, "https")
    assert served.open == 1
    assert isinstance(connection.sock, ssl.SSLSocket)
    assert connection.sock.version() == "TLSv1.3"
    connection.close()
    until(lambda: served.open == 0)


def test_many_clients_with_large_bodies_at_once(served: Served) -> None:
    def talk(client: int) -> None:
        connection = served.https()
        for turn in range(3):
            body = random.Random(f"{client} {turn}").randbytes(200_000)
            connection.request("POST", "/", body)
            assert connection.getresponse().read() == body
        connection.close()

    with ThreadPoolExecutor(64) as clients:
        list(clients.map(talk, range(64)))
    until(lambda: served.open == 0)


def test_requests_in_records_of_one_octet(served: Served) -> None:
    with served.connect() as client:
        for octet in b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello":
            client.sendall(bytes([octet]))
        assert read_to_end(client).endswith(b"\r\n\r\nhello")


def test_several_requests_in_one_record(served: Served) -> None:
    with served.connect() as client:
        client.sendall(HELLO * 5 + HELLO.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert read_to_end(client).count(b"200 OK") == 6


def test_ciphertext_that_comes_octet_by_octet(served: Served) -> None:
    """The handshake too: every step of the server meets half a record."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = served.trust().wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with socket.create_connection(("127.0.0.1", served.port), PATIENCE) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def trickle(octets: bytes) -> None:
            for octet in octets[:-1]:
                sock.sendall(bytes([octet]))
            if octets:
                served.works()  # so the server has looked at what is there meanwhile
                sock.sendall(octets[-1:])

        def pump(step: Callable[[], Any]) -> Any:
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    trickle(outgoing.read())
                    incoming.write(sock.recv(7))

        pump(client.do_handshake)
        client.write(HELLO)
        trickle(outgoing.read())
        assert pump(lambda: client.read(12)) == b"HTTP/1.1 200"


def read_to_end(client: ssl.SSLSocket) -> bytes:
    """Everything up to close_notify; a connection that just breaks off raises SSLEOFError."""
    found = b""
    while octets := client.recv(65_536):
        found += octets
    return found


def test_a_slow_reader_gets_a_large_answer_whole(served: Served) -> None:
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.settimeout(PATIENCE)
    plain.connect(("127.0.0.1", served.port))
    with served.trust().wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as client:
        client.sendall(HELLO.replace(b"/hello", b"/big").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        until(lambda: any(channel.total_outbufs_len for channel in served.channels))
        served.works()
        found = read_to_end(client)
    body = found.partition(b"\r\n\r\n")[2]
    assert hashlib.sha256(body).digest() == hashlib.sha256(random.Random(7).randbytes(BIG)).digest()


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00\x01"])
def test_a_client_that_does_not_finish_its_handshake_is_hung_up_on(served: Served, said: bytes) -> None:
    with socket.create_connection(("127.0.0.1", served.port), PATIENCE) as client:
        client.sendall(said)
        until(lambda: served.open == 1)
        served.works()
        served.clock.advance(tls.HANDSHAKE_TIME)
        served.works()
        assert served.open >= 1
        served.clock.advance(0.1)
        assert client.recv(1) == b""
    until(lambda: served.open == 0)


def test_a_finished_handshake_has_no_end(served: Served) -> None:
    with served.connect() as client:
        until(lambda: all(not channel._shaking for channel in served.channels))
        served.clock.advance(tls.HANDSHAKE_TIME * 2)
        served.works()
        client.sendall(HELLO)
        assert client.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize("said", [HELLO, b"\x00" * 100, b"SSH-2.0-x\r\n", random.Random(1).randbytes(5000)])
def test_what_is_no_tls_is_closed_quietly(served: Served, said: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_connection(("127.0.0.1", served.port), PATIENCE) as client:
        client.sendall(said)
        try:
            answer = client.recv(65_536)
        except ConnectionResetError:
            answer = b""
        assert b"HTTP" not in answer
    until(lambda: served.open == 0)
    until(lambda: "no TLS with 127.0.0.1" in caplog.text)
    served.works()


def test_old_versions_are_refused_and_1_2_is_not(served: Served) -> None:
    for version, works in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)):
        trust = served.trust()
        trust.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            trust.minimum_version = trust.maximum_version = version
        plain = socket.create_connection(("127.0.0.1", served.port), PATIENCE)
        try:
            with trust.wrap_socket(plain, server_hostname="127.0.0.1") as client:
                assert client.version() == "TLSv1.2"
                assert works
        except ssl.SSLError:
            assert not works
        finally:
            plain.close()


# A client that vanishes while ssl wraps its socket leaves that to the garbage collection.
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
def test_clients_that_vanish_hold_nothing(served: Served) -> None:
    def vanish(client: socket.socket, said: bytes = b"") -> None:
        client.sendall(said)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.close()

    unfinished = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nhel"
    for _ in range(5):
        vanish(socket.create_connection(("127.0.0.1", served.port)))
        vanish(socket.create_connection(("127.0.0.1", served.port)), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc")
        vanish(served.connect())
        vanish(served.connect(), unfinished)
        vanish(served.connect(), HELLO)
        vanish(served.connect(), HELLO.replace(b"/hello", b"/big"))
        polite = served.connect()
        polite.sendall(unfinished)
        polite.close()
    until(lambda: served.open == 0)
    served.works()


@pytest.mark.parametrize("politely", [True, False])
def test_a_request_learns_that_its_client_is_gone(served: Served, echo: Echo, politely: bool) -> None:
    client = served.connect()
    client.sendall(HELLO.replace(b"/hello", b"/wait"))
    assert echo.waiting.wait(PATIENCE)
    if politely:  # close_notify, and the connection stays
        client.settimeout(0)
        with suppress(ssl.SSLWantReadError):
            client.unwrap()
        until(echo.gone.is_set)
    client.close()
    until(echo.gone.is_set)
    until(lambda: served.open == 0)


def test_a_renewed_certificate_is_shown_to_whoever_comes_next(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    def shown() -> bytes | None:
        with served.connect() as client:
            return client.getpeercert(binary_form=True)

    with served.connect() as earlier:
        assert shown() == SERVER.der
        renewed = pems.make("renewed", CA, hosts=("127.0.0.1",))
        renewed.write(served.folder)
        assert shown() == SERVER.der
        served.clock.advance(60)
        assert shown() == renewed.der
        (served.folder / "cert.pem").write_bytes(b"half a fi")
        served.clock.advance(60)
        assert shown() == renewed.der
        assert shown() == renewed.der
        assert caplog.text.count("the old TLS certificate stays in force") == 1
        earlier.sendall(HELLO)
        assert earlier.recv(12) == b"HTTP/1.1 200"


def test_a_long_poll_of_the_api(serve: Callable[[WSGIApplication], Served], world: World) -> None:
    served = serve(world.app)

    def ask(method: str, path: str, body: bytes | None = None) -> bytes:
        connection = served.https()
        headers = {"Authorization": f"Bearer {world.key()}", "Content-Type": "application/json"}
        connection.request(method, path, body, headers)
        answer = connection.getresponse().read()
        connection.close()
        return answer

    ask("POST", "/v1/messages", b'{"to": "%s", "text": "hello"}' % NUMBER.encode())
    (message,) = world.get("/v1/messages").get_json()["items"]
    path = f"/v1/messages/{message['id']}"
    with ThreadPoolExecutor(4) as clients:
        waiting = [clients.submit(ask, "GET", f"{path}?wait=60") for _ in range(4)]
        ask("DELETE", path)
        assert all(b'"state":"cancelled"' in one.result(PATIENCE) for one in waiting)


def test_an_event_leaves_at_once(serve: Callable[[WSGIApplication], Served], world: World) -> None:
    connection = serve(world.app).https()
    connection.request("GET", "/v1/events", headers={"Authorization": f"Bearer {world.key()}"})
    stream = connection.getresponse()
    while stream.readline() != b"\n":
        pass
    for number in (1, 2):
        message = world.post("/v1/messages", {"to": NUMBER, "text": "hello"}).get_json()
        world.delete(f"/v1/messages/{message['id']}")
        assert stream.readline() == b"id: %d\n" % number  # would wait for ever if it were kept back
        while stream.readline() != b"\n":
            pass
    world.app.extensions["simwire.waiting"].close()
    assert stream.read() == b""
    connection.close()


def test_whatever_goes_wrong_with_one_connection_others_are_accepted(
    tmp_path: Path, echo: Echo, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    served = Served(tmp_path, echo)
    try:
        with monkeypatch.context() as broken:

            def fails(*_: object, **__: object) -> None:
                raise RuntimeError("nobody foresaw this")

            broken.setattr(tls, "TlsChannel", fails)
            with socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE) as client:
                assert client.recv(1) == b""
        connection = served.https()
        connection.request("POST", "/", b"still there")
        assert connection.getresponse().read() == b"still there"
        connection.close()
    finally:
        served.close()
    assert "nobody foresaw this" in caplog.text
