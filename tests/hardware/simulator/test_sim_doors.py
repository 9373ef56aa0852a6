from __future__ import annotations

import os
import select
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware.clock import FakeClock, SystemClock
from hardware.errors import ConnectionLost, PortUnavailable
from hardware.simulator import SimCard, SimulatedModem, SimulatedNetwork, SimulatorServer
from tests.hardware.simulator.terminal import PHONE, terminal, tpdu

# In process


def test_reading_moves_the_clock_to_the_next_event_and_no_further() -> None:
    line = terminal()
    start = line.clock.boot()
    line.network.after(7.0, lambda: line.modem.news("RING"))
    assert line.transport.read(60.0) == b"\r\nRING\r\n"
    assert line.clock.boot() == start + 7


def test_reading_nothing_takes_the_whole_time() -> None:
    line = terminal()
    start = line.clock.boot()
    assert line.transport.read(60.0) == b""
    assert line.clock.boot() == start + 60


def test_a_wake_ends_a_wakeable_read_once() -> None:
    line = terminal()
    start = line.clock.boot()
    line.transport.wake()
    assert line.transport.read(5.0) == b""
    assert line.clock.boot() == start + 5, "this read was not wakeable"
    assert line.transport.read(5.0, wakeable=True) == b""
    assert line.clock.boot() == start + 5
    assert line.transport.read(5.0, wakeable=True) == b""
    assert line.clock.boot() == start + 10


def test_a_wake_from_an_event_ends_the_wait() -> None:
    line = terminal()
    start = line.clock.boot()
    line.network.after(3.0, line.transport.wake)
    assert line.transport.read(60.0, wakeable=True) == b""
    assert line.clock.boot() == start + 3


def test_a_closed_door_is_closed() -> None:
    line = terminal()
    line.transport.close()
    line.transport.close()
    with pytest.raises(ConnectionLost):
        line.transport.read(1.0)


def test_the_in_process_door_is_for_simulated_time_only() -> None:
    modem = SimulatedModem(SimulatedNetwork(SystemClock()), SimCard())
    with pytest.raises(TypeError, match="SimulatorServer"):
        modem.transport()


def test_a_port_that_is_gone_cannot_be_opened() -> None:
    modem = SimulatedModem(SimulatedNetwork(FakeClock()), SimCard())
    modem.vanish(None)
    with pytest.raises(PortUnavailable):
        modem.transport()


# Pseudo-terminals


Served = tuple[SimulatorServer, SimulatedModem, SimulatedModem]


class Client:
    """Another program with a port open."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self.descriptor)

    def write(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def until(self, end: bytes) -> bytes:
        heard = b""
        while end not in heard:
            ready, _, _ = select.select([self.descriptor], [], [], 10)
            assert ready, f"silence after {heard!r}"
            octets = os.read(self.descriptor, 4096)
            if not octets:
                raise OSError("hung up")
            heard += octets
        return heard

    def hangs_up(self) -> bool:
        poll = select.poll()
        poll.register(self.descriptor, 0)
        return bool(poll.poll(10_000))

    def close(self) -> None:
        os.close(self.descriptor)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    network = SimulatedNetwork(SystemClock(), submit_seconds=0, delivery_seconds=0, report_seconds=0)
    first = SimulatedModem(network, SimCard(), name="first")
    second = SimulatedModem(network, SimCard(imsi="001010000000002", number="+447700900151"), name="second")
    with SimulatorServer(network, [first, second], tmp_path / "ports") as server:
        yield server, first, second


def test_programs_open_close_and_open_again(served: Served) -> None:
    server, first, _ = served
    for _ in range(5):
        client = Client(server.path(first))
        client.write("AT\r")
        assert client.until(b"OK\r\n") == b"AT\r\r\nOK\r\n"
        client.close()


def test_a_message_goes_through_and_its_report_comes_back(served: Served) -> None:
    server, first, _ = served
    client = Client(server.path("first"))
    client.write("ATE0+CNMI=2,1,0,1,0\r")
    client.until(b"OK\r\n")
    pdu = tpdu("over the pty", report=True)
    client.write(f"AT+CMGS={len(pdu)}\r")
    client.until(b"> ")
    client.write(f"00{pdu.hex()}\x1a")
    heard = client.until(b"00\r\n")
    assert heard.startswith(b"\r\n+CMGS: 0\r\n\r\nOK\r\n\r\n+CDS: 25\r\n")
    assert server.call(lambda: first.network.handset(PHONE).texts) == ["over the pty"]
    client.close()


def test_modems_do_not_share_a_line_and_calls_reach_the_simulation(served: Served) -> None:
    server, first, second = served
    one, two = Client(server.path(first)), Client(server.path(second))
    server.call(lambda: second.news("RING"))
    assert two.until(b"RING\r\n") == b"\r\nRING\r\n"
    one.write("AT\r")
    assert one.until(b"OK\r\n") == b"AT\r\r\nOK\r\n"
    with pytest.raises(ZeroDivisionError):
        server.call(lambda: 1 // 0)
    one.close()
    two.close()


def test_a_port_vanishes_and_comes_back_under_another_name(served: Served) -> None:
    server, first, _ = served
    client = Client(server.directory / "tty-first")
    server.call(lambda: first.vanish(None, reboot=False))
    assert client.hangs_up()
    assert not server.path(first).exists() and not (server.directory / "tty-first").exists()
    client.close()
    server.call(lambda: first.restore("ttyUSB7"))
    server.call(lambda: None)
    again = Client(server.path(first))
    assert server.path(first).resolve() == (server.directory / "ttyUSB7").resolve()
    again.write("AT\r")
    again.until(b"OK\r\n")
    again.close()


def test_what_is_said_to_nobody_is_not_heard_later(served: Served) -> None:
    server, first, _ = served
    Client(server.path(first)).close()
    server.call(lambda: first.news("RING"))
    server.call(lambda: None)
    client = Client(server.path(first))
    client.write("AT\r")
    assert client.until(b"OK\r\n") == b"AT\r\r\nOK\r\n"
    client.close()


def test_a_long_answer_to_a_slow_reader_is_whole(served: Served) -> None:
    server, first, _ = served
    client = Client(server.path(first))
    server.call(lambda: [first.news(f"+NEWS: {number:05d}") for number in range(3000)])
    heard = client.until(b"02999\r\n")
    assert heard.count(b"+NEWS: ") == 3000
    client.close()


def test_stopping_takes_the_ports_away(tmp_path: Path) -> None:
    network = SimulatedNetwork(SystemClock())
    server = SimulatorServer(network, [SimulatedModem(network, SimCard(), name="only")], tmp_path)
    server.start()
    client = Client(server.path("only"))
    server.stop()
    server.stop()
    assert client.hangs_up()
    assert not server.path("only").is_symlink()
    client.close()
