"""`simwire-usb-power`: takes the power from a USB port for some seconds, for a gateway that may not do so itself.

Runs as root, started by systemd for one connection to its socket: one line with a port's name comes in, one line goes
out, `ok` or `error: …`. Only ports in a list that root alone may change are touched. It is all in this module, and
imports nothing of the gateway, so that what runs as root can be read in a minute.

The kernel's file for a port is `disable` (Documentation/ABI/testing/sysfs-bus-usb, Linux 6.0): 1 makes the port
unusable and takes its power away where the hub can switch power, 0 gives it back. A USB 3 socket is two ports, one on
each of two buses, which the kernel links as `peer`: it is without power only while both are switched off.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import re
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

ALLOWED = Path("/etc/simwire/usb-power")
"""The list: one port a line, # begins a comment."""
WITHOUT_POWER = 5.0
"""Seconds; capacitors keep a stick alive for one or two."""
_PORT = re.compile(r"([1-9]\d{0,2})-(([1-9]\d{0,2}\.){0,6})([1-9]\d{0,2})")  # bus, hubs on the way, port
_LINE_LIMIT, _TIMEOUT = 64, 5.0  # octets and seconds for the question
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_SUPERSPEED = 5000.0  # Mbit/s, from which a hub's ports are those of USB 3

Wait = Callable[[float], object]


class RefusedError(Exception):
    """The port is not switched; the text goes to whoever asked."""


def _wait(seconds: float) -> None:
    """Let time pass, or raise RefusedError where the program is to end; `cycle` has these signals wait."""
    if signal.sigtimedwait(_ENDING, seconds) is not None:
        raise RefusedError("it was ended meanwhile; the power is back")


def disable_file(port: str, sysfs: Path) -> Path:
    """The kernel's file for a port such as `1-1.4` (port 4 of the hub at 1-1) or `1-2` (of the root hub of bus 1).

    Raises RefusedError for what is no port.
    """
    found = _PORT.fullmatch(port)
    if found is None or not port.isascii():
        raise RefusedError("no USB port; write one like 1-1.4, as in /sys/bus/usb/devices")
    interface = f"{found[1]}-{found[2].rstrip('.') or '0'}:1.0"
    return sysfs / "bus" / "usb" / "devices" / interface / f"{_hub_of(port)}-port{found[4]}" / "disable"


def _hub_of(port: str) -> str:
    """The kernel's name of the hub that a port belongs to: `1-1`, or `usb1` for the root hub of a bus."""
    return port.rpartition(".")[0] or f"usb{port.partition('-')[0]}"


def switches(port: str, sysfs: Path) -> tuple[Path, ...]:
    """The files of a port and of its other half in the order in which they take the power; it is given back in reverse.

    The half of USB 3 goes last and comes first, as the kernel itself does it (drivers/usb/core/port.c): else what is
    plugged in falls back to USB 2. Raises RefusedError for a port that is not there, or that cannot be switched.
    """
    switch = disable_file(port, sysfs)
    if not switch.parent.is_dir():
        raise RefusedError(f"this machine has no USB port {port}; compare /sys/bus/usb/devices")
    if not switch.is_file():
        raise RefusedError(
            "this kernel cannot switch USB ports (Linux 6.0 and later can); "
            "use power_command with a program such as uhubctl instead"
        )
    peer = switch.parent / "peer" / "disable"
    if not peer.is_file():
        return (switch,)
    return (peer, switch) if _is_usb3(sysfs / "bus" / "usb" / "devices" / _hub_of(port)) else (switch, peer)


def _is_usb3(hub: Path) -> bool:
    try:
        return float((hub / "speed").read_text(encoding="ascii")) >= _SUPERSPEED
    except (OSError, ValueError):
        return False


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
    """Take the power from a port for some seconds; raises RefusedError, and gives the power back whatever happens.

    A signal that would end the program ends the wait. What can only be killed leaves the port to `restore`.
    """
    files = switches(port, sysfs)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        with _alone(files):
            try:
                for file in files:
                    file.write_text("1", encoding="ascii")
                wait(seconds)
            finally:
                _give_back(files)
    except OSError as error:
        raise RefusedError(f"{error.filename}: {error.strerror}") from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _alone(files: Iterable[Path]) -> Iterator[None]:
    """Hold the ports while they are switched, as long as this process lives; raises RefusedError where another does."""
    with contextlib.ExitStack() as held:
        for file in files:
            opened = held.enter_context(file.open("rb"))
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RefusedError("its power is being cycled already") from None
        yield


def _give_back(files: Sequence[Path]) -> None:
    """Each, whatever becomes of the other; raises the first OSError."""
    failed: OSError | None = None
    for file in reversed(files):
        try:
            file.write_text("0", encoding="ascii")
        except OSError as error:
            failed = failed or error
    if failed is not None:
        raise failed


def restore(listing: Path, sysfs: Path) -> list[str]:
    """Give the power back to every listed port that a killed process has left without; which ones, and what failed.

    Raises RefusedError where the list cannot be used.
    """
    said = []
    for port in sorted(allowed_ports(listing)):
        try:
            files = switches(port, sysfs)
            if any(file.read_text(encoding="ascii").strip() == "1" for file in files):
                with _alone(files):
                    _give_back(files)
                said.append(f"USB port {port} has its power back")
        except RefusedError:
            continue  # it is being cycled, or is not there
        except (OSError, UnicodeDecodeError) as error:
            said.append(f"USB port {port} may be without power: {error}")
    return said


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
    """Answer the one question of a connection; False where the power was not cycled.

    The question must come in one piece and at once: nobody holds this process up.
    """
    connection.settimeout(_TIMEOUT)
    asked = ""
    try:
        line, end, _ = connection.recv(_LINE_LIMIT).partition(b"\n")
        asked = f"{_who(connection)} asked for {line.decode('ascii', 'replace')!r}: "
        said = answer(line, listing, sysfs, seconds, wait) if end else "error: one line with a USB port is expected"
        connection.sendall(f"{said}\n".encode())
    except OSError as error:
        said = f"error: whoever asked is gone: {error.strerror or error}"
    sys.stderr.write(f"{asked}{said}\n")
    return said == "ok"


def _who(connection: socket.socket) -> str:
    """Who is at the other end, for the journal (SO_PEERCRED, unix(7)); who may be is decided by the socket's mode."""
    process, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return f"user {user}, process {process}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer the connection on standard input (systemd: StandardInput=socket), or switch one port by hand."""
    parser = argparse.ArgumentParser(prog="simwire-usb-power", description="Cycle the power of a listed USB port.")
    parser.add_argument("port", nargs="?", help="switch this port now; without it, answer the socket on standard input")
    parser.add_argument(
        "--restore", action="store_true", help="give back the power that a killed process has left away"
    )
    parser.add_argument("--allowed", type=Path, default=ALLOWED, help="the list of ports (default: %(default)s)")
    parser.add_argument("--sysfs", type=Path, default=Path("/sys"), help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=WITHOUT_POWER, help="without power (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.restore:
        try:
            said = "".join(f"{line}\n" for line in restore(options.allowed, options.sysfs))
        except RefusedError as refused:
            said = f"error: {refused}\n"
        sys.stderr.write(said)
        return 0
    if options.port is not None:
        said = answer(options.port.encode("ascii", "replace"), options.allowed, options.sysfs, options.seconds)
        sys.stderr.write(f"{said}\n")
        return int(said != "ok")
    with socket.socket(fileno=os.dup(0)) as connection:
        return int(not serve(connection, options.allowed, options.sysfs, options.seconds))


if __name__ == "__main__":
    sys.exit(main())
