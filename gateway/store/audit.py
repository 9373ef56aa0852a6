"""The audit log: rows that are only added, each sealed to the one before by a keyed hash.

The number of rows and the newest hash are kept sealed in `meta`, from the transaction that makes the table on, so that
rows that were taken away at the end are missed too. Whoever puts an older copy of the file in place, or of the sealed
end together with fewer rows, is not found out by this: the program's log and `simwire audit verify` tell the count and
the newest hash, to be compared.
"""

from __future__ import annotations

import hmac
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.masking import redacted
from gateway.messages import Json
from gateway.store.cipher import Cipher
from gateway.store.common import wall_ms
from gateway.store.database import Database
from gateway.store.errors import StoreDamaged
from hardware.clock import Instant

GATEWAY = "gateway"
"""The actor of what nobody asked for."""
LONGEST = 100
"""Characters of a subject that are kept."""
LONGEST_DETAIL = 500
"""Characters of one text in the details that are kept."""
_HEAD, _CONFIGURATION = "audit_head", "audit_configuration"


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One thing that was done; `at` in Unix milliseconds."""

    id: int
    at: int
    actor: str
    """`key:ID (NAME)`, `cli:USER` or `gateway`."""
    action: str
    subject: str
    details: Json
    hash: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found."""

    rows: int
    """How many rows are there."""
    broken: int | None = None
    """Id of the first row that is not as it was written; None: all of them are."""
    why: str = ""
    hash: str = ""
    """The newest row's, in hexadecimal; empty where there is no row, or where the log is broken."""


@dataclass(frozen=True, slots=True)
class _Head:
    count: int
    hash: bytes


class Audit:
    """The table of the audit log."""

    def __init__(self, database: Database) -> None:
        self._database, self._cipher = database, database.cipher

    def append(
        self,
        cx: sqlite3.Connection,
        actor: str,
        action: str,
        subject: str,
        details: Mapping[str, Any],
        now: Instant,
    ) -> None:
        """Add a row inside the caller's transaction: it stands in the log exactly where what it tells was stored.

        `details` must hold no secret. Numbers of people are masked here once more, and long words are cut. A log that
        was meddled with is written on, so that nothing of the gateway's work stops for it, and stays broken for
        `verify`.
        """
        last, before = _newest(cx)
        try:
            head: _Head | None = self._head(cx)
        except StoreDamaged:
            head = None
        if head is not None:
            last, before = max(last, head.count), head.hash
        told = json.dumps(_tame(dict(details)), sort_keys=True)
        row = (last + 1, wall_ms(now), _cut(actor), action, _cut(subject), told)
        sealed = _hash(self._cipher, row, before)
        cx.execute(
            "INSERT INTO audit (id, at, actor, action, subject, details, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*row, sealed),
        )
        if head is not None:
            self._keep(cx, _HEAD, {"count": row[0], "hash": sealed.hex()})

    def record(self, actor: str, action: str, subject: str, details: Mapping[str, Any], now: Instant) -> None:
        """Add a row in a transaction of its own; durable when this returns."""
        with self._database.mark() as cx:
            self.append(cx, actor, action, subject, details, now)

    def list(self, limit: int = 50, cursor: str | None = None) -> tuple[list[AuditRow], str | None]:
        """Rows, newest first, and the cursor of the next page (None at the end); ValueError for a foreign cursor."""
        if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
            raise ValueError("the cursor is not one that a list gave")
        with self._database.read() as cx:
            rows = cx.execute(
                "SELECT * FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?",
                (2**62 if cursor is None else int(cursor), limit + 1),
            ).fetchall()
        return [_row(row) for row in rows[:limit]], str(rows[limit - 1]["id"]) if len(rows) > limit else None

    def verify(self) -> Verdict:
        """Read the whole log and say which row is the first that was changed, removed, moved or put in by others."""
        with self._database.read() as cx:
            try:
                head = self._head(cx)
            except StoreDamaged:
                return Verdict(
                    _count(cx), 1, "the seal of the log's end is missing or damaged: no row can be relied on"
                )
            before, seen = b"", 0
            for row in cx.execute("SELECT * FROM audit ORDER BY id"):
                seen += 1
                if row["id"] != seen:
                    return Verdict(_count(cx), seen, "it was removed, or never written by the gateway")
                if seen > head.count:
                    return Verdict(_count(cx), seen, "it lies behind the sealed end of the log")
                fields = (row["id"], row["at"], row["actor"], row["action"], row["subject"], row["details"])
                if not hmac.compare_digest(_hash(self._cipher, fields, before), row["hash"]):
                    return Verdict(_count(cx), seen, "it, or its place, was changed after it was written")
                before = row["hash"]
        if seen < head.count:
            return Verdict(seen, seen + 1, f"it was removed: {head.count} rows were written")
        if before != head.hash:
            return Verdict(seen, seen, "it is not the row that was written last")
        return Verdict(seen, hash=before.hex())

    def end(self) -> tuple[int, str]:
        """The number of the newest row and its hash in hexadecimal, to be told outside of the database."""
        with self._database.read() as cx:
            newest = _newest(cx)
        return newest[0], newest[1].hex()

    # -- the configuration that was recorded last ----------------------------------------------------------------------

    def configuration(self) -> dict[str, str] | None:
        """The values by key path of the configuration that was recorded last; None where none can be read."""
        with self._database.read() as cx:
            try:
                kept = self._kept(cx, _CONFIGURATION)
            except StoreDamaged:
                kept = None
        return None if kept is None else {str(path): str(value) for path, value in kept.items()}

    def record_configuration(
        self, values: Mapping[str, str], action: str, subject: str, details: Mapping[str, Any], now: Instant
    ) -> None:
        """Keep (sealed) the values that are in force now, and add the row that tells what changed."""
        with self._database.mark() as cx:
            self._keep(cx, _CONFIGURATION, values)
            self.append(cx, GATEWAY, action, subject, details, now)

    def hidden(self, value: str) -> str:
        """A keyed hash for what must be seen to change, and not be seen."""
        return self._cipher.key_hash(b"audit\0" + value.encode("utf-8", "surrogatepass")).hex()

    # -- inside -------------------------------------------------------------------------------------------------------

    def _head(self, cx: sqlite3.Connection) -> _Head:
        kept = self._kept(cx, _HEAD)
        if kept is None:
            raise StoreDamaged("the sealed end of the audit log is missing; restore a backup")
        return _Head(int(kept["count"]), bytes.fromhex(kept["hash"]))

    def _kept(self, cx: sqlite3.Connection, name: str) -> Json | None:
        found = cx.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        if found is None:
            return None
        try:
            sealed = bytes.fromhex(found["value"])
        except ValueError:
            sealed = b""
        opened: Json = json.loads(self._cipher.unseal(sealed, f"meta.value {name}"))
        return opened

    def _keep(self, cx: sqlite3.Connection, name: str, value: Mapping[str, Any]) -> None:
        sealed = self._cipher.seal(json.dumps(dict(value)).encode(), f"meta.value {name}")
        cx.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, sealed.hex()))


def _hash(cipher: Cipher, fields: tuple[Any, ...], before: bytes) -> bytes:
    return cipher.key_hash(b"audit row\0" + json.dumps([*fields, before.hex()]).encode())


def _cut(text: str, longest: int = LONGEST) -> str:
    """As it may stand in the log; masked first, because a number that was cut is not known for one any more."""
    plain = redacted(text)
    return plain if len(plain) <= longest else f"{plain[: longest - 1]}…"


def _tame(value: object) -> object:
    if isinstance(value, str):
        return _cut(value, LONGEST_DETAIL)
    if isinstance(value, Mapping):
        return {str(name): _tame(inner) for name, inner in value.items()}
    return [_tame(inner) for inner in value] if isinstance(value, list | tuple) else value


def _newest(cx: sqlite3.Connection) -> tuple[int, bytes]:
    row = cx.execute("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1").fetchone()
    return (0, b"") if row is None else (int(row["id"]), bytes(row["hash"]))


def _count(cx: sqlite3.Connection) -> int:
    return int(cx.execute("SELECT count(*) FROM audit").fetchone()[0])


def _row(row: sqlite3.Row) -> AuditRow:
    return AuditRow(
        row["id"], row["at"], row["actor"], row["action"], row["subject"], json.loads(row["details"]), row["hash"]
    )
