"""What the store raises, in words for people.

StoreError
├── StoreFull       the disk is full
├── StoreBusy       another program holds the database
├── StoreFailed     the disk or the file system refused to read or write
├── StoreDamaged    the file is no database, or a damaged one
├── StoreLocked     another `simwire serve` uses the database
├── StoreNewer      the database was made by a newer program
├── KeyFileError    the key file is missing, unreadable or does not belong to the database
├── StaleAttempt    an outcome for an attempt that is not open
└── Conflict        what was asked is no longer possible
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

SENSELESS = (LookupError, TypeError, ValueError)
"""What rows that make no sense lead to where they are dealt with."""


class StoreError(Exception):
    """Root of everything the store raises by itself."""


class StoreFull(StoreError):
    """The disk is full; nothing of the failed transaction was stored."""


class StoreBusy(StoreError):
    """Another program holds the database for longer than the store waits."""


class StoreFailed(StoreError):
    """The disk or the file system refused to read or write."""


class StoreDamaged(StoreError):
    """The file is no database, or a damaged one."""


class StoreLocked(StoreError):
    """Another `simwire serve` uses the database."""


class StoreNewer(StoreError):
    """The database was made by a newer program."""


class KeyFileError(StoreError):
    """The key file is missing, unreadable or does not belong to the database."""


class StaleAttempt(StoreError):
    """An outcome was given for an attempt that is not open: a defect of the caller."""


class Conflict(StoreError):
    """What was asked is no longer possible, for example to cancel a message that has left."""


_PRIMARY_CODE = 0xFF  # the low octet of an extended SQLite result code is the primary one


def translate(error: sqlite3.Error, path: Path) -> Exception:
    """The typed error for what SQLite raised; an error that no person can mend (a defect) comes back as it is."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & _PRIMARY_CODE if isinstance(code, int) else None
    if primary == sqlite3.SQLITE_FULL or code == sqlite3.SQLITE_IOERR_SHMSIZE:  # the log's index needs room, too
        return StoreFull(f"the disk that holds {path} is full; make room, nothing that was accepted is lost")
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusy(f"{path} is held by another program; end it or wait, then try again")
    if primary in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return StoreFailed(f"{path} cannot be read or written ({error}); check the disk and who owns the file")
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return damaged(path, f"is damaged or no database ({error})")
    return error


def newer(path: Path, unknown: Iterable[str]) -> StoreNewer:
    """The error for the database at `path`, which has migrations that this release does not know."""
    copies = sorted(path.parent.glob(f"{path.name}.before-0*"))
    back = f", or go back to what it was before: simwire db restore {copies[-1]}" if copies else ""
    knows = ", ".join(sorted(unknown))
    return StoreNewer(f"{path} was made by a newer simwire (its schema knows {knows}); install that version{back}")


def damaged(path: Path, what: str) -> StoreDamaged:
    """The error for a file of the database at `path`; `what` says what is wrong with it."""
    return StoreDamaged(
        f"{path} {what}; restore a backup: with simwire stopped, `simwire db restore BACKUP`"
        " (docs/durability.md, also for what to do without a backup)"
    )
