"""Which serial ports are modems, which of a modem's ports takes AT, and which modem is the one that is meant.

A port's name may change with every plug; a modem's IMEI and its card's ICCID do not. Only ports with the USB id of a
known modem are written to unless the caller says otherwise: an AT on somebody's printer does no good.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

from serial.tools import list_ports

from hardware.clock import Clock, SystemClock
from hardware.errors import PortUnavailable
from hardware.modem import Identity
from hardware.modem.inspection import identify
from hardware.modem.status import masked
from hardware.profiles import PROFILES, UsbPort
from hardware.serial_port import SerialTransport
from hardware.transport import Transport

AUTO = "auto"
"""The configured port that means: find it."""
_INTERFACE = re.compile(r":\d+\.(\d+)\Z")
_PATIENCE = 20.0  # seconds to wait for another search: one whose port hangs while it is opened holds nobody up for good

Opener = Callable[[str], Transport]
"""Opens a port by name; raises PortUnavailable."""


@dataclass(frozen=True, slots=True)
class SerialPort:
    """One serial port of this machine; USB numbers are None for others."""

    device: str
    vendor: int | None = None
    product: int | None = None
    interface: int | None = None
    """bInterfaceNumber, which stays when the names of ports change."""
    hub_place: str = ""
    """Where the USB device is plugged: the same for all ports of one modem."""
    description: str = ""


@dataclass(frozen=True, slots=True)
class FoundModem:
    """A port that takes AT, and who answered there."""

    port: SerialPort
    identity: Identity


def serial_ports() -> list[SerialPort]:
    """All serial ports that this machine has now."""
    ports = []
    for found in list_ports.comports():
        place = found.location or ""
        interface = _INTERFACE.search(place)
        ports.append(
            SerialPort(
                found.device,
                found.vid,
                found.pid,
                int(interface[1]) if interface else None,
                place.partition(":")[0],
                found.description or "",
            )
        )
    return ports


def is_pseudo_terminal(device: str) -> bool:
    """Whether a path leads to a pseudo-terminal: behind one there is a program, the simulator mostly, and no modem."""
    return os.path.realpath(device).startswith("/dev/pts/")


def candidates(ports: Iterable[SerialPort], *, probe_all: bool = False) -> list[SerialPort]:
    """Ports to look at, the likeliest first: of a known modem the interfaces that take AT, then its others."""
    ranked = [(_rank(port), port.hub_place, port.device, port) for port in ports]
    return [port for rank, _, _, port in sorted(ranked, key=lambda entry: entry[:3]) if rank < _UNKNOWN or probe_all]


_UNRANKED, _UNLIKELY, _UNKNOWN = 50, 100, 1000
_NEVER = re.compile(r"diag|nmea|gps|audio", re.IGNORECASE)


def _rank(port: SerialPort) -> int:
    row = _row(port)
    if row is None:
        return _UNKNOWN
    if port.interface in row.interfaces:
        return row.interfaces.index(port.interface)
    if _NEVER.search(port.description):
        return _UNLIKELY + 1
    return _UNLIKELY if row.interfaces else _UNRANKED


def _row(port: SerialPort) -> UsbPort | None:
    rows = [row for profile in PROFILES for row in profile.ports if row.vendor == port.vendor]
    exact = [row for row in rows if row.product == port.product]
    return next(iter(exact or [row for row in rows if row.product is None]), None)


def find_modems(
    opener: Opener,
    clock: Clock,
    *,
    ports: Iterable[SerialPort] | None = None,
    probe_all: bool = False,
    skip: Collection[str] = (),
) -> list[FoundModem]:
    """Every modem of this machine once, by the best of its ports; `skip` names ports that are in use."""
    found: list[FoundModem] = []
    for port in candidates(serial_ports() if ports is None else ports, probe_all=probe_all):
        if port.device in skip or any(_same_device(port, modem.port) for modem in found):
            continue
        try:
            transport = opener(port.device)
        except PortUnavailable:
            continue
        try:
            identity = identify(transport, clock)
        finally:
            transport.close()
        if identity is not None and not any(_same_modem(identity, other.identity) for other in found):
            found.append(FoundModem(port, identity))
    return found


@dataclass(slots=True)
class _Looked:
    """What a search came by."""

    answered: dict[str, Identity] = field(default_factory=dict)
    opened: int = 0
    held: list[str] = field(default_factory=list)


class PortSearch:
    """Opens the port of the modem that is meant; one for all modems of a process, from any thread.

    Many may look at the port where their modem was at once; whoever has to search does so alone, so that two modems
    that have changed their names do not keep each other's ports busy.
    """

    def __init__(
        self, clock: Clock, *, ports: Callable[[], Iterable[SerialPort]] = serial_ports, probe_all: bool = False
    ) -> None:
        self._clock, self._ports, self._probe_all = clock, ports, probe_all
        self._changed = threading.Condition()
        self._looking, self._searching = 0, False

    def open(
        self,
        path: str,
        opener: Opener,
        *,
        imei: str | None = None,
        iccid: str | None = None,
        skip: Collection[str] = (),
    ) -> Transport:
        """Open `path`, or the port where the modem with that identity answers.

        With `imei` or `iccid` identity decides and `path` is only where to look first; without, `path` is opened as it
        is, and for AUTO the first port where a modem answers that is not in `skip`, the ports of others. Ports that
        others hold are passed over. A locked card may hide its ICCID: where only that is asked for and no modem tells
        it, the one at `path` whose card tells none is taken. Raises PortUnavailable, which says what was looked for and
        where.
        """
        wanted = imei is not None or iccid is not None
        if path != AUTO and not wanted:
            return opener(path)
        if path != AUTO:
            with self._look():
                found = self._first(path, opener, imei, iccid)
            if found is not None:
                return found
        with self._search():
            passed = set() if wanted else {os.path.realpath(one) for one in skip}
            return self._anywhere(path, opener, imei, iccid, passed)

    def _first(self, path: str, opener: Opener, imei: str | None, iccid: str | None) -> Transport | None:
        """The modem that is meant where it was before; a card that hides its number is left to the search."""
        try:
            transport = opener(path)
        except PortUnavailable:
            return None
        with contextlib.ExitStack() as others:
            others.callback(transport.close)
            identity = identify(transport, self._clock)
            if identity is None or not _meant(identity, imei, iccid):
                return None
            others.pop_all()
            return transport

    def _anywhere(
        self, path: str, opener: Opener, imei: str | None, iccid: str | None, skip: Collection[str]
    ) -> Transport:
        likely = (port.device for port in candidates(self._ports(), probe_all=self._probe_all))
        devices = dict.fromkeys((*(() if path == AUTO else (path,)), *likely))
        looked, hidden = _Looked(), None
        with contextlib.ExitStack() as kept:
            for device in devices:
                if os.path.realpath(device) in skip:
                    continue
                try:
                    transport = opener(device)
                except PortUnavailable as error:
                    looked.held += [device] if error.kind == "held" else []
                    continue
                looked.opened += 1
                with contextlib.ExitStack() as others:
                    others.callback(transport.close)
                    identity = identify(transport, self._clock)
                    if identity is None:
                        continue
                    if _meant(identity, imei, iccid):
                        others.pop_all()
                        return transport
                    looked.answered[device] = identity
                    if device == path and imei is None and identity.iccid is None:
                        kept.push(others.pop_all())
                        hidden = transport
            if hidden is not None:
                kept.pop_all()
                return hidden
        raise _missed(path, imei, iccid, looked)

    @contextlib.contextmanager
    def _look(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._searching, _PATIENCE)
            self._looking += 1
        try:
            yield
        finally:
            with self._changed:
                self._looking -= 1
                self._changed.notify_all()

    @contextlib.contextmanager
    def _search(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._searching, _PATIENCE)
            self._searching = True
            self._changed.wait_for(lambda: not self._looking, _PATIENCE)
        try:
            yield
        finally:
            with self._changed:
                self._searching = False
                self._changed.notify_all()


def open_port(path: str, *, baudrate: int = 115_200, rtscts: bool = False) -> Transport:
    """Open a port of this machine as it is, AUTO for the first one where a modem answers; raises PortUnavailable."""
    return PortSearch(SystemClock()).open(path, opener_with(baudrate, rtscts=rtscts))


def opener_with(baudrate: int, *, rtscts: bool) -> Opener:
    """Opens serial ports with these settings."""

    def opener(device: str) -> Transport:
        return SerialTransport(device, baudrate=baudrate, rtscts=rtscts)

    return opener


def _meant(identity: Identity, imei: str | None, iccid: str | None) -> bool:
    """Whether everything that was asked for and is told agrees, and something is told of it."""
    asked = [(imei, identity.imei, 14), (iccid, identity.iccid, 18)]  # without check digits
    known = [(want, have, length) for want, have, length in asked if want is not None and have is not None]
    if imei is None and iccid is None:
        return True
    return bool(known) and all(want[:length] == have[:length] for want, have, length in known)


def _missed(path: str, imei: str | None, iccid: str | None, looked: _Looked) -> PortUnavailable:
    names = [f"{name} {masked(value)}" for name, value in (("IMEI", imei), ("ICCID", iccid)) if value is not None]
    which = f"no modem with {' and '.join(names)}" if names else "no modem that answers"
    said = [f"{which} on the {looked.opened} ports that could be opened"]
    there = looked.answered.get(path)
    kind = "not_found"
    if there is not None:
        same = imei is not None and there.imei is not None and imei[:14] == there.imei[:14]
        who = (("IMEI", imei, there.imei), ("ICCID", iccid, there.iccid))
        others = [f"{name} {masked(have)}" for name, want, have in who if want is not None and have is not None]
        said.append(f"at {path} answers {'one with ' + ' and '.join(others) if others else 'another one'}")
        kind = "sim_wrong" if same or imei is None else "not_found"
    if looked.held:
        said.append(f"{', '.join(looked.held)}: held by another modem of the gateway or by another program")
        kind = "held" if path in looked.held and looked.opened == 0 else kind
    said.append("check plug and power")
    return PortUnavailable(path, "; ".join(said), kind)


def _same_device(one: SerialPort, other: SerialPort) -> bool:
    return bool(one.hub_place) and one.hub_place == other.hub_place


def _same_modem(one: Identity, other: Identity) -> bool:
    return one.imei is not None and one.imei == other.imei
