"""USB devices of this machine as the kernel shows them in sysfs: their interfaces, who drives them, their serial ports.

A modem is one USB device with several interfaces, and each serial port belongs to one of them. Before it is a modem,
many a stick is a CD-ROM with its driver for Windows: it has no serial port at all until a command switches it over.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hardware.profiles import PROFILES

_DEVICE = re.compile(r"\d+-\d+(\.\d+)*")
_INTERFACE = re.compile(r":\d+\.\d+\Z")
_STORAGE, _COMMUNICATION, _DATA, _VENDOR = 0x08, 0x02, 0x0A, 0xFF  # bInterfaceClass (usb.org, defined class codes)


class UsbMode(StrEnum):
    """What a device of a maker of modems is now."""

    MODEM = "modem"
    """It has serial ports."""
    STORAGE = "storage"
    """It shows a CD-ROM or a card reader, and has to be switched over."""
    NETWORK_CARD = "network_card"
    """It is a network card with web pages, and takes no AT commands."""
    NO_DRIVER = "no_driver"
    """It has interfaces that may be serial ports, and no driver of the kernel has taken them."""
    OTHER = "other"
    """None of these: a hub, a card reader of the same maker."""


@dataclass(frozen=True, slots=True)
class UsbInterface:
    """One interface of a device."""

    number: int
    """bInterfaceNumber, which stays when the names of ports change."""
    kind: tuple[int, int, int]
    """Class, subclass and protocol."""
    driver: str | None
    ports: tuple[str, ...]
    """Names of its serial ports, such as `ttyUSB2`."""
    network: bool = False
    """Whether a network interface of the machine is on it."""
    label: str = ""


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """One device."""

    place: str
    """Where it is plugged, as the kernel writes it: `1-1.4`."""
    vendor: int
    product: int
    maker: str
    name: str
    interfaces: tuple[UsbInterface, ...]

    @property
    def usb_id(self) -> str:
        """Vendor and product as `lsusb` writes them."""
        return f"{self.vendor:04x}:{self.product:04x}"

    @property
    def ports(self) -> tuple[str, ...]:
        """Names of all its serial ports, by the number of their interface."""
        return tuple(port for interface in self.interfaces for port in interface.ports)

    @property
    def of_a_modem_maker(self) -> bool:
        """Whether a family that is known here has this vendor, or this product where it shares the vendor."""
        rows = [row for profile in PROFILES for row in profile.ports if row.vendor == self.vendor]
        return any(row.product in (None, self.product) for row in rows) or self.switched_to is not None

    @property
    def switched_to(self) -> str | None:
        """What a device that must be switched becomes; None for one that is not known to be such a one."""
        return _BEFORE_SWITCH.get((self.vendor, self.product))

    @property
    def mode(self) -> UsbMode:
        """What it is now."""
        if self.ports:
            return UsbMode.MODEM
        if not self.of_a_modem_maker:
            return UsbMode.OTHER
        classes = {interface.kind[0] for interface in self.interfaces}
        if (self.vendor, self.product) in _NETWORK_CARDS or any(interface.network for interface in self.interfaces):
            return UsbMode.NETWORK_CARD
        if self.switched_to is not None or classes == {_STORAGE}:
            return UsbMode.STORAGE
        if any(one.kind[0] in (_VENDOR, _COMMUNICATION, _DATA) and one.driver is None for one in self.interfaces):
            return UsbMode.NO_DRIVER
        return UsbMode.OTHER


# usb_modeswitch-data 20191128 (files 12d1:*, 19d2:*, 1e0e:*), draisberghof forum 1734 for 12d1:1f01.
_MODEM, _WEB = "a modem with serial ports", "a network card with web pages (HiLink), which takes no AT commands"
_BEFORE_SWITCH: Mapping[tuple[int, int], str] = {
    **{(0x12D1, product): _MODEM for product in (
        0x1446, 0x14B5, 0x14BA, 0x14FE, 0x1505, 0x151A, 0x1557, 0x157C, 0x15CA, 0x15CD, 0x15CF, 0x1C0B, 0x1C24,
    )},
    **{(0x12D1, product): _WEB for product in (0x157D, 0x1F01)},
    **{(0x19D2, product): _MODEM for product in (0x0083, 0x0149, 0x0154, 0x1224, 0x2000)},
    **{(0x19D2, product): _WEB for product in (0x1030, 0x1225)},
    (0x1E0E, 0xF000): _MODEM,
}  # fmt: skip
_NETWORK_CARDS = frozenset({(0x12D1, 0x14DB), (0x12D1, 0x14DC), (0x19D2, 0x1403), (0x19D2, 0x1405)})
"""HiLink sticks of Huawei and their like of ZTE: an HTTP API in place of ports."""


def usb_devices(sysfs: Path = Path("/sys")) -> list[UsbDevice]:
    """All USB devices but root hubs, by their place; what cannot be read is left out."""
    try:
        entries = sorted((sysfs / "bus" / "usb" / "devices").iterdir())
    except OSError:
        return []
    found = (_device(entry) for entry in entries if _DEVICE.fullmatch(entry.name))
    return [device for device in found if device is not None]


def _device(folder: Path) -> UsbDevice | None:
    vendor, product = _hex(folder / "idVendor"), _hex(folder / "idProduct")
    if vendor is None or product is None:
        return None  # unplugged while it was read
    interfaces = [_interface(entry) for entry in _entries(folder) if _INTERFACE.search(entry.name)]
    return UsbDevice(
        folder.name,
        vendor,
        product,
        _text(folder / "manufacturer"),
        _text(folder / "product"),
        tuple(sorted((one for one in interfaces if one is not None), key=lambda one: one.number)),
    )


def _interface(folder: Path) -> UsbInterface | None:
    number = _hex(folder / "bInterfaceNumber")
    if number is None:
        return None
    names = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
    kind, sub, protocol = (_hex(folder / name) or 0 for name in names)
    inside = _entries(folder)
    ports = {entry.name for entry in inside if entry.name.startswith("tty") and entry.name != "tty"}
    ports |= {entry.name for entry in _entries(folder / "tty")}
    driver = None
    with contextlib.suppress(OSError):
        driver = (folder / "driver").readlink().name
    network = any(entry.name == "net" for entry in inside)
    return UsbInterface(
        number, (kind, sub, protocol), driver, tuple(sorted(ports)), network, _text(folder / "interface")
    )


def console_ports(sysfs: Path = Path("/sys")) -> frozenset[str]:
    """Names of the ports that the kernel writes its messages to (`console=` of its command line)."""
    return frozenset(_text(sysfs / "class" / "tty" / "console" / "active").split())


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _hex(file: Path) -> int | None:
    try:
        return int(_text(file), 16)
    except ValueError:
        return None
