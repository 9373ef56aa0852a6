"""API keys: made once, shown once, stored as keyed hashes."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.messages import Secret
from gateway.store.common import new_id, wall_ms
from gateway.store.database import Database
from hardware.clock import Instant

PREFIX = "sw_"  # so that people and secret scanners know one when they see it
CACHE_SECONDS = 5.0  # for how long a key that was looked up is believed: a revoked one ends within it
CACHED_KEYS = 1024
USE_NOTED = 3600.0  # seconds between two notes of when a key was used


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What is known of a key; times in Unix milliseconds."""

    id: str
    client: str
    """Everything made with the key belongs to this client; rotating keeps it."""
    name: str
    scopes: frozenset[str]
    created_at: int
    last_used_at: int | None
    revoked_at: int | None


class Keys:
    """The table of keys. `authenticate` is on the path of every request: a short-lived cache, and hardly a write."""

    def __init__(self, database: Database) -> None:
        self._database, self._cipher = database, database.cipher
        self._lock = threading.Lock()
        self._cache: dict[bytes, tuple[float, KeyInfo]] = {}

    def create(
        self, name: str, scopes: Iterable[str], now: Instant | None = None, client: str | None = None
    ) -> tuple[KeyInfo, Secret]:
        """Make a key for `client` (by default its name); the second value is the key itself, which is not kept."""
        now = now or self._database.clock.now()
        with self._database.mark() as cx:
            return self._insert(cx, client or name, name, frozenset(scopes), now)

    def authenticate(self, token: str, now: Instant | None = None) -> KeyInfo | None:
        """Whose key this is; None for an unknown or revoked one."""
        now = now or self._database.clock.now()
        digest = self._cipher.key_hash(token.encode("utf-8", "surrogatepass"))
        with self._lock:
            cached = self._cache.get(digest)
        if cached is not None and 0 <= now.boot - cached[0] < CACHE_SECONDS:
            return cached[1]
        with self._database.read() as cx:
            row = cx.execute("SELECT * FROM keys WHERE hash = ? AND revoked_at IS NULL", (digest,)).fetchone()
        with self._lock:
            self._cache.pop(digest, None)
            if row is None:
                return None
            if len(self._cache) >= CACHED_KEYS:
                self._cache.clear()
            info = _info(row)
            self._cache[digest] = (now.boot, info)
        self._note_use(info, now)
        return info

    def list(self) -> list[KeyInfo]:
        """All keys, oldest first, revoked ones too."""
        with self._database.read() as cx:
            return [_info(row) for row in cx.execute("SELECT * FROM keys ORDER BY created_at, id")]

    def revoke(self, key_id: str, now: Instant | None = None) -> bool:
        """End a key; False where there is none by that id or it was revoked before."""
        now = now or self._database.clock.now()
        with self._database.mark() as cx:
            changed = self._revoke(cx, key_id, now)
        with self._lock:
            self._cache.clear()
        return changed

    def rotate(self, key_id: str, now: Instant | None = None) -> tuple[KeyInfo, Secret]:
        """A new key for the same client with the same name and scopes, and the old one revoked; raises KeyError."""
        now = now or self._database.clock.now()
        with self._database.mark() as cx:
            row = cx.execute("SELECT * FROM keys WHERE id = ? AND revoked_at IS NULL", (key_id,)).fetchone()
            if row is None:
                raise KeyError(key_id)
            old = _info(row)
            self._revoke(cx, key_id, now)
            made = self._insert(cx, old.client, old.name, old.scopes, now)
        with self._lock:
            self._cache.clear()
        return made

    def _insert(
        self, cx: sqlite3.Connection, client: str, name: str, scopes: frozenset[str], now: Instant
    ) -> tuple[KeyInfo, Secret]:
        token = Secret(PREFIX + secrets.token_urlsafe(32))
        info = KeyInfo(new_id(now), client, name, scopes, wall_ms(now), None, None)
        cx.execute(
            "INSERT INTO keys (id, client, name, hash, scopes, created_at) VALUES (?, ?, ?, ?, ?, ?)",
            (
                *(info.id, client, name, self._cipher.key_hash(token.reveal().encode()), json.dumps(sorted(scopes))),
                info.created_at,
            ),
        )
        return info, token

    def _revoke(self, cx: sqlite3.Connection, key_id: str, now: Instant) -> bool:
        query = "UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL"
        return cx.execute(query, (wall_ms(now), key_id)).rowcount > 0

    def _note_use(self, info: KeyInfo, now: Instant) -> None:
        if info.last_used_at is not None and wall_ms(now) - info.last_used_at < USE_NOTED * 1000:
            return
        with self._database.mark(synced=False) as cx:
            cx.execute("UPDATE keys SET last_used_at = ? WHERE id = ?", (wall_ms(now), info.id))


def _info(row: sqlite3.Row) -> KeyInfo:
    return KeyInfo(
        id=row["id"],
        client=row["client"],
        name=row["name"],
        scopes=frozenset(json.loads(row["scopes"])),
        created_at=row["created_at"],
        last_used_at=row["last_used_at"],
        revoked_at=row["revoked_at"],
    )
