"""How the gateway has the power of a USB port taken away for a moment: it asks a helper, or runs a command.

The gateway itself may not do it: the helper (`hardware.usb_power`) runs as root, and switches only ports that root has
listed for it.
"""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TIMEOUT = 40.0
"""Seconds for one power cycle, the time without power included."""
_ANSWER_LIMIT = 1000
_DEVICE = re.compile(r"\d+-\d+(\.\d+)*")  # a device's place on the bus, as the kernel writes it


class PowerError(Exception):
    """The power was not cycled; the text says why, and what can be done about it."""


@dataclass(frozen=True, slots=True)
class _Device:
    """What is plugged in somewhere; None where it does not tell."""

    vendor: str | None
    serial: str | None

    def may_be(self, other: _Device) -> bool:
        """Whether it is not certainly another one: a stick that restarts may come as a CD-ROM first, without serial."""
        known = self.serial is not None and other.serial is not None
        return self.vendor == other.vendor and (not known or self.serial == other.serial)


class UsbPlaces:
    """Where the modems of one gateway are plugged in; for any thread.

    People move sticks while nothing answers. So a place is a modem's only while no other modem was opened there since,
    and only what may be its stick is there.
    """

    def __init__(self, sysfs: Path = Path("/sys")) -> None:
        self._sysfs = sysfs
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[str, _Device | None]] = {}

    def seen(self, modem: str, port: str) -> None:
        """The serial port `port` was opened as that of `modem`."""
        place = usb_port_of(port, self._sysfs)
        if place is None:
            return
        with self._lock:
            self._seen = {name: one for name, one in self._seen.items() if one[0] != place}
            self._seen[modem] = (place, self._at(place))

    def known(self, modem: str) -> bool:
        """Whether it was seen anywhere, and nobody else there since."""
        return modem in self._seen

    def now(self, modem: str, given: str | None = None) -> str:
        """The USB port at which `modem` hangs right now, `given` where people say so.

        Raises PowerError where that is not known, or where it is that of another modem, or of a hub with one.
        """
        with self._lock:
            place = given or self._found(modem)
            below = f"{place}."
            for name, (other, _) in self._seen.items():
                if name != modem and f"{other}.".startswith(below) and self._at(other) is not None:
                    raise PowerError(f"modem {name} is plugged in at {other}: the power of {place} is left alone")
        return place

    def _found(self, modem: str) -> str:
        if modem not in self._seen:
            raise PowerError("it is not known which USB port it is plugged into; set `usb_port` of this modem")
        place, device = self._seen[modem]
        if device is not None and device.serial is not None:
            places = [path.parent.name for path in self._devices().glob("*/serial")]
            same = [one for one in places if self._at(one) == device]
            if same and place not in same:
                if len(same) > 1:
                    raise PowerError(f"it is not at {place} any more, and several devices have its serial number")
                return same[0]
        there = self._at(place)
        if there is not None and device is not None and not there.may_be(device):
            raise PowerError(f"another device is plugged in at {place}, where it was seen last; set `usb_port`")
        return place

    def _at(self, place: str) -> _Device | None:
        """What is plugged in there; None where nothing is."""
        folder = self._devices() / place
        return _Device(_told(folder / "idVendor"), _told(folder / "serial")) if folder.is_dir() else None

    def _devices(self) -> Path:
        return self._sysfs / "bus" / "usb" / "devices"


def _told(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None


class HelperSwitch:
    """Asks the helper behind a Unix socket for the port of one modem.

    `usb_port`: as the kernel writes it, `1-1.4`; None: where its stick is found at that moment.
    """

    def __init__(self, helper: Path, modem: str, usb_port: str | None, places: UsbPlaces) -> None:
        self._helper, self._modem, self._given, self._places = helper, modem, usb_port, places

    @property
    def usable(self) -> bool:
        """Whether it is known which port it is."""
        return self._given is not None or self._places.known(self._modem)

    def seen(self, port: str) -> None:
        """Look up where the serial port `port` is plugged in, while it is there."""
        self._places.seen(self._modem, port)

    def cycle(self) -> None:
        """Take the power away and give it back; raises PowerError."""
        answer = _asked(self._helper, self._places.now(self._modem, self._given))
        if answer != "ok":
            raise PowerError(answer.removeprefix("error: ") or f"the helper at {self._helper} closed without an answer")


def _asked(helper: Path, port: str) -> str:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(TIMEOUT)
            connection.connect(str(helper))
            connection.sendall(f"{port}\n".encode("ascii"))
            answer = b""
            while not answer.endswith(b"\n") and len(answer) < _ANSWER_LIMIT:
                octets = connection.recv(_ANSWER_LIMIT)
                if not octets:
                    break
                answer += octets
    except TimeoutError:
        raise PowerError(f"the helper at {helper} did not answer within {TIMEOUT:g} s") from None
    except OSError as error:
        raise PowerError(
            f"the helper at {helper} cannot be asked ({error.strerror or error}); "
            "is simwire-usb-power.socket started, and is this user in its group?"
        ) from error
    return answer.decode("utf-8", "replace").strip()


class CommandSwitch:
    """Runs a command, as this user: for hubs that another program can switch, such as uhubctl."""

    usable = True

    def __init__(self, command: Sequence[str], timeout: float = TIMEOUT) -> None:
        self._command, self._timeout = tuple(command), timeout

    def seen(self, port: str) -> None:
        """The command knows its port by itself."""

    def cycle(self) -> None:
        """Run it to its end; raises PowerError where it fails or takes too long."""
        program = self._command[0]
        try:
            done = subprocess.run(  # noqa: S603 - the administrator's own words, without a shell
                self._command, stdin=subprocess.DEVNULL, capture_output=True, timeout=self._timeout, check=False
            )
        except subprocess.TimeoutExpired:
            raise PowerError(f"{program} did not end within {self._timeout:g} s, and was stopped") from None
        except OSError as error:
            raise PowerError(f"{program} cannot be run: {error.strerror}") from error
        if done.returncode != 0:
            said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
            last = f": {said[-1][:200]}" if said else ""
            raise PowerError(f"{program} ended with status {done.returncode}{last}")


def usb_port_of(port: str, sysfs: Path = Path("/sys")) -> str | None:
    """Where the USB device of a serial port is plugged in, `1-1.4`; None for any other kind of port."""
    try:
        place = (sysfs / "class" / "tty" / Path(port).resolve().name / "device").resolve(strict=True)
    except OSError:
        return None
    return next((part for part in reversed(place.parts) if _DEVICE.fullmatch(part)), None)
