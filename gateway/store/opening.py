"""How the database file is opened: the settings of its connections, and its schema brought up to date."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database as SchemaDatabase
from sqlite_utils.migrations import Migrations

from gateway.store.cipher import Cipher
from gateway.store.errors import StoreLocked, newer
from gateway.store.files import give_to_owner_of_folder, private_file, serving

log = logging.getLogger("simwire.store")

BUSY_TIMEOUT = 5000  # milliseconds to wait for another program's transaction
COPIED_AT_ONCE = 2_000  # pages
_READER = ("query_only = ON",)
# KiB of pages, and no more memory than there are pages. What accepting, sending and reports touch of the indexes of a
# million messages is just above SQLite's 2000, with which each of them reads some thirty pages anew.
_WRITER_CACHE = 4000
_WRITER = (
    *("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON", "foreign_keys = ON", "temp_store = MEMORY"),
    f"cache_size = -{_WRITER_CACHE}",
)


def connect(path: Path, *, reader: bool = False) -> sqlite3.Connection:
    """A connection with the settings that every one of its kind has; raises sqlite3.Error."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
        for pragma in _READER if reader else _WRITER:
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def migrate(
    connection: sqlite3.Connection,
    path: Path,
    schema: Migrations,
    cipher: Cipher,
    on_progress: Callable[[], None] | None = None,
) -> None:
    """Apply what the database at `path` lacks of `schema`, after a copy of it; raises StoreNewer, StoreLocked,
    StoreFailed, or sqlite3.Error.
    """
    database = SchemaDatabase(connection)
    applied = [migration.name for migration in schema.applied(database)]
    with closing(sqlite3.connect(":memory:")) as empty:
        known = {migration.name for migration in schema.pending(SchemaDatabase(empty))}
    unknown = set(applied) - known
    if unknown:
        raise newer(path, unknown)
    if not schema.pending(database):
        return
    if applied and (process := serving(path)) is not None:
        raise StoreLocked(
            f"{path} is served by a gateway of an earlier release (process {process}), which must not find another "
            "schema under it; restart that one first"
        )
    if applied:
        _copy(connection, path, path.with_name(f"{path.name}.before-{schema.pending(database)[0].name}"), on_progress)
        log.info("%s: its schema is brought up to date", path)
    connection.create_function("sealed", 2, lambda plain, where: cipher.seal(plain.encode(), where).hex())
    connection.execute("PRAGMA temp_store = FILE")  # a new index sorts all its rows: gigabytes, of many messages
    schema.apply(database)
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.create_function("sealed", 2, None)


def _copy(connection: sqlite3.Connection, path: Path, target: Path, on_progress: Callable[[], None] | None) -> None:
    """A copy beside the database before its schema changes; raises StoreFailed, OSError or sqlite3.Error.

    It gets its name when it is whole, so that no half of one is ever taken for a copy.
    """
    size = path.stat().st_size / 10**6
    log.info("%s is copied to %s before its schema changes: %.0f MB", path, target.name, size)
    half = target.with_name(f"{target.name}.part")
    half.unlink(missing_ok=True)
    try:
        private_file(half)
        give_to_owner_of_folder(half)
        with closing(sqlite3.connect(half)) as copy:
            connection.backup(copy, pages=COPIED_AT_ONCE, progress=on_progress and (lambda *_: on_progress()))
        half.replace(target)
    except BaseException as error:
        half.unlink(missing_ok=True)
        if isinstance(error, sqlite3.Error):
            log.error("%s could not be copied: %.0f MB must be free beside it, then start again", path, size)
        raise
