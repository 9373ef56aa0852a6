"""Which processes have a serial port open: read from /proc, without opening the port.

To open a port only to see whether that works would set its lines, and may take it from a program that needs it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_PTY_MAJORS = range(136, 144)  # Unix98 pseudo-terminals, whose numbers each devpts gives out anew
_SERVICE = re.compile(r"[^/]+\.service\Z")


@dataclass(frozen=True, slots=True)
class Process:
    """One process. Of its command line only what is asked here is kept: it may hold secrets."""

    pid: int
    name: str
    unit: str | None = None
    """The systemd service that it belongs to; None where it was started by hand."""
    of_user: bool = False
    """Whether that service is one of a user's own systemd."""
    gateway: bool = False
    """Whether it is a `simwire serve`."""
    config: Path | None = None
    """The configuration of such a gateway, where its command line tells."""

    @property
    def called(self) -> str:
        """Name, number and service in words."""
        unit = f", {self.unit}" if self.unit else ""
        return f"{self.name} (process {self.pid}{unit})"


@dataclass(frozen=True, slots=True)
class Holders:
    """Who has one port open."""

    processes: tuple[Process, ...] = ()
    unseen: int = 0
    """How many processes of other users could not be looked into; root sees them all."""


def holders(device: str, proc: Path = PROC) -> Holders:
    """Who has `device` open under any of its names, this process aside."""
    path, node = os.path.realpath(device), _node(device)
    if not Path(path).exists():
        return Holders()  # a name is not enough: other processes may see another /dev
    found, unseen = [], 0
    for folder in _processes(proc):
        try:
            held = any(_same(entry, path, node) for entry in (folder / "fd").iterdir())
        except FileNotFoundError:
            continue  # it has ended meanwhile
        except OSError:
            unseen += 1
            continue
        if held and int(folder.name) != os.getpid():
            found.append(process(int(folder.name), proc))
    return Holders(tuple(found), unseen)


def running(names: frozenset[str], proc: Path = PROC) -> list[Process]:
    """The processes with one of these names, whether they hold a port or not."""
    return [process(int(folder.name), proc) for folder in _processes(proc) if _text(folder / "comm").strip() in names]


def process(pid: int, proc: Path = PROC) -> Process:
    """What is known of a process; as much as can be read."""
    folder = proc / str(pid)
    unit, of_user = _unit(_text(folder / "cgroup"))
    words = _text(folder / "cmdline").split("\0")
    gateway = _serves(words)
    config = _config_of(words, folder) if gateway else None
    return Process(pid, _text(folder / "comm").strip() or "?", unit, of_user, gateway, config)


def _serves(words: list[str]) -> bool:
    program = any(Path(word).name == "simwire" or word == "gateway.cli" for word in words)
    return program and "serve" in words


def _config_of(words: list[str], folder: Path) -> Path | None:
    given = next((word.partition("=")[2] for word in words if word.startswith("--config=")), None)
    for option, value in itertools.pairwise(words):
        given = value if option == "--config" else given
    if not given:
        return None
    with contextlib.suppress(OSError):
        return (folder / "cwd").readlink() / given
    return Path(given) if Path(given).is_absolute() else None


def _unit(cgroup: str) -> tuple[str | None, bool]:
    """The innermost service of the lines of /proc/PID/cgroup (cgroups(7)), and whether a user's systemd runs it."""
    for line in cgroup.splitlines():
        path = line.rpartition(":")[2]
        services = [part for part in path.split("/") if _SERVICE.search(part)]
        managed = [part for part in services if not part.startswith("user@")]
        if managed:
            return managed[-1], len(managed) < len(services)
    return None, False


def _processes(proc: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from sorted((one for one in proc.iterdir() if one.name.isdecimal()), key=lambda one: int(one.name))


def _same(descriptor: Path, path: str, node: tuple[int, int] | None) -> bool:
    """Whether a descriptor leads to the device: by its number, as another container may name it otherwise."""
    try:
        target = str(descriptor.readlink())
    except FileNotFoundError:
        return False
    if node is None:
        return target == path
    return target.startswith("/dev/") and _node(str(descriptor)) == node


def _node(device: str) -> tuple[int, int] | None:
    """What tells one device from others: its number, and the devpts of a pseudo-terminal; None where it is none."""
    with contextlib.suppress(OSError):
        node = Path(device).stat()
        if stat.S_ISCHR(node.st_mode):
            return node.st_rdev, node.st_dev if os.major(node.st_rdev) in _PTY_MAJORS else 0
    return None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
