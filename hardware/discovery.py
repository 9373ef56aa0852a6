"""Which serial ports are modems, which of a modem's ports takes AT, and which modem is the one that is meant.

A port's name may change with every plug; a modem's IMEI and its card's ICCID do not. Only ports with the USB id of a
known modem are written to unless the caller says otherwise: an AT on somebody's printer does no good.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

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


def open_by_identity(
    path: str,
    opener: Opener,
    clock: Clock,
    *,
    imei: str | None = None,
    iccid: str | None = None,
    ports: Iterable[SerialPort] | None = None,
    probe_all: bool = False,
) -> Transport:
    """Open the port of the modem that is meant.

    With `imei` or `iccid` identity decides and `path` is only where to look first; without, `path` is opened as it is,
    and for AUTO the first port where a modem answers. Ports that others hold are passed over. A locked card may hide
    its ICCID: where only that is asked for and no modem tells it, the one at `path` whose card tells none is taken.
    Raises PortUnavailable, which says what was looked for and where.
    """
    wanted = imei is not None or iccid is not None
    if path != AUTO and not wanted:
        return opener(path)
    first = [] if path == AUTO else [path]
    others = candidates(serial_ports() if ports is None else ports, probe_all=probe_all)
    looked, held, hidden = 0, False, None
    for device in dict.fromkeys((*first, *(port.device for port in others))):
        try:
            transport = opener(device)
        except PortUnavailable as closed:
            held |= closed.held and device == path
            continue
        looked += 1
        identity = identify(transport, clock)
        if identity is not None and _meant(identity, imei, iccid):
            if hidden is not None:
                hidden.close()
            return transport
        if identity is not None and device == path and imei is None and identity.iccid is None:
            hidden = transport
            continue
        transport.close()
    if hidden is not None:
        return hidden
    raise PortUnavailable(path, _missed(imei, iccid, looked), held=held)


def open_port(
    path: str, *, baudrate: int = 115_200, rtscts: bool = False, imei: str | None = None, iccid: str | None = None
) -> Transport:
    """`open_by_identity` over this machine's serial ports; raises PortUnavailable."""

    def opener(device: str) -> Transport:
        return SerialTransport(device, baudrate=baudrate, rtscts=rtscts)

    return open_by_identity(path, opener, SystemClock(), imei=imei, iccid=iccid)


def _meant(identity: Identity, imei: str | None, iccid: str | None) -> bool:
    """Whether everything that was asked for and is told agrees, and something is told of it."""
    asked = [(imei, identity.imei, 14), (iccid, identity.iccid, 18)]  # without check digits
    known = [(want, have, length) for want, have, length in asked if want is not None and have is not None]
    if imei is None and iccid is None:
        return True
    return bool(known) and all(want[:length] == have[:length] for want, have, length in known)


def _missed(imei: str | None, iccid: str | None, looked: int) -> str:
    names = [f"{name} {masked(value)}" for name, value in (("IMEI", imei), ("ICCID", iccid)) if value is not None]
    which = f"no modem with {' and '.join(names)}" if names else "no modem that answers"
    return f"{which} on the {looked} ports that could be opened; check plug, power, and which program holds the others"


def _same_device(one: SerialPort, other: SerialPort) -> bool:
    return bool(one.hub_place) and one.hub_place == other.hub_place


def _same_modem(one: Identity, other: Identity) -> bool:
    return one.imei is not None and one.imei == other.imei
