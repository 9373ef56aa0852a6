"""A machine made of files: /sys with USB devices, /proc with processes, /dev with names of ports."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

VENDOR = (0xFF, 0xFF, 0xFF)
STORAGE = (0x08, 0x06, 0x50)
ETHERNET = (0x02, 0x06, 0x00)


@dataclass
class Interface:
    """One interface of a device that is plugged in."""

    kind: tuple[int, int, int] = VENDOR
    driver: str | None = None
    ports: tuple[str, ...] = ()
    network: str | None = None
    label: str = ""


@dataclass
class FakeMachine:
    """Below one folder; `plug`, `run` and `link` fill it."""

    root: Path
    sysfs: Path = field(init=False)
    proc: Path = field(init=False)
    dev: Path = field(init=False)

    def __post_init__(self) -> None:
        self.sysfs, self.proc, self.dev = self.root / "sys", self.root / "proc", self.root / "dev"
        for folder in (self.sysfs / "bus" / "usb" / "devices", self.proc, self.dev):
            folder.mkdir(parents=True)

    def plug(self, place: str, usb_id: str, *interfaces: Interface, maker: str = "", name: str = "") -> None:
        """Plug a device in; its ports become files in dev, unless they lead somewhere already."""
        vendor, _, product = usb_id.partition(":")
        home = self.sysfs / "devices" / "usb1" / place
        _files(home, idVendor=vendor, idProduct=product, manufacturer=maker, product=name)
        (self.sysfs / "bus" / "usb" / "devices" / place).symlink_to(home)
        for number, one in enumerate(interfaces):
            folder = home / f"{place}:1.{number}"
            kind, sub, protocol = (f"{value:02x}" for value in one.kind)
            _files(folder, bInterfaceNumber=f"{number:02x}", bInterfaceClass=kind, interface=one.label)
            _files(folder, bInterfaceSubClass=sub, bInterfaceProtocol=protocol)
            if one.driver is not None:
                (folder / "driver").symlink_to(f"../../../../bus/usb/drivers/{one.driver}")
            for port in one.ports:
                below = folder / "tty" / port if port.startswith("ttyACM") else folder / port / "tty" / port
                below.mkdir(parents=True)
                if not (self.dev / port).is_symlink():
                    (self.dev / port).touch()
            if one.network is not None:
                (folder / "net" / one.network).mkdir(parents=True)

    def run(
        self, pid: int, name: str, *, command: tuple[str, ...] = (), cgroup: str = "/", holds: tuple[str, ...] = ()
    ) -> None:
        """Start a process, which holds devices open."""
        folder = self.proc / str(pid)
        _files(folder, comm=f"{name}\n", cmdline="\0".join((*command, "")), cgroup=f"0::{cgroup}\n")
        (folder / "fd").mkdir()
        for number, device in enumerate(holds, 3):
            (folder / "fd" / str(number)).symlink_to(device)
        (folder / "cwd").symlink_to("/srv/simwire")

    def link(self, port: str, target: Path) -> str:
        """Let the device of a port be another one, a pseudo-terminal say; its path."""
        path = self.dev / port
        path.symlink_to(target)
        return str(path)

    def by_id(self, name: str, port: str) -> str:
        """A stable name of a port."""
        folder = self.dev / "serial" / "by-id"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(self.dev / port)
        return str(folder / name)


def _files(folder: Path, **contents: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        if content:
            (folder / name).write_text(content, encoding="utf-8")
