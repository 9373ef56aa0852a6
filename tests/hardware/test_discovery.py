"""Finding modems by what they are, not by what their ports are called today."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from hardware import discovery
from hardware.clock import FakeClock
from hardware.discovery import AUTO, PortSearch, SerialPort, candidates, find_modems
from hardware.errors import PortUnavailable
from hardware.simulator import EC25, GENERIC, HUAWEI, SimCard, SimulatedModem, SimulatedNetwork
from hardware.transport import Transport

IMEI_A, IMEI_B = "490154203237518", "356938035643809"
ICCID_A, ICCID_B = "8944100000000000017", "8944100000000000025"


class Machine:
    """Ports by name: a modem, or something that says nothing. Remembers which were opened and which are still open."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        network = SimulatedNetwork(self.clock)
        sims = SimCard(iccid=ICCID_A), SimCard(imsi="001010000000002", iccid=ICCID_B, number="+447700900151")
        self.huawei = SimulatedModem(network, sims[0], HUAWEI, name="a", imei=IMEI_A)
        self.quectel = SimulatedModem(network, sims[1], EC25, name="b", imei=IMEI_B)
        self.mute = SimulatedModem(network, None, GENERIC, name="c")
        self.mute.fall_silent()
        self.there = {
            "/dev/ttyUSB0": self.mute,
            "/dev/ttyUSB1": self.huawei,
            "/dev/ttyUSB2": self.mute,
            "/dev/ttyUSB3": self.quectel,
            "/dev/ttyS0": self.mute,
        }
        self.opened: list[str] = []
        self.open_now: set[str] = set()
        self.held: set[str] = set()

    def find(self, path: str, imei: str | None = None, iccid: str | None = None) -> Transport:
        return PortSearch(self.clock, ports=lambda: PORTS).open(path, self.open, imei=imei, iccid=iccid)

    def open(self, name: str) -> Transport:
        if name in self.held or name not in self.there:
            raise PortUnavailable(name, "held by another program", "held" if name in self.held else "missing")
        self.opened.append(name)
        self.open_now.add(name)
        return Named(self, name, self.there[name].transport())


class Named:
    def __init__(self, machine: Machine, name: str, transport: Transport) -> None:
        self.name, self._machine, self._transport = name, machine, transport
        self.write, self.read, self.wake = transport.write, transport.read, transport.wake

    def close(self) -> None:
        self._machine.open_now.discard(self.name)
        self._transport.close()


PORTS = [
    SerialPort("/dev/ttyS0"),
    SerialPort("/dev/ttyUSB0", 0x12D1, 0x1506, 0, "1-1"),
    SerialPort("/dev/ttyUSB1", 0x12D1, 0x1506, 1, "1-1"),
    SerialPort("/dev/ttyUSB2", 0x2C7C, 0x0125, 0, "1-2", "EC25 diag"),
    SerialPort("/dev/ttyUSB3", 0x2C7C, 0x0125, 2, "1-2"),
]


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_only_ports_of_known_modems_are_candidates_and_the_likeliest_come_first() -> None:
    names = [port.device for port in candidates(PORTS)]
    assert names == ["/dev/ttyUSB3", "/dev/ttyUSB0", "/dev/ttyUSB1", "/dev/ttyUSB2"]
    assert [port.device for port in candidates(PORTS, probe_all=True)][-1] == "/dev/ttyS0"


def test_each_modem_is_found_once_by_its_at_port(machine: Machine) -> None:
    found = find_modems(machine.open, machine.clock, ports=PORTS)
    assert {(modem.port.device, modem.identity.imei) for modem in found} == {
        ("/dev/ttyUSB1", IMEI_A),
        ("/dev/ttyUSB3", IMEI_B),
    }
    assert "/dev/ttyS0" not in machine.opened
    assert not machine.open_now


def test_a_path_without_identity_is_opened_as_it_is(machine: Machine) -> None:
    assert machine.find("/dev/ttyUSB2").name == "/dev/ttyUSB2"
    assert machine.opened == ["/dev/ttyUSB2"]


@pytest.mark.parametrize("path", ["/dev/ttyUSB1", "/dev/ttyUSB0", "/dev/ttyUSB3", "/dev/gone", AUTO])
@pytest.mark.parametrize(
    ("imei", "iccid"), [(IMEI_A, None), (None, ICCID_A), (IMEI_A, ICCID_A), (IMEI_A[:14], ICCID_A[:18])]
)
def test_identity_decides_wherever_the_path_leads(
    machine: Machine, path: str, imei: str | None, iccid: str | None
) -> None:
    transport = machine.find(path, imei=imei, iccid=iccid)
    assert transport.name == "/dev/ttyUSB1"
    assert machine.open_now == {"/dev/ttyUSB1"}
    assert path == AUTO or path == "/dev/gone" or machine.opened[0] == path


def test_auto_takes_the_first_modem_that_nobody_holds(machine: Machine) -> None:
    machine.held.add("/dev/ttyUSB3")
    assert machine.find(AUTO).name == "/dev/ttyUSB1"


def test_what_is_not_there_is_said_without_naming_it_in_full(machine: Machine) -> None:
    with pytest.raises(PortUnavailable) as missed:
        machine.find(AUTO, imei="111111111111111")
    assert "IMEI …1111" in str(missed.value)
    assert "111111111111111" not in str(missed.value)
    assert not machine.open_now


def test_a_card_in_the_wrong_modem_is_not_taken(machine: Machine) -> None:
    with pytest.raises(PortUnavailable):
        machine.find(AUTO, imei=IMEI_A, iccid=ICCID_B)


def hide_card(modem: SimulatedModem) -> None:
    modem.personality = replace(modem.personality, unsupported=frozenset({"+CCID", "+ICCID", "+QCCID", "^ICCID"}))


def test_a_card_that_hides_its_number_is_taken_where_the_path_says(machine: Machine) -> None:
    hide_card(machine.huawei)
    transport = machine.find("/dev/ttyUSB1", iccid=ICCID_A)
    assert transport.name == "/dev/ttyUSB1"
    assert machine.open_now == {"/dev/ttyUSB1"}


def test_a_card_that_tells_its_number_is_preferred_to_one_that_hides_it(machine: Machine) -> None:
    hide_card(machine.quectel)
    transport = machine.find("/dev/ttyUSB3", iccid=ICCID_A)
    assert transport.name == "/dev/ttyUSB1"
    assert machine.open_now == {"/dev/ttyUSB1"}


@pytest.mark.parametrize(("path", "imei"), [(AUTO, None), ("/dev/ttyUSB0", None), ("/dev/ttyUSB1", IMEI_B)])
def test_a_hidden_number_is_no_leave_to_take_any_modem(machine: Machine, path: str, imei: str | None) -> None:
    hide_card(machine.huawei)
    with pytest.raises(PortUnavailable):
        machine.find(path, imei=imei, iccid=ICCID_A)
    assert not machine.open_now


class ToldToEndError(BaseException):
    """What nothing handles, raised out of a port."""


@pytest.mark.parametrize("path", ["/dev/ttyUSB1", "/dev/ttyUSB3", AUTO])
@pytest.mark.parametrize("broken", ["/dev/ttyUSB1", "/dev/ttyUSB3", None])
@pytest.mark.parametrize("error", [ToldToEndError, ZeroDivisionError])
def test_no_port_is_left_open_by_an_error(
    machine: Machine, path: str, broken: str | None, error: type[BaseException]
) -> None:
    """Neither the one whose modem was asked, nor one that was kept for want of a better one."""
    hide_card(machine.quectel)

    def opener(name: str) -> Transport:
        transport = machine.open(name)
        if name == broken:
            transport.read = _raising(error)  # type: ignore[method-assign]
        elif broken is None and name == "/dev/ttyUSB0":
            transport.close()
            raise error
        return transport

    with pytest.raises(error):
        PortSearch(machine.clock, ports=lambda: PORTS).open(path, opener, iccid="8944100000000000099")
    assert not machine.open_now


def _raising(error: type[BaseException]) -> Callable[..., bytes]:
    def read(timeout: float, *, wakeable: bool = False) -> bytes:
        raise error

    return read


def test_a_search_waits_until_the_others_have_looked_at_their_own_ports(machine: Machine) -> None:
    """Else two modems that have swapped names hold each other's ports, and neither finds its own."""
    looking, go_on = threading.Event(), threading.Event()
    order: list[str] = []

    def slow(name: str) -> Transport:
        order.append(f"looks at {name}")
        looking.set()
        assert go_on.wait(30)
        order.append("has looked")
        return machine.open(name)

    def quick(name: str) -> Transport:
        if name != "/dev/gone":
            order.append(f"searches {name}")
        return machine.open(name)

    search = PortSearch(machine.clock, ports=lambda: PORTS)
    found: dict[str, str] = {}

    def look() -> None:
        found["one"] = search.open("/dev/ttyUSB1", slow, imei=IMEI_A).name

    def seek() -> None:
        assert looking.wait(30)
        found["two"] = search.open("/dev/gone", quick, imei=IMEI_B).name

    threads = [threading.Thread(target=work) for work in (look, seek)]
    for thread in threads:
        thread.start()
    threads[1].join(0.1)  # it has to wait, however long that is
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert found == {"one": "/dev/ttyUSB1", "two": "/dev/ttyUSB3"}
    assert order[:2] == ["looks at /dev/ttyUSB1", "has looked"]


def test_a_port_that_hangs_while_it_is_opened_holds_nobody_up_for_good(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "_PATIENCE", 0.01)
    hanging, go_on = threading.Event(), threading.Event()

    def hang(name: str) -> Transport:
        hanging.set()
        assert go_on.wait(60)
        raise PortUnavailable(name, "gone at last")

    def hung() -> None:
        with pytest.raises(PortUnavailable):
            search.open("/dev/gone", hang, imei=IMEI_A)

    search = PortSearch(machine.clock, ports=lambda: PORTS)
    thread = threading.Thread(target=hung)
    thread.start()
    try:
        assert hanging.wait(30)
        assert search.open("/dev/away", machine.open, imei=IMEI_B).name == "/dev/ttyUSB3"
        assert search.open("/dev/ttyUSB3", machine.open, imei=IMEI_B).name == "/dev/ttyUSB3"
    finally:
        go_on.set()
        thread.join(30)


def test_any_modem_is_none_that_another_one_names(machine: Machine) -> None:
    search = PortSearch(machine.clock, ports=lambda: PORTS)
    assert search.open(AUTO, machine.open, skip=["/dev/ttyUSB3"]).name == "/dev/ttyUSB1"
    assert "/dev/ttyUSB3" not in machine.opened


def test_ports_that_others_hold_and_who_answers_in_place_are_named(machine: Machine) -> None:
    machine.held.add("/dev/ttyUSB1")
    with pytest.raises(PortUnavailable) as missed:
        machine.find("/dev/ttyUSB3", iccid=ICCID_A)
    assert missed.value.kind == "sim_wrong"
    assert "/dev/ttyUSB1: held by" in str(missed.value)
    assert f"answers one with ICCID …{ICCID_B[-4:]}" in str(missed.value)
