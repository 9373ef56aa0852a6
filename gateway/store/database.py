"""The database file: opened, checked, migrated, locked, and handed out as transactions."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from queue import Empty, LifoQueue
from typing import TypeVar

from sqlite_utils.migrations import Migrations

from gateway.store.ages import Ages
from gateway.store.boot import begin, rebase, skip_ids
from gateway.store.cipher import Cipher, create_key_file, read_key_file
from gateway.store.errors import KeyFileError, StoreFailed, translate
from gateway.store.files import claim, give_to_owner_of_folder, private_file, sign
from gateway.store.migrations import migrations as released
from gateway.store.opening import BUSY_TIMEOUT, connect, migrate
from gateway.store.soundness import Soundness, check_log, check_pages
from gateway.store.writer import Item, Together, Writer
from hardware.clock import Clock, Instant

T = TypeVar("T")
log = logging.getLogger("simwire.store")

RESERVE = 64 * 1024 * 1024  # octets of disk that accepting leaves for results, reports and states
RESERVE_CHECK = 1.0  # seconds for which one look at the file system holds
PROGRESS = 1_000_000  # steps of SQLite's machine between two signs of progress: a tenth of a second or less
CHECKPOINT_TIMEOUT = 1000  # milliseconds to wait for readers
NEWEST_ROWS = 1000  # timeline rows that tell the newest stored time: those of the end, whatever the clock did before


class Database:
    """One SQLite file with its key. Thread-safe; one process serves it (see `lock`), others may write a little."""

    def __init__(self, path: Path, cipher: Cipher, connection: sqlite3.Connection, clock: Clock) -> None:
        self.path, self.cipher, self.clock = path, cipher, clock
        self._connection = connection
        self.soundness = Soundness(path)
        self._writer = Writer(connection, self.soundness)
        self._readers: LifoQueue[sqlite3.Connection] = LifoQueue()
        self._lock_file: int | None = None
        self._closed = False
        self._space: tuple[float, bool] = (-RESERVE_CHECK, True)
        self.reserve = RESERVE
        self.boot_number = 0
        self.trusted = True
        """Whether what other boots left was moved onto this boot's clock by a wall clock that can be relied on."""
        self.newest_at = 0
        self._ages = Ages(clock.now(), 0)

    @classmethod
    def open(
        cls,
        path: Path,
        key_file: Path,
        clock: Clock,
        schema: Migrations = released,
        *,
        checked: bool = False,
        on_progress: Callable[[], None] | None = None,
    ) -> Database:
        """Open the database, or make it together with its key file where neither exists; migrate an older one.

        `checked`: look first whether its pages are sound, for a little while at most. `on_progress` is called now and
        then while this, or any later statement that writes, takes its time.
        Raises KeyFileError, StoreNewer, StoreDamaged, StoreLocked, StoreFull, StoreFailed, StoreBusy.
        """
        new = not path.exists() or path.stat().st_size == 0
        if not path.exists() and key_file.exists():
            raise KeyFileError(
                f"key file {key_file} exists and database {path} does not; put the database back from your backup, "
                "or move the key file away to begin with a new one"
            )
        if new:
            private_file(path)  # first: should this be cut short, an empty database asks for a key file again
        make_key = new and not key_file.exists()
        cipher = Cipher(create_key_file(key_file) if make_key else read_key_file(key_file, path))
        if new:
            give_to_owner_of_folder(path, key_file)
        check_log(path)
        try:
            connection = connect(path)
        except sqlite3.Error as error:
            raise translate(error, path) from error
        database = cls(path, cipher, connection, clock)
        try:
            if checked:
                check_pages(connection, path)
            if on_progress is not None:  # behind the look, which has one of its own
                connection.set_progress_handler(on_progress, PROGRESS)
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
                database._check_key(key_file)  # before anything is sealed with it
            migrate(connection, path, schema, cipher, on_progress)
            database._check_key(key_file)
            database._note_boot(clock.now())
        except BaseException as error:
            connection.close()
            raise (translate(error, path) if isinstance(error, sqlite3.Error) else error) from error
        return database

    def close(self) -> None:
        """Close every connection and give up the lock; the last one folds the log into the file."""
        self._closed = True
        while True:
            try:
                self._readers.get_nowait().close()
            except Empty:
                break
        self._connection.close()
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def lock(self) -> None:
        """Claim the database for one serving process; raises StoreLocked while another one holds it."""
        self._lock_file = claim(self.path)
        sign(self._lock_file)

    # -- transactions -------------------------------------------------------------------------------------------------

    @contextmanager
    def mark(self, *, synced: bool = True) -> Iterator[sqlite3.Connection]:
        """An urgent transaction; see `Writer.mark`."""
        with self._writer.mark(synced=synced) as cx:
            yield cx

    def accept(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """A transaction that shares its commit with other accepts; see `Writer.accept`."""
        return self._writer.accept(function)

    def accept_together(self, together: Together[Item, T], item: Item) -> T:
        """`accept`, done at once for everybody who asks for the same; see `Writer.accept_together`."""
        return self._writer.accept_together(together, item)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A short reading transaction on a connection of its own; sees one consistent state."""
        self.soundness.must_hold()
        try:
            try:
                connection = self._readers.get_nowait()
            except Empty:
                connection = connect(self.path, reader=True)
            try:
                connection.execute("BEGIN")
                try:
                    yield connection
                finally:
                    connection.execute("COMMIT")
            finally:
                if self._closed or connection.in_transaction:
                    connection.close()
                else:
                    self._readers.put(connection)
        except sqlite3.Error as error:
            raise self.soundness.told(error) from error

    @property
    def progress(self) -> int | None:
        """Changes with each transaction that writes; None while there is none."""
        return self._writer.progress

    def alone(self) -> AbstractContextManager[None]:
        """A piece of the transaction under way that is undone by itself; see `Writer.alone`."""
        return self._writer.alone()

    def checkpoint(self) -> bool:
        """Fold the write-ahead log into the file and empty it, so that no older page is left in it; False where another
        program that reads keeps it from that.
        """
        with self._writer.between() as cx:
            cx.execute(f"PRAGMA busy_timeout = {CHECKPOINT_TIMEOUT}")  # modems wait for this
            try:
                return not cx.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                cx.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call back once the transaction under way is committed."""
        self._writer.after_commit(callback)

    # -- what it is like ----------------------------------------------------------------------------------------------

    def accepting(self) -> bool:
        """Whether enough disk is free to take new messages."""
        checked, enough = self._space
        now = time.monotonic()
        if now - checked >= RESERVE_CHECK:
            try:
                left = self.free()
            except OSError as error:
                raise StoreFailed(f"the disk that holds {self.path} cannot be asked: {error.strerror}") from error
            if enough != (left >= self.reserve):
                enough = left >= self.reserve
                tell = log.info if enough else log.warning
                words = "accepted again" if enough else "accepted until there is more"
                tell(
                    "%d MB are free where %s is, %d MB ([limits] disk_reserve) are kept for results: %s%s",
                    *(left // 10**6, self.path, self.reserve // 10**6, "" if enough else "nothing is ", words),
                )
            self._space = (now, enough)
        return enough

    def free(self) -> int:
        """Octets that are free where the file is; raises OSError where the disk cannot be asked."""
        disk = os.statvfs(self.path.resolve().parent)
        return disk.f_bavail * disk.f_frsize

    def clock_trusted(self, now: Instant) -> bool:
        """Whether wall time can be relied on: the clock is synchronised and not behind what was stored before."""
        return self.clock.synchronised() and now.wall * 1000 >= self.newest_at

    def reached_age(self, now: Instant, seconds: float) -> bool:
        """Whether what looks `seconds` old or older by the wall clock really is: ask before age makes anything go."""
        self._ages.look(now, trusted=self.trusted and self.clock_trusted(now))
        return self._ages.reached(now, seconds)

    def _check_key(self, key_file: Path) -> None:
        known = self._connection.execute("SELECT value FROM meta WHERE name = 'key'").fetchone()
        if known is None:
            self._connection.execute("INSERT INTO meta VALUES ('key', ?)", (self.cipher.fingerprint,))
        elif known[0] != self.cipher.fingerprint:
            raise KeyFileError(f"key file {key_file} does not belong to database {self.path}; put the right one there")

    def settle_clock(self, now: Instant) -> None:
        """Move what other boots left behind onto this boot's clock, once the wall clock can be relied on."""
        if self.trusted or not self.clock_trusted(now):
            return
        with self.mark() as cx:
            rebase(cx, self.boot_number, now)
            cx.execute("INSERT OR REPLACE INTO meta VALUES ('boot_trusted', '1')")
        self.trusted = True

    def _note_boot(self, now: Instant) -> None:
        """Give each boot of the machine a number, and move open rows of an earlier one onto this boot's clock."""
        cx = self._connection
        cx.execute("BEGIN IMMEDIATE")
        newest = "SELECT max(at) FROM (SELECT at FROM timeline ORDER BY id DESC LIMIT ?)"
        self.newest_at = cx.execute(newest, (NEWEST_ROWS,)).fetchone()[0] or 0
        self._ages = Ages(now, self.newest_at)
        meta = dict(cx.execute("SELECT name, value FROM meta").fetchall())
        self.boot_number = int(meta.get("boot_number", "0"))
        self.trusted = meta.get("boot_trusted", "1") == "1"
        if meta.get("boot_id") != self.clock.boot_id:
            self.boot_number += 1
            self.trusted = self.boot_number == 1 or self.clock_trusted(now)
            begin(cx, self.boot_number, now)
            if self.boot_number > 1:
                skip_ids(cx)
            cx.executemany(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)",
                [
                    ("boot_id", self.clock.boot_id),
                    ("boot_number", str(self.boot_number)),
                    ("boot_trusted", str(int(self.trusted))),
                ],
            )
        cx.execute("COMMIT")
