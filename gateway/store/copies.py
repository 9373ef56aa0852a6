"""Copies of a database: taken while it is in use, looked at before anybody relies on them, and put back in place."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.messages import Reason
from gateway.quantities import rfc3339
from gateway.store.cipher import Cipher, read_key_file
from gateway.store.errors import KeyFileError, StoreDamaged, StoreError, StoreFull, damaged, newer, translate
from gateway.store.files import alone_in, claim, give_to_owner_of_folder, private_file, sync
from gateway.store.migrations import names
from gateway.store.soundness import check_log, check_pages
from gateway.store.store import Store
from hardware.clock import Clock

Tell = Callable[[int, int], None]
"""Told how many pages are left, of how many."""

STEP = 256  # pages that are copied at once: some milliseconds in which nobody else reads that disk
AS_LONG_AS_IT_TAKES = 1e6  # seconds
_MAGIC = b"SQLite format 3\0"  # https://www.sqlite.org/fileformat2.html#magic_header_string
_BESIDE = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Examined:
    """A database that was looked at and is sound."""

    schema: str
    """Name of the newest migration that was applied."""
    pending: tuple[str, ...]
    """Those that the next start will apply."""
    octets: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restoration did."""

    examined: Examined
    aside: Path | None
    """Where the database lies now that was there before; None where there was none."""
    withdrawn: int
    """Messages that were still to be sent when the copy was made, and are not sent any more."""


def examine(path: Path, key_file: Path, tables: Callable[[str], None] = lambda _: None) -> Examined:
    """Look at a whole database or copy: its log, each page and index, where rows point to, its schema, its key.

    `tables` is told each table that is looked at. Raises StoreDamaged, StoreNewer, KeyFileError, StoreFailed or
    StoreBusy.
    """
    check_log(path)
    if not path.exists() or not path.stat().st_size:
        raise StoreDamaged(f"{path} is {'empty' if path.exists() else 'not there'}: there is no database")
    with _reading(path) as connection:
        check_pages(connection, path, AS_LONG_AS_IT_TAKES)
        if not {"meta", "messages", "_sqlite_migrations"} <= set(_tables(connection)):
            raise StoreDamaged(f"{path} is a database of another program; name one of simwire")
        for name in _tables(connection):
            tables(name)
            for (said,) in connection.execute(f"PRAGMA integrity_check('{name}')"):
                # Of values it finds NULL where there is none (3.40, tables without rowid): see `soundness`.
                if said != "ok" and not said.startswith("NULL value"):
                    raise damaged(path, f"is damaged ({name}: {said})")
        if lost := connection.execute("PRAGMA foreign_key_check").fetchone():
            raise damaged(path, f"is damaged (a row of {lost[0]} points to one of {lost[2]} that is not there)")
        applied = [row[0] for row in connection.execute("SELECT name FROM _sqlite_migrations ORDER BY id")]
        known = names()
        if unknown := set(applied) - set(known):
            raise newer(path, unknown)
        fingerprint = connection.execute("SELECT value FROM meta WHERE name = 'key'").fetchone()
        if fingerprint is None or fingerprint[0] != Cipher(read_key_file(key_file, path)).fingerprint:
            raise KeyFileError(f"key file {key_file} does not belong to {path}; without its own it cannot be used")
        pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return Examined(applied[-1] if applied else "", tuple(one for one in known if one not in applied), pages * size)


def back_up(path: Path, key_file: Path, target: Path, reserve: int, tell: Tell) -> Examined:
    """Copy the database at `path` to `target`, while a gateway serves it or not, and look at the copy.

    It is one moment's state: what is written meanwhile neither waits nor gets into it. `target` is there, mode 0600 and
    on the disk, when it is whole and sound, and a file that was there before stays until then. `reserve` octets stay
    free on the database's own disk. Raises StoreError.
    """
    if not path.exists():
        raise StoreError(f"there is no database {path}")
    if target.exists() and (target.samefile(path) or not _is_database(target)):
        raise StoreError(f"{target} is no backup, and stays as it is; name another file")
    with alone_in(target.parent) as alone:
        if alone:
            _clear(target.parent, path.stem)
        _must_fit(path, target.parent, reserve if _same_disk(path.parent, target.parent) else 0)
        half = target.with_name(f".{target.name}.part")
        try:
            _copied(path, half, tell)
            examined = examine(half, key_file)
            half.replace(target)
        except BaseException:
            _remove(half)
            raise
        sync(target.parent)
    return examined


def restore(
    copy: Path, path: Path, key_file: Path, clock: Clock, actor: str, tell: Tell, *, send_queued: bool = False
) -> Restored:
    """Put a copy in the place of the database at `path`, while nobody serves that.

    What was to be sent when the copy was made is withdrawn, as most of it was sent since; not with `send_queued`. The
    database that was there is kept under another name, with its log. Raises StoreLocked, and StoreError for a copy that
    cannot be used: then nothing has changed.
    """
    lock = claim(path)
    half = path.with_name(f".{path.name}.part")
    try:
        examined = examine(copy, key_file)
        _must_fit(copy, path.parent, 0)
        _copied(copy, half, tell)
        _as_of_another_boot(half)
        with closing(Store.open(half, key_file, clock, checked=True)) as store:
            now = clock.now()
            store.outbox.recover(now)
            withdrawn = 0 if send_queued else store.outbox.withdraw_all(now, Reason.RESTORED)
            details = {"schema": examined.schema, "withdrawn": withdrawn}
            store.audit.record(actor, "database.restore", "database", details, now)
            aside = path.with_name(f"{path.name}.before-restore-{stamp(now.wall)}")
        sync(half)
        found = _put_aside(path, aside)
        half.replace(path)
        sync(path.parent)
    finally:
        _remove(half)
        os.close(lock)
    return Restored(examined, aside if found else None, withdrawn)


def vacuum(path: Path) -> tuple[int, int]:
    """Write the database anew without the room that erased rows left, while nobody serves it; its size before and
    after in octets. Raises StoreLocked, StoreFull, StoreBusy, StoreFailed.
    """
    lock = claim(path)
    try:
        before = path.stat().st_size
        _must_fit(path, path.parent, before)  # once as a file beside, once in the log
        with _translated(path), closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for statement in ("PRAGMA secure_delete = ON", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                connection.execute(statement)
        return before, path.stat().st_size
    finally:
        os.close(lock)


def stamp(wall: float) -> str:
    """A time as names of files carry it, in UTC: 20260131T080000Z."""
    return rfc3339(round(wall) * 1000).replace("-", "").replace(":", "")[:15] + "Z"


# -- inside -----------------------------------------------------------------------------------------------------------


def _clear(folder: Path, stem: str) -> None:
    """Remove what backups left that were killed: each had a name of its own time, and no other would take its place."""
    for half in folder.glob(f".{stem}-{'[0-9]' * 8}T{'[0-9]' * 6}Z.db.part"):
        _remove(half)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise translate(error, path) from error


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that changes nothing, also where nothing can be written; typed errors."""
    alone = not any(path.with_name(path.name + end).exists() for end in _BESIDE)
    mode = "mode=ro&immutable=1" if alone and not os.access(path.parent, os.W_OK) else "mode=rw"
    with (
        _translated(path),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, isolation_level=None)) as connection,
    ):
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("PRAGMA query_only = ON")
        yield connection


def _tables(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def _copied(path: Path, target: Path, tell: Tell) -> None:
    _remove(target)
    private_file(target)
    give_to_owner_of_folder(target)
    with _reading(path) as source, _translated(target), closing(sqlite3.connect(target)) as copy:
        # In a transaction of its own it reads one state throughout: SQLite would begin anew after each write else.
        source.execute("BEGIN")
        source.execute("SELECT 1 FROM sqlite_master").fetchone()
        source.backup(copy, pages=STEP, progress=lambda _, left, pages: tell(left, pages))
        source.execute("COMMIT")
        copy.execute(
            "PRAGMA journal_mode = DELETE"
        )  # one file, which can be read from a medium that is write-protected
    sync(target)


def _as_of_another_boot(path: Path) -> None:
    """Ids of events that were given since must not come to mean others, and times count by the wall clock."""
    with _translated(path), closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE meta SET value = '' WHERE name = 'boot_id'")


def _put_aside(path: Path, aside: Path) -> bool:
    """Whether there was one. Never does a log lie beside a database that is not its own."""
    found = path.exists()
    for end in ("", *_BESIDE):
        old = path.with_name(path.name + end)
        if old.exists():
            old.rename(aside.with_name(aside.name + end))
    sync(path.parent)
    return found


def _must_fit(path: Path, folder: Path, more: int) -> None:
    log = path.with_name(f"{path.name}-wal")
    needed = path.stat().st_size + (log.stat().st_size if log.exists() else 0) + more
    free = os.statvfs(folder)
    if free.f_bavail * free.f_frsize < needed:
        raise StoreFull(f"{needed / 10**6:.0f} MB must be free in {folder}, and are not; make room")


def _same_disk(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) in (_MAGIC, b"")


def _remove(path: Path) -> None:
    """A copy that is not whole, and whatever lies beside it."""
    for end in ("", *_BESIDE):
        path.with_name(path.name + end).unlink(missing_ok=True)
    for copy in path.parent.glob(f"{path.name}.before-*"):
        copy.unlink()
