"""Whether the file can be relied on: looked at before anything is written to it, and given up once it cannot."""

from __future__ import annotations

import logging
import sqlite3
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

from gateway.store.errors import StoreDamaged, damaged, translate

log = logging.getLogger("simwire.store")

CHECK_SECONDS = 1.0  # that a start spends on looking at pages: what is small or in use most is looked at first
_FIRST = ("meta", "keys", "sims", "attempts", "challenges", "messages", "deliveries", "events", "timeline")
# What is said of pages begins so. What is said of values does not count: SQLite 3.40 finds NULL where there is none, in
# tables without rowid whose primary key does not come first.
_OF_PAGES = "*** in database main ***"
_LOG_HEADER = struct.Struct(">8I")  # https://www.sqlite.org/fileformat2.html#walformat
_LOG_MAGIC = 0x377F0682  # its lowest bit tells the order of octets in the checksums


class Soundness:
    """What is known of one database file. Once a page of it was found damaged, nothing is read or written any more:
    half of it working would tell clients what is not so.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage: StoreDamaged | None = None
        self.on_damage: Callable[[], None] = lambda: None
        """Called once, on the thread that met the damage."""

    def told(self, error: sqlite3.Error) -> Exception:
        """The typed error for what SQLite raised; see `translate`. Damage is remembered."""
        typed = translate(error, self.path)
        if isinstance(typed, StoreDamaged) and self.damage is None:
            self.damage = typed
            log.critical("nothing is read or written any more: %s", typed)
            self.on_damage()
        return typed

    def must_hold(self) -> None:
        """Raise StoreDamaged once damage was met."""
        if self.damage is not None:
            raise StoreDamaged(str(self.damage))


def check_log(path: Path) -> None:
    """Raise StoreDamaged where the write-ahead log of the database at `path` does not begin like one.

    SQLite takes such a file for an empty log, and what was stored last would be gone without a word. A power loss
    leaves no such file: the header lies in one sector, and is either there or not.
    """
    file = path.with_name(f"{path.name}-wal")
    try:
        with file.open("rb") as opened:
            header = opened.read(_LOG_HEADER.size)
    except OSError:
        return  # none, or none that can be read: SQLite says why
    if len(header) < _LOG_HEADER.size or not any(header):
        return
    magic, *_, first, second = _LOG_HEADER.unpack(header)
    order = ">" if magic & 1 else "<"
    if magic & ~1 != _LOG_MAGIC or _checksum(struct.unpack(f"{order}6I", header[:24])) != (first, second):
        raise damaged(path, f"cannot be used: its log {file.name}, which holds what was stored last, is damaged")


def check_pages(connection: sqlite3.Connection, path: Path, seconds: float = CHECK_SECONDS) -> None:
    """Look at the pages of every table and its indexes, for so long at most; raises StoreDamaged, or sqlite3.Error."""
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    tables.sort(key=lambda name: _FIRST.index(name) if name in _FIRST else -1)
    deadline = time.monotonic() + seconds
    # Not by a progress handler alone: the walk through the pages of a table is one step of SQLite's machine. And not
    # by the timer alone: an interrupt that comes just before a statement begins is forgotten with its first step.
    limit = threading.Timer(max(0.0, seconds), connection.interrupt)
    connection.set_progress_handler(lambda: time.monotonic() > deadline, 1)
    limit.start()
    try:
        for done, table in enumerate(tables):
            if time.monotonic() > deadline or (found := _checked(connection, path, table)) is None:
                left = ", ".join(tables[done:])
                log.info("%s is too big to be looked at in full at a start; not looked at: %s", path, left)
                return
            if found.startswith(_OF_PAGES):
                raise damaged(path, f"is damaged ({table}: {' '.join(found.removeprefix(_OF_PAGES).split())})")
    finally:
        limit.cancel()
        limit.join()  # it must not interrupt what comes next
        connection.set_progress_handler(None, 1)


def _checked(connection: sqlite3.Connection, path: Path, table: str) -> str | None:
    """What SQLite says of a table; None where it was interrupted."""
    try:
        return str(connection.execute(f"PRAGMA quick_check('{table}')").fetchone()[0])
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_CORRUPT:
            raise damaged(path, f"is damaged ({table}: {error})") from error
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return None


def _checksum(words: tuple[int, ...]) -> tuple[int, int]:
    first = second = 0
    for one, other in zip(words[::2], words[1::2], strict=True):
        first = first + one + second & 0xFFFFFFFF
        second = second + other + first & 0xFFFFFFFF
    return first, second
