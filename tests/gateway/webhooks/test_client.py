"""The HTTP client against real servers: what it connects to, what it refuses, how long it takes at most."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.webhooks.client import Answer, Client, Found, NotSent
from gateway.webhooks.wire import ANSWER_LIMIT

from .conftest import MakeHook
from .receiver import RawServer, Receiver, Reply, read_request

HEADERS = {"Content-Type": "application/json"}


def found(*addresses: str, port: int = 0) -> list[Found]:
    return [(socket.AF_INET6, (one, port, 0, 0)) if ":" in one else (socket.AF_INET, (one, port)) for one in addresses]


def test_a_post_arrives_as_it_was_made(receiver: Receiver, make_hook: MakeHook) -> None:
    url = f"http://127.0.0.1:{receiver.port}/a/b?c=d"
    with closing(Client(make_hook(receiver.port, url=url))) as client:
        assert client.post(b'{"a":1}', {**HEADERS, "X-Event": "message.sent"}) == Answer(200, None)
    (sent,) = receiver.sent
    assert (sent.path, sent.body) == ("/a/b?c=d", b'{"a":1}')
    assert (sent.headers["X-Event"], sent.headers["Host"]) == ("message.sent", f"127.0.0.1:{receiver.port}")


def test_one_connection_serves_many_events(receiver: Receiver, make_hook: MakeHook) -> None:
    receiver.answer = lambda _: Reply(503, {"Retry-After": "3"}, b"x" * 5000)
    with closing(Client(make_hook(receiver.port))) as client:
        assert {client.post(b"{}", HEADERS) for _ in range(5)} == {Answer(503, "3")}
    assert len({sent.peer for sent in receiver.sent}) == 1


def test_a_kept_connection_that_the_server_closed_is_opened_anew(make_hook: MakeHook) -> None:
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    server = RawServer(serve)
    with closing(server), closing(Client(make_hook(server.port))) as client:
        for _ in range(3):
            assert client.post(b"{}", HEADERS).status == 200
    assert server.connections == 3


def test_a_server_that_closes_after_each_answer_is_obeyed(receiver: Receiver, make_hook: MakeHook) -> None:
    receiver.answer = lambda _: Reply(200, {"Connection": "close"})
    with closing(Client(make_hook(receiver.port))) as client:
        for _ in range(2):
            assert client.post(b"{}", HEADERS).status == 200
    assert len({sent.peer for sent in receiver.sent}) == 2


def test_a_redirect_is_not_followed(receiver: Receiver, make_hook: MakeHook) -> None:
    other = Receiver()
    receiver.answer = lambda _: Reply(302, {"Location": f"http://127.0.0.1:{other.port}/"})
    with closing(other), closing(Client(make_hook(receiver.port))) as client:
        assert client.post(b"{}", HEADERS).status == 302
    assert other.sent == []


def test_no_proxy_is_asked(receiver: Receiver, make_hook: MakeHook, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Receiver()
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    with closing(proxy), closing(Client(make_hook(receiver.port))) as client:
        assert client.post(b"{}", HEADERS).status == 200
    assert (len(receiver.sent), len(proxy.sent)) == (1, 0)


# -- addresses --------------------------------------------------------------------------------------------------------

BY_ANOTHER_NAME = "http://hooks.example.com:{port}/"


@pytest.mark.parametrize(
    "addresses",
    [
        ("127.0.0.1",),
        ("0.0.0.0",),
        ("::1",),
        ("::ffff:127.0.0.1",),
        ("169.254.169.254",),
        ("10.0.0.1",),
        ("fc00::1",),
        ("64:ff9b::7f00:1",),
        ("2002:7f00:1::",),
        ("93.184.216.34", "127.0.0.1"),
        ("2606:4700::1111", "10.0.0.1"),
        ("127.0.0.1", "93.184.216.34"),
    ],
)
def test_a_name_that_leads_to_a_private_address_is_refused_before_anything_is_opened(
    receiver: Receiver, make_hook: MakeHook, addresses: tuple[str, ...]
) -> None:
    hook = make_hook(0, url=BY_ANOTHER_NAME.format(port=receiver.port), allow_private=[], insecure_http=True)
    with (
        closing(Client(hook, lambda _, port: found(*addresses, port=port))) as client,
        pytest.raises(NotSent, match=r"hooks\.example\.com is not sent to: .* (private|single machine)"),
    ):
        client.post(b"{}", HEADERS)
    assert receiver.sent == []


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "localhost"])
def test_other_ways_to_write_loopback_are_refused_by_what_they_resolve_to(
    receiver: Receiver, make_hook: MakeHook, host: str
) -> None:
    hook = make_hook(0, url=f"http://{host}:{receiver.port}/", allow_private=[], insecure_http=True)
    with closing(Client(hook)) as client, pytest.raises(NotSent, match="private address"):
        client.post(b"{}", HEADERS)
    assert receiver.sent == []


@pytest.mark.parametrize("allowed", [["hooks.example.com"], ["127.0.0.0/8"], ["10.0.0.0/8", "127.0.0.1"]])
def test_a_private_address_is_taken_where_host_or_network_were_named(
    receiver: Receiver, make_hook: MakeHook, allowed: list[str]
) -> None:
    hook = make_hook(0, url=BY_ANOTHER_NAME.format(port=receiver.port), allow_private=allowed)
    with closing(Client(hook, lambda _, port: found("127.0.0.1", port=port))) as client:
        assert client.post(b"{}", HEADERS).status == 200
    assert receiver.sent[0].headers["Host"] == f"hooks.example.com:{receiver.port}"


def test_a_name_is_resolved_once_for_a_connection(receiver: Receiver, make_hook: MakeHook) -> None:
    """A name that answers differently a moment later (DNS rebinding) gains nothing: what was checked is used."""
    asked = []

    def resolve(host: str, port: int) -> list[Found]:
        asked.append(host)
        return found("127.0.0.1" if len(asked) == 1 else "0.0.0.0", port=port)

    hook = make_hook(0, url=BY_ANOTHER_NAME.format(port=receiver.port), allow_private=["127.0.0.1"])
    with closing(Client(hook, resolve)) as client:
        assert client.post(b"{}", HEADERS).status == 200
        assert client.post(b"{}", HEADERS).status == 200
    assert asked == ["hooks.example.com"]


def test_the_next_address_is_tried_where_one_does_not_answer(receiver: Receiver, make_hook: MakeHook) -> None:
    hook = make_hook(0, url=BY_ANOTHER_NAME.format(port=receiver.port), allow_private=["127.0.0.0/8", "::1"])
    with closing(Client(hook, lambda _, port: found("127.0.0.2", "127.0.0.1", port=port))) as client:
        assert client.post(b"{}", HEADERS).status == 200


def test_clear_text_does_not_leave_private_networks(make_hook: MakeHook) -> None:
    hook = make_hook(0, url="http://hooks.example.com/", allow_private=["hooks.example.com"])
    with (
        closing(Client(hook, lambda _, port: found("93.184.216.34", port=port))) as client,
        pytest.raises(NotSent, match="use https"),
    ):
        client.post(b"{}", HEADERS)


def test_a_name_that_is_none_and_a_port_where_nobody_listens(make_hook: MakeHook) -> None:
    def resolve(_: str, __: int) -> list[Found]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    hook = make_hook(0, url=BY_ANOTHER_NAME.format(port=80), allow_private=["hooks.example.com"])
    with closing(Client(hook, resolve)) as client, pytest.raises(NotSent, match="cannot be resolved: Name or service"):
        client.post(b"{}", HEADERS)
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    with closing(Client(make_hook(port))) as client, pytest.raises(NotSent, match="cannot be reached: Connection ref"):
        client.post(b"{}", HEADERS)


# -- servers that do not keep to the rules ----------------------------------------------------------------------------


def test_a_server_that_says_nothing_costs_no_more_than_the_time_limit(receiver: Receiver, make_hook: MakeHook) -> None:
    receiver.hold()
    with closing(Client(make_hook(receiver.port, timeout=1))) as client, pytest.raises(NotSent, match="within 1 s"):
        client.post(b"{}", HEADERS)


def test_a_server_that_drips_does_not_stretch_the_time_limit(make_hook: MakeHook) -> None:
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not ended.wait(0.1):
            connection.sendall(b"X-Drip: 1\r\n")

    server = RawServer(drip)
    with (
        closing(server),
        closing(Client(make_hook(server.port, timeout=1))) as client,
        pytest.raises(NotSent, match="within 1 s"),
    ):
        client.post(b"{}", HEADERS)
    ended.set()


def test_a_resolver_that_hangs_does_not_stretch_it_either(make_hook: MakeHook) -> None:
    ended = threading.Event()

    def resolve(_: str, port: int) -> list[Found]:
        ended.wait(60)
        return found("127.0.0.1", port=port)

    hook = make_hook(0, url=BY_ANOTHER_NAME.format(port=80), allow_private=["hooks.example.com"], timeout=1)
    with closing(Client(hook, resolve)) as client, pytest.raises(NotSent, match="not resolved within 1 s"):
        client.post(b"{}", HEADERS)
    ended.set()


def test_an_endless_answer_is_read_to_a_limit_and_its_status_counts(make_hook: MakeHook) -> None:
    broken_off = threading.Semaphore(0)

    def flood(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        try:
            while True:
                connection.sendall(b"x" * ANSWER_LIMIT)
        finally:
            broken_off.release()

    server = RawServer(flood)
    with closing(server), closing(Client(make_hook(server.port))) as client:
        assert client.post(b"{}", HEADERS).status == 200
        assert client.post(b"{}", HEADERS).status == 200
    assert server.connections == 2
    assert broken_off.acquire(timeout=30)
    assert broken_off.acquire(timeout=30)


def test_a_head_without_end_is_refused(make_hook: MakeHook) -> None:
    def flood(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X-More: " + b"x" * 1000 + b"\r\n")

    server = RawServer(flood)
    with closing(server), closing(Client(make_hook(server.port))) as client, pytest.raises(NotSent, match="is no HTTP"):
        client.post(b"{}", HEADERS)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "is no HTTP"),
        (b"", "without an answer"),
        (b"HTTP/1.1 ABC OK\r\n\r\n", "is no HTTP"),
    ],
)
def test_what_is_no_answer_is_said_to_be_none(make_hook: MakeHook, answer: bytes, said: str) -> None:
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer)

    server = RawServer(serve)
    with closing(server), closing(Client(make_hook(server.port))) as client, pytest.raises(NotSent, match=said):
        client.post(b"{}", HEADERS)


EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"


@pytest.mark.parametrize(
    ("interim", "status"),
    [
        (EARLY, 200),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + EARLY + b"HTTP/1.1 102 Processing\r\n\r\n" + EARLY, 200),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", 101),
    ],
)
def test_an_interim_answer_is_not_the_answer(make_hook: MakeHook, interim: bytes, status: int) -> None:
    def serve(connection: socket.socket) -> None:
        while True:
            read_request(connection)
            connection.sendall(interim + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    server = RawServer(serve)
    with closing(server), closing(Client(make_hook(server.port))) as client:
        assert client.post(b"{}", HEADERS).status == status
        if status == 200:
            assert client.post(b"{}", HEADERS).status == status
            assert server.connections == 1


def test_a_close_that_the_final_answer_announces_is_obeyed_after_an_interim_one(make_hook: MakeHook) -> None:
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(EARLY + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        connection.recv(1)

    server = RawServer(serve)
    with closing(server), closing(Client(make_hook(server.port))) as client:
        for count in (1, 2):
            assert client.post(b"{}", HEADERS).status == 200
            assert server.connections == count


def test_interim_answers_without_end_are_refused(make_hook: MakeHook) -> None:
    def flood(connection: socket.socket) -> None:
        read_request(connection)
        while True:
            connection.sendall(EARLY)

    server = RawServer(flood)
    with closing(server), closing(Client(make_hook(server.port, timeout=60))) as client:
        begun = time.monotonic()
        with pytest.raises(NotSent, match="is no HTTP"):
            client.post(b"{}", HEADERS)
        assert time.monotonic() - begun < 50


def test_an_exchange_can_be_ended_from_outside(receiver: Receiver, make_hook: MakeHook) -> None:
    receiver.hold()
    client = Client(make_hook(receiver.port, timeout=60))
    threading.Thread(target=lambda: (receiver.wait_for(1), client.abort()), daemon=True).start()
    begun = time.monotonic()
    with pytest.raises(NotSent):
        client.post(b"{}", HEADERS)
    with pytest.raises(NotSent, match="stops"):
        client.post(b"{}", HEADERS)
    assert time.monotonic() - begun < 50
    client.close()


# -- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[Receiver, Path]]:
    """A receiver with a certificate of its own for hooks.example.com and 127.0.0.1, and that certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hooks.example.com")])
    begin = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    names = [x509.DNSName("hooks.example.com"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin.replace(year=2100))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    ca, keys = tmp_path / "ca.pem", tmp_path / "key.pem"
    ca.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    keys.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca, keys)
    receiver = Receiver(context)
    yield receiver, ca
    receiver.close()


def test_tls_is_checked_against_the_name_of_the_url(tls: tuple[Receiver, Path], make_hook: MakeHook) -> None:
    receiver, ca = tls
    for host in ("hooks.example.com", "127.0.0.1"):
        hook = make_hook(0, url=f"https://{host}:{receiver.port}/", ca_file=str(ca))
        with closing(Client(hook, lambda _, port: found("127.0.0.1", port=port))) as client:
            assert client.post(b"{}", HEADERS).status == 200
            assert client.post(b"{}", HEADERS).status == 200
    assert len({sent.peer for sent in receiver.sent}) == 2
    other = make_hook(0, url=f"https://other.example.com:{receiver.port}/", ca_file=str(ca))
    with (
        closing(Client(other, lambda _, port: found("127.0.0.1", port=port))) as client,
        pytest.raises(NotSent, match=r"certificate of other\.example\.com is not trusted: Hostname mismatch"),
    ):
        client.post(b"{}", HEADERS)


def test_a_certificate_that_nobody_vouches_for_is_refused(tls: tuple[Receiver, Path], make_hook: MakeHook) -> None:
    receiver, _ = tls
    hook = make_hook(0, url=f"https://127.0.0.1:{receiver.port}/")
    with closing(Client(hook)) as client, pytest.raises(NotSent, match=r"not trusted: self.signed certificate"):
        client.post(b"{}", HEADERS)
    assert receiver.sent == []


def test_a_server_without_tls_is_said_to_have_none(receiver: Receiver, make_hook: MakeHook) -> None:
    hook = make_hook(0, url=f"https://127.0.0.1:{receiver.port}/", timeout=5)
    with closing(Client(hook)) as client, pytest.raises(NotSent, match="no TLS with"):
        client.post(b"{}", HEADERS)


def test_a_handshake_that_never_ends_is_ended(make_hook: MakeHook) -> None:
    ended = threading.Event()
    server = RawServer(lambda _: ended.wait(60) and None)
    hook = make_hook(0, url=f"https://127.0.0.1:{server.port}/", timeout=1)
    with closing(server), closing(Client(hook)) as client, pytest.raises(NotSent, match="within 1 s"):
        client.post(b"{}", HEADERS)
    ended.set()
