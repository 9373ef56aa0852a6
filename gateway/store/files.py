"""The files of a database: whether they can be there, and whose they are."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.store.errors import StoreFailed, StoreLocked


def problems_of_place(path: Path, key_file: Path) -> list[str]:
    """What would keep a database from being opened or made there, without making anything."""
    if not path.parent.is_dir():
        return [f"gateway.database: the folder {path.parent} is not there"]
    if not key_file.parent.is_dir():
        return [f"gateway.key_file: the folder {key_file.parent} is not there"]
    exists = path.exists() and path.stat().st_size > 0
    if exists and not key_file.exists():
        return [f"gateway.key_file: {key_file} of database {path} is missing; put it back from your backup"]
    if key_file.exists() and not path.exists():
        return [f"gateway.database: {path} is missing while its key file {key_file} is there; put it back"]
    return []


def private_file(path: Path) -> None:
    """Make the file readable for its owner only; SQLite gives its log the same mode and, for root, the same owner."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreFailed(f"{path} cannot be made: {error.strerror}; check the folder and who owns it") from error


def give_to_owner_of_folder(*paths: Path) -> None:
    """What root makes in a service's folder must be readable for the service."""
    if os.geteuid() != 0:
        return
    for path in paths:
        folder, file = path.parent.stat(), path.stat()
        if (file.st_uid, file.st_gid) != (folder.st_uid, folder.st_gid):  # a service that is root's may not even ask
            os.chown(path, folder.st_uid, folder.st_gid)


def claim(path: Path) -> int:
    """Claim the database at `path` for this process alone, until the descriptor that this returns is closed.

    Raises StoreLocked while another process has claimed it.
    """
    beside = path.with_name(path.name + ".lock")
    descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        give_to_owner_of_folder(beside)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreLocked(f"{path} is served by another simwire already; stop that one first") from None
    except BaseException:
        os.close(descriptor)
        raise
    os.ftruncate(descriptor, 0)
    return descriptor


def sign(claimed: int) -> None:
    """Say in a claim that this process serves the database; see `serving`."""
    os.write(claimed, f"{os.getpid()}\n".encode())


def serving(path: Path) -> int | None:
    """The process that serves the database at `path`; None where there is none."""
    try:
        with path.with_name(path.name + ".lock").open(encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read() or 0) or None
    except (OSError, ValueError):
        return None
    return None


@contextmanager
def alone_in(folder: Path) -> Iterator[bool]:
    """Wait until nobody else copies into a folder; tells whether that is sure: some network disks lock nothing."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
