"""How the gateway has the power of a USB port taken away for a moment: it asks a helper, or runs a command.

The gateway itself may not do it: the helper (`hardware.usb_power`) runs as root, and switches only ports that root has
listed for it.
"""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

TIMEOUT = 40.0
"""Seconds for one power cycle, the time without power included."""
_ANSWER_LIMIT = 1000
_DEVICE = re.compile(r"\d+-\d+(\.\d+)*")  # a device's place on the bus, as the kernel writes it


class PowerError(Exception):
    """The power was not cycled; the text says why, and what can be done about it."""


class HelperSwitch:
    """Asks the helper behind a Unix socket for the port of one modem.

    `usb_port`: as the kernel writes it, `1-1.4`; None: the one of the serial port that was opened last.
    """

    def __init__(self, helper: Path, usb_port: str | None, sysfs: Path = Path("/sys")) -> None:
        self._helper, self._port, self._sysfs = helper, usb_port, sysfs
        self._given = usb_port is not None

    @property
    def usable(self) -> bool:
        """Whether it is known which port it is."""
        return self._port is not None

    def seen(self, port: str) -> None:
        """Look up where the serial port `port` is plugged in, while it is there, unless that is configured."""
        if not self._given:
            self._port = usb_port_of(port, self._sysfs) or self._port

    def cycle(self) -> None:
        """Take the power away and give it back; raises PowerError."""
        if self._port is None:
            raise PowerError("it is not known which USB port it is plugged into; set `usb_port` of this modem")
        answer = _asked(self._helper, self._port)
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
