"""API keys: made once, shown once, stored as keyed hashes."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from gateway.messages import Secret, masked
from gateway.policy import KeyPolicy
from gateway.store.audit import GATEWAY, Audit
from gateway.store.common import ms, new_id, wall_ms
from gateway.store.database import Database
from gateway.store.errors import Conflict
from hardware.clock import Instant

PREFIX = "sw_"  # so that people and secret scanners know one when they see it
CACHE_SECONDS = 5.0  # for how long a key that was looked up is believed: a revoked one ends within it
CACHED_KEYS = 1024
ADMIN = "admin"
USE_NOTED = 60.0  # seconds between two notes of when a key was used


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
    expires_at: int | None
    policy: KeyPolicy

    def in_force(self, now_ms: int) -> bool:
        """Whether it opens anything: neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now_ms < self.expires_at)

    def state(self, now_ms: int) -> str:
        """`in_force`, `expired` or `revoked`."""
        if self.in_force(now_ms):
            return "in_force"
        return "expired" if self.revoked_at is None else "revoked"


class Keys:
    """The table of keys. `authenticate` is on the path of every request: a short-lived cache, and hardly a write."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database, self._cipher, self._audit = database, database.cipher, audit
        self._lock = threading.Lock()
        self._cache: dict[bytes, tuple[float, KeyInfo]] = {}
        self._changes = 0
        """Counts changes: what was looked up before one must not come into the cache after it."""

    def create(
        self,
        name: str,
        scopes: Iterable[str],
        now: Instant | None = None,
        client: str | None = None,
        *,
        expires_at: int | None = None,
        policy: KeyPolicy | None = None,
        actor: str = GATEWAY,
    ) -> tuple[KeyInfo, Secret]:
        """Make a key for `client` (by default its name); the second value is the key itself, which is not kept."""
        now = now or self._database.clock.now()
        info = KeyInfo(
            id=new_id(now),
            client=client or name,
            name=name,
            scopes=frozenset(scopes),
            created_at=wall_ms(now),
            last_used_at=None,
            revoked_at=None,
            expires_at=expires_at,
            policy=policy or KeyPolicy(),
        )
        with self._database.mark() as cx:
            self._note(cx, actor, "keys.create", info, now)
            return info, self._insert(cx, info)

    def authenticate(self, token: str, now: Instant | None = None) -> KeyInfo | None:
        """Whose key this is; None for one that is unknown, revoked or expired."""
        now = now or self._database.clock.now()
        digest = self._cipher.key_hash(token.encode("utf-8", "surrogatepass"))
        with self._lock:
            cached, changes = self._cache.get(digest), self._changes
        if cached is not None and 0 <= now.boot - cached[0] < CACHE_SECONDS and cached[1].in_force(wall_ms(now)):
            return cached[1]
        with self._database.read() as cx:
            row = cx.execute("SELECT * FROM keys WHERE hash = ? AND revoked_at IS NULL", (digest,)).fetchone()
        with self._lock:
            self._cache.pop(digest, None)
            if row is None or not _info(row).in_force(wall_ms(now)):
                return None
            info = _info(row)
            if changes == self._changes:
                if len(self._cache) >= CACHED_KEYS:
                    self._cache.clear()
                self._cache[digest] = (now.boot, info)
        self._note_use(info, now)
        return info

    def list(self) -> list[KeyInfo]:
        """All keys, oldest first, revoked ones too."""
        with self._database.read() as cx:
            return [_info(row) for row in cx.execute("SELECT * FROM keys ORDER BY created_at, id")]

    def get(self, key_id: str) -> KeyInfo | None:
        """A key by id, also one that has ended."""
        with self._database.read() as cx:
            row = cx.execute("SELECT * FROM keys WHERE id = ?", (key_id,)).fetchone()
        return None if row is None else _info(row)

    def change(
        self,
        key_id: str,
        change: Callable[[KeyInfo], KeyInfo],
        now: Instant | None = None,
        *,
        keep_admin: bool = False,
        actor: str = GATEWAY,
    ) -> KeyInfo:
        """Give a key another name, scopes, end or policy, as `change` says; raises KeyError for an unknown one.

        Raises Conflict for a revoked one, and with `keep_admin` where no key that administers would be left.
        """
        now = now or self._database.clock.now()
        with self._database.mark() as cx:
            row = cx.execute("SELECT * FROM keys WHERE id = ?", (key_id,)).fetchone()
            if row is None:
                raise KeyError(key_id)
            before = _info(row)
            if before.revoked_at is not None:
                raise Conflict(f"key {key_id} was revoked; make another one")
            info = change(before)
            cx.execute(
                "UPDATE keys SET name = ?, scopes = ?, expires_at = ?, policy = ? WHERE id = ?",
                (info.name, json.dumps(sorted(info.scopes)), info.expires_at, _stored(info.policy), key_id),
            )
            if keep_admin and ADMIN in before.scopes:
                self._must_have_admin(cx, now)
            self._note(cx, actor, "keys.change", info, now)
        self._forget()
        return info

    def revoke(
        self, key_id: str, now: Instant | None = None, *, keep_admin: bool = False, actor: str = GATEWAY
    ) -> bool:
        """End a key; False where there is none by that id or it was revoked before.

        Raises Conflict with `keep_admin` where no key that administers would be left.
        """
        now = now or self._database.clock.now()
        with self._database.mark() as cx:
            row = cx.execute("SELECT * FROM keys WHERE id = ?", (key_id,)).fetchone()
            changed = self._revoke(cx, key_id, now)
            if changed and keep_admin and ADMIN in _info(row).scopes:
                self._must_have_admin(cx, now)
            if changed:
                self._audit.append(cx, actor, "keys.revoke", key_id, {}, now)
        self._forget()
        return changed

    def rotate(
        self, key_id: str, now: Instant | None = None, *, grace: float = 0.0, actor: str = GATEWAY
    ) -> tuple[KeyInfo, Secret]:
        """A new key with everything that the old one had but its id; the old one ends after `grace` seconds.

        Raises KeyError for an unknown one, and Conflict for one that has ended.
        """
        now = now or self._database.clock.now()
        with self._database.mark() as cx:
            row = cx.execute("SELECT * FROM keys WHERE id = ?", (key_id,)).fetchone()
            if row is None:
                raise KeyError(key_id)
            old = _info(row)
            if not old.in_force(wall_ms(now)):
                raise Conflict(f"key {key_id} is {old.state(wall_ms(now))}: only a key in force is rotated")
            if grace > 0:
                end = wall_ms(now) + ms(grace)
                end = end if old.expires_at is None else min(end, old.expires_at)
                cx.execute("UPDATE keys SET expires_at = ? WHERE id = ?", (end, key_id))
            else:
                self._revoke(cx, key_id, now)
            info = replace(old, id=new_id(now), created_at=wall_ms(now), last_used_at=None)
            token = self._insert(cx, info)
            self._note(cx, actor, "keys.rotate", info, now, replaces=key_id)
        self._forget()
        return info, token

    def _forget(self) -> None:
        """Believe nothing that was looked up before a change."""
        with self._lock:
            self._changes += 1
            self._cache.clear()

    def _must_have_admin(self, cx: sqlite3.Connection, now: Instant) -> None:
        rows = cx.execute("SELECT * FROM keys WHERE revoked_at IS NULL").fetchall()
        if not any(ADMIN in info.scopes and info.in_force(wall_ms(now)) for info in map(_info, rows)):
            raise Conflict("this is the last key that administers: make another one first, or use the command line")

    def _note(self, cx: sqlite3.Connection, actor: str, action: str, info: KeyInfo, now: Instant, **more: str) -> None:
        """Tell the audit log what a key is from now on; never the key, nor the handset that it redirects to."""
        policy = info.policy.model_dump(mode="json", exclude_defaults=True)
        if info.policy.redirect_to is not None:
            policy["redirect_to"] = masked(info.policy.redirect_to)
        told = {"client": info.client, "name": info.name, "scopes": sorted(info.scopes), "policy": policy}
        self._audit.append(cx, actor, action, info.id, {**told, "expires_at": info.expires_at, **more}, now)

    def _insert(self, cx: sqlite3.Connection, info: KeyInfo) -> Secret:
        token = Secret(PREFIX + secrets.token_urlsafe(32))
        cx.execute(
            "INSERT INTO keys (id, client, name, hash, scopes, created_at, expires_at, policy)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(info.id, info.client, info.name, self._cipher.key_hash(token.reveal().encode())),
                *(json.dumps(sorted(info.scopes)), info.created_at, info.expires_at),
                _stored(info.policy),
            ),
        )
        return token

    def _revoke(self, cx: sqlite3.Connection, key_id: str, now: Instant) -> bool:
        query = "UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL"
        return cx.execute(query, (wall_ms(now), key_id)).rowcount > 0

    def _note_use(self, info: KeyInfo, now: Instant) -> None:
        if info.last_used_at is not None and wall_ms(now) - info.last_used_at < USE_NOTED * 1000:
            return
        query = "UPDATE keys SET last_used_at = ? WHERE id = ?"
        self._database.accept(lambda cx: cx.execute(query, (wall_ms(now), info.id)))


def _stored(policy: KeyPolicy) -> str:
    return policy.model_dump_json(exclude_defaults=True)


def _info(row: sqlite3.Row) -> KeyInfo:
    return KeyInfo(
        id=row["id"],
        client=row["client"],
        name=row["name"],
        scopes=frozenset(json.loads(row["scopes"])),
        created_at=row["created_at"],
        last_used_at=row["last_used_at"],
        revoked_at=row["revoked_at"],
        expires_at=row["expires_at"],
        policy=KeyPolicy.model_validate_json(row["policy"]),
    )
