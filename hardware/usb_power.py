"""`simwire-usb-power`: takes the power from a USB port for some seconds, for a gateway that may not do so itself.

Runs as root, started by systemd for one connection to its socket: one line with a port's name comes in, one line goes
out, `ok` or `error: …`. Only ports in a list that root alone may change are touched. It is all in this module, and
imports nothing of the gateway, so that what runs as root can be read in a minute.

The kernel's file for a port is `disable` (Documentation/ABI/testing/sysfs-bus-usb, Linux 6.0): 1 makes the port
unusable and takes its power away where the hub can switch power, 0 gives it back.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

ALLOWED = Path("/etc/simwire/usb-power")
"""The list: one port a line, # begins a comment."""
WITHOUT_POWER = 5.0
"""Seconds; capacitors keep a stick alive for one or two."""
_PORT = re.compile(r"([1-9]\d{0,2})-(([1-9]\d{0,2}\.){0,6})([1-9]\d{0,2})")  # bus, hubs on the way, port
_LINE_LIMIT, _TIMEOUT = 64, 5.0  # octets and seconds for the question

Wait = Callable[[float], object]


class RefusedError(Exception):
    """The port is not switched; the text goes to whoever asked."""


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)


def disable_file(port: str, sysfs: Path) -> Path:
    """The kernel's file for a port such as `1-1.4` (port 4 of the hub at 1-1) or `1-2` (of the root hub of bus 1).

    Raises RefusedError for what is no port.
    """
    found = _PORT.fullmatch(port)
    if found is None or not port.isascii():
        raise RefusedError("no USB port; write one like 1-1.4, as in /sys/bus/usb/devices")
    bus, hubs, number = found[1], found[2].rstrip("."), found[4]
    interface, hub = (f"{bus}-{hubs}:1.0", f"{bus}-{hubs}") if hubs else (f"{bus}-0:1.0", f"usb{bus}")
    return sysfs / "bus" / "usb" / "devices" / interface / f"{hub}-port{number}" / "disable"


def allowed_ports(listing: Path) -> frozenset[str]:
    """The ports in the list; raises RefusedError where it cannot be read or others than its owner may write to it."""
    try:
        with listing.open(encoding="utf-8") as file:
            status = os.fstat(file.fileno())
            if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                raise RefusedError(f"{listing} may be written by others than its owner, who must be root: not used")
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedError(f"{listing} cannot be read: {getattr(error, 'strerror', None) or 'no text'}") from error
    return frozenset(port for line in lines if (port := line.partition("#")[0].strip()))


def cycle(port: str, sysfs: Path, seconds: float, wait: Wait = _wait) -> None:
    """Take the power from a port for some seconds; raises RefusedError, and gives the power back whatever happens."""
    switch = disable_file(port, sysfs)
    if not switch.parent.is_dir():
        raise RefusedError(f"this machine has no USB port {port}; compare /sys/bus/usb/devices")
    if not switch.is_file():
        raise RefusedError(
            "this kernel cannot switch USB ports (Linux 6.0 and later can); "
            "use power_command with a program such as uhubctl instead"
        )
    try:
        try:
            switch.write_text("1", encoding="ascii")
            wait(seconds)
        finally:
            switch.write_text("0", encoding="ascii")
    except OSError as error:
        raise RefusedError(f"{switch}: {error.strerror}") from error


def answer(question: bytes, listing: Path, sysfs: Path, seconds: float, wait: Wait = _wait) -> str:
    """What a question, one line, is answered with; does what it asks for where that is allowed."""
    port = question.decode("ascii", "replace").strip()
    try:
        disable_file(port, sysfs)
        if port not in allowed_ports(listing):
            raise RefusedError(f"USB port {port} is not in {listing}; root may add it there")
        cycle(port, sysfs, seconds, wait)
    except RefusedError as refused:
        return f"error: {refused}"
    return "ok"


def serve(connection: socket.socket, listing: Path, sysfs: Path, seconds: float, wait: Wait = _wait) -> bool:
    """Answer the one question of a connection; False where the power was not cycled."""
    connection.settimeout(_TIMEOUT)
    question = b""
    try:
        while b"\n" not in question and len(question) <= _LINE_LIMIT:
            octets = connection.recv(_LINE_LIMIT)
            if not octets:
                break
            question += octets
        line, end, _ = question.partition(b"\n")
        said = answer(line, listing, sysfs, seconds, wait) if end else "error: one line with a USB port is expected"
        connection.sendall(f"{said}\n".encode())
    except OSError as error:
        said = f"error: whoever asked is gone: {error.strerror or error}"
    if said != "ok":
        sys.stderr.write(f"{said}\n")
    return said == "ok"


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer the connection on standard input (systemd: StandardInput=socket), or switch one port by hand."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # by an exception: the power is given back
    parser = argparse.ArgumentParser(prog="simwire-usb-power", description="Cycle the power of a listed USB port.")
    parser.add_argument("port", nargs="?", help="switch this port now; without it, answer the socket on standard input")
    parser.add_argument("--allowed", type=Path, default=ALLOWED, help="the list of ports (default: %(default)s)")
    parser.add_argument("--sysfs", type=Path, default=Path("/sys"), help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=WITHOUT_POWER, help="without power (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.port is not None:
        said = answer(options.port.encode("ascii", "replace"), options.allowed, options.sysfs, options.seconds)
        sys.stderr.write(f"{said}\n")
        return int(said != "ok")
    with socket.socket(fileno=os.dup(0)) as connection:
        return int(not serve(connection, options.allowed, options.sysfs, options.seconds))


if __name__ == "__main__":
    sys.exit(main())
