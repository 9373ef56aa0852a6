"""Serial ports on pseudo-terminals, a TCP socket and an RFC 2217 server, all of this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
import serial.rfc2217

from hardware.at.channel import AtChannel
from hardware.clock import SystemClock
from hardware.errors import ConnectionLost, PortUnavailable, SubmitUncertain
from hardware.serial_port import SerialTransport
from tests.hardware.at.bench import QuietHooks

pytestmark = pytest.mark.timeout(30)


class Pty:
    """A pseudo-terminal: `path` is the port, and the test is the modem at its other end."""

    def __init__(self) -> None:
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        os.close(slave)
        self._open = True

    def say(self, data: bytes) -> None:
        os.write(self._master, data)

    def hear(self, size: int = 4096) -> bytes:
        return os.read(self._master, size)

    def hear_until(self, end: bytes) -> bytes:
        heard = b""
        while not heard.endswith(end):
            heard += self.hear()
        return heard

    def unplug(self) -> None:
        if self._open:
            self._open = False
            os.close(self._master)


@pytest.fixture
def pty() -> Iterator[Pty]:
    modem = Pty()
    yield modem
    modem.unplug()


@pytest.fixture
def port(pty: Pty) -> Iterator[SerialTransport]:
    transport = SerialTransport(pty.path)
    yield transport
    transport.close()


def test_octets_go_both_ways_unchanged(pty: Pty, port: SerialTransport) -> None:
    everything = bytes(range(256))
    port.write(everything)
    assert pty.hear() == everything
    pty.say(everything)
    assert port.read(5) == everything
    assert port.read(0) == b""
    assert port.name == pty.path


def test_a_wake_ends_a_wakeable_read_only(port: SerialTransport) -> None:
    port.wake()
    port.wake()
    assert port.read(0.01) == b""
    started = time.monotonic()
    assert port.read(20, wakeable=True) == b""  # the wakes from before, once
    threading.Timer(0.05, port.wake).start()
    assert port.read(20, wakeable=True) == b""
    assert time.monotonic() - started < 10
    assert port.read(0.01, wakeable=True) == b""


def test_data_comes_before_a_wake_and_the_wake_is_not_lost(pty: Pty, port: SerialTransport) -> None:
    pty.say(b"x")
    port.wake()
    assert port.read(20, wakeable=True) == b"x"
    assert port.read(20, wakeable=True) == b""


def test_a_port_that_vanishes_is_noticed_at_once_while_reading(pty: Pty, port: SerialTransport) -> None:
    threading.Timer(0.05, pty.unplug).start()
    started = time.monotonic()
    with pytest.raises(ConnectionLost, match=pty.path):
        port.read(25)
    assert time.monotonic() - started < 10


def test_a_port_that_vanished_takes_nothing(pty: Pty, port: SerialTransport) -> None:
    pty.unplug()
    with pytest.raises(ConnectionLost):
        port.write(b"AT\r")
    with pytest.raises(ConnectionLost):
        port.read(0)


def test_a_port_that_takes_no_bytes_is_given_up_and_closed_without_draining(pty: Pty) -> None:
    port = SerialTransport(pty.path, write_timeout=0.05)
    with pytest.raises(ConnectionLost, match=r"no bytes for 0\.05 s"):
        port.write(b"x" * 1_000_000)
    started = time.monotonic()
    port.close()
    port.close()
    assert time.monotonic() - started < 5
    with pytest.raises(ConnectionLost, match="closed"):
        port.read(0)
    port.wake()  # another thread may not know yet


def test_a_port_is_held_by_one(pty: Pty) -> None:
    first = SerialTransport(pty.path)
    with pytest.raises(PortUnavailable, match="another program"):
        SerialTransport(pty.path)
    first.close()
    SerialTransport(pty.path).close()


def run_script(path: str, *lines: str) -> str:
    """Run a script in another process; `sys.argv[1]` is the port. Returns what it prints."""
    head = ("import os, sys", "from hardware.errors import PortUnavailable", "from hardware.serial_port import *")
    return subprocess.run(
        [sys.executable, "-c", "\n".join((*head, *lines)), path],
        check=False,
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def test_a_port_whose_holder_was_killed_can_be_opened_again(pty: Pty) -> None:
    said = run_script(pty.path, "SerialTransport(sys.argv[1])", "print('open', flush=True)", "os.kill(os.getpid(), 9)")
    assert said == "open\n"
    SerialTransport(pty.path).close()


def test_a_missing_port_is_said_to_be_and_not_made(tmp_path: Path) -> None:
    missing = tmp_path / "ttyUSB0"
    with pytest.raises(PortUnavailable, match="no such device"):
        SerialTransport(str(missing))
    assert not missing.exists()


def test_what_is_no_serial_port(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    for path in (str(plain), str(tmp_path), "/dev/null"):
        with pytest.raises(PortUnavailable, match="not a serial"):
            SerialTransport(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without permission")
def test_a_missing_permission_names_the_group(pty: Pty) -> None:
    Path(pty.path).chmod(0o600)
    said = run_script(
        pty.path,
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)",
        "try: SerialTransport(sys.argv[1])",
        "except PortUnavailable as error: print(error)",
    )
    assert "permission" in said
    assert "dialout" in said


@pytest.mark.parametrize(
    "url",
    ["socket://localhost", "socket://:99999", "ftp://localhost:1", "socket://127.0.0.1:1", "rfc2217://127.0.0.1:1"],
)
def test_urls_that_lead_nowhere(url: str) -> None:
    with pytest.raises(PortUnavailable):
        SerialTransport(url)


def test_an_impossible_speed(pty: Pty) -> None:
    with pytest.raises(PortUnavailable):
        SerialTransport(pty.path, baudrate=-1)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_socket(listener: socket.socket) -> None:
    port = SerialTransport(f"socket://127.0.0.1:{listener.getsockname()[1]}")
    with listener.accept()[0] as modem:
        port.write(b"AT\r")
        assert modem.recv(10) == b"AT\r"
        modem.sendall(b"\r\nOK\r\n")
        assert port.read(20) == b"\r\nOK\r\n"
        port.wake()
        assert port.read(20, wakeable=True) == b""
    with pytest.raises(ConnectionLost):
        port.read(20)
    port.close()


def _serve_rfc2217(connection: socket.socket, stop: threading.Event) -> None:
    line = serial.serial_for_url("loop://", timeout=0.01)

    class Sender:
        def write(self, data: bytes) -> None:
            connection.sendall(data)

    manager = serial.rfc2217.PortManager(line, Sender())
    connection.settimeout(0.01)
    while not stop.is_set():
        try:
            received = connection.recv(1024)
            if not received:
                break
            line.write(b"".join(manager.filter(received)))
        except TimeoutError:
            pass
        if line.in_waiting:
            connection.sendall(b"".join(manager.escape(line.read(line.in_waiting))))
    connection.close()


@pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning", "ignore:setName:DeprecationWarning")
def test_an_rfc2217_port(listener: socket.socket) -> None:
    stop = threading.Event()
    server = threading.Thread(target=lambda: _serve_rfc2217(listener.accept()[0], stop))
    server.start()
    port = SerialTransport(f"rfc2217://127.0.0.1:{listener.getsockname()[1]}")
    port.write(b"AT\xff\r")
    heard = b""
    while len(heard) < 4:
        heard += port.read(20)
    assert heard == b"AT\xff\r"
    threading.Timer(0.05, port.wake).start()
    started = time.monotonic()
    assert port.read(20, wakeable=True) == b""
    assert time.monotonic() - started < 10
    assert port.read(0) == b""
    stop.set()
    server.join()
    with pytest.raises(ConnectionLost):
        port.read(20)
    port.close()


def test_a_submit_on_a_real_port(pty: Pty, port: SerialTransport) -> None:
    def modem() -> None:
        pty.hear_until(b"AT+CMGS=13\r")
        pty.say(b"AT+CMGS=13\r\r\n> ")
        pty.hear_until(b"\x1a")
        pty.say(b'\r\n+CMTI: "SM",1\r\n\r\n+CMGS: 8\r\n\r\nOK\r\n')

    threading.Thread(target=modem, daemon=True).start()
    channel = AtChannel(port, SystemClock())
    assert channel.submit(13, "00" * 14, QuietHooks()) == 8
    assert [news.prefix for news in channel.indications] == ["+CMTI"]


def test_a_port_that_vanishes_under_a_submit_is_noticed_at_once(pty: Pty, port: SerialTransport) -> None:
    def modem() -> None:
        pty.hear_until(b"AT+CMGS=13\r")
        pty.say(b"> ")
        pty.hear_until(b"\x1a")
        pty.unplug()

    threading.Thread(target=modem, daemon=True).start()
    started = time.monotonic()
    with pytest.raises(SubmitUncertain):
        AtChannel(port, SystemClock()).submit(13, "00" * 14, QuietHooks(), prompt_timeout=20, result_timeout=25)
    assert time.monotonic() - started < 15
