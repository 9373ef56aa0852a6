"""What `simwire doctor` and `simwire init` look at: sticks and ports of this machine, and who uses them."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import click

from gateway.config import ModemConfig
from gateway.diagnosis import PortSight, Stick
from hardware.clock import SystemClock
from hardware.discovery import AUTO, SerialPort, candidates, opener_with, serial_ports
from hardware.errors import PortUnavailable
from hardware.modem import identify
from hardware.port_holders import Process, holders, running
from hardware.usb_devices import UsbDevice, UsbMode, console_ports, usb_devices

SUSPECTS = frozenset({"simwire", "ModemManager", "brltty", "agetty", "getty", "wvdial", "pppd", "gammu-smsd", "smsd"})
"""Programs that are known to take a modem's ports."""
_BY = ("by-id", "by-path")
_PROBE = 2.0  # seconds for the first OK of a port that may be none for AT


@dataclass(frozen=True, slots=True)
class Machine:
    """Where this machine shows its devices and processes."""

    sysfs: Path = Path("/sys")
    proc: Path = Path("/proc")
    dev: Path = Path("/dev")

    def usb(self) -> list[UsbDevice]:
        """Its USB devices."""
        return usb_devices(self.sysfs)

    def suspects(self) -> tuple[Process, ...]:
        """The programs that run and are known to take ports."""
        return tuple(one for one in running(SUSPECTS, self.proc) if one.gateway or one.name != "simwire")

    def sight(self, path: str, hindrance: PortUnavailable | None = None) -> PortSight:
        """One port, without opening it; `hindrance` is what stood in the way where that was tried."""
        held = hindrance is not None and hindrance.kind == "held"
        device = os.path.realpath(path)
        present = "://" in path or Path(device).exists()
        local = present and "://" not in path
        found = holders(path, self.proc)
        return PortSight(
            path,
            present,
            not local or os.access(device, os.R_OK | os.W_OK),
            _group(device) if local else None,
            _user(),
            found,
            self.suspects() if held and not found.processes else (),
            Path(device).name in console_ports(self.sysfs),
            held,
            None if hindrance is None or held else hindrance.reason,
        )

    def stable_name(self, path: str) -> str | None:
        """A name of a port that stays over plugging; None where there is none but its own."""
        device = os.path.realpath(path)
        for kind in _BY:
            with suppress(OSError):
                for name in sorted((self.dev / "serial" / kind).iterdir()):
                    if os.path.realpath(name) == device:
                        return str(name)
        return None

    def sticks(self) -> list[Stick]:
        """Every known modem that has ports, its likeliest port first."""
        return [
            Stick(device.place, self._ports_of(device), device)
            for device in self.usb()
            if device.mode is UsbMode.MODEM and device.of_a_modem_maker
        ]

    def stick_of(self, path: str, subject: str) -> Stick:
        """The stick that a port belongs to, with that port first; the port alone where it is on none."""
        real = os.path.realpath(path)
        for device in self.usb():
            others = [port for port in self._ports_of(device) if os.path.realpath(port) != real]
            if len(others) < len(device.ports):
                return Stick(subject, (path, *others), device, named=True)
        return Stick(subject, (path,), named=True)

    def unknown_ports(self, ports: Iterable[SerialPort] | None = None) -> list[str]:
        """Ports that are not looked at unless they are named: to write to somebody's printer does no good."""
        every = list(serial_ports() if ports is None else ports)
        known = {port.device for port in candidates(every)}
        return sorted(port.device for port in every if port.device not in known)

    def _ports_of(self, device: UsbDevice) -> tuple[str, ...]:
        ports = [
            SerialPort(str(self.dev / name), device.vendor, device.product, one.number, device.place, one.label)
            for one in device.interfaces
            for name in one.ports
        ]
        return tuple(port.device for port in candidates(ports, probe_all=True))


def machine_of(context: click.Context) -> Machine:
    """The machine that a command looks at: this one, unless whoever runs the command hands it another."""
    return context.find_object(Machine) or Machine()


def configured(machine: Machine, modems: Sequence[ModemConfig]) -> list[tuple[Stick, ModemConfig]]:
    """The sticks that a configuration names; a modem that is searched for stands for every stick that none names."""
    real = [modem for modem in modems if modem.port != "simulator"]
    named = [(machine.stick_of(modem.port, modem.name), modem) for modem in real if not searched_for(modem)]
    taken = {os.path.realpath(port) for stick, _ in named for port in stick.ports}
    free = [stick for stick in machine.sticks() if not taken & {os.path.realpath(port) for port in stick.ports}]
    searching = [modem for modem in real if searched_for(modem)]
    return named + ([(stick, searching[0]) for stick in free] if searching else [])


def searched_for(modem: ModemConfig) -> bool:
    """Whether the gateway looks for it at every port: `auto`, or its port is gone and its identity is known."""
    known = modem.imei is not None or modem.iccid is not None
    return modem.port == AUTO or (known and "://" not in modem.port and not Path(modem.port).exists())


def probed(
    ports: Sequence[str], *, baudrate: int = 115_200, rtscts: bool = False
) -> tuple[list[str], list[str], dict[str, PortUnavailable]]:
    """Of some ports those that take AT commands, those that are silent, and what keeps the others from being opened."""
    answering, silent, closed = list[str](), list[str](), dict[str, PortUnavailable]()
    opener = opener_with(baudrate, rtscts=rtscts)
    for port in ports:
        try:
            with closing(opener(port)) as transport:
                answers = identify(transport, SystemClock(), wait=_PROBE) is not None
        except PortUnavailable as error:
            closed[port] = error
            continue
        (answering if answers else silent).append(port)
    return answering, silent, closed


def _user() -> str:
    """Who runs this, by name where there is one."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _group(device: str) -> str | None:
    """The group whose members may read and write a device; None where only its owner may."""
    with suppress(OSError, KeyError):
        node = Path(device).stat()
        if node.st_mode & 0o060 == 0o060 and node.st_gid:
            return grp.getgrgid(node.st_gid).gr_name
    return None
