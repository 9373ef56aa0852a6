"""How the messages fare that the gateway sends to itself, over restarts; and the token by which they are known again.

A token carries a keyed hash: one that comes late, twice or to another SIM is known without being remembered.
"""

from __future__ import annotations

import hmac
import json
import re
import sqlite3

from gateway.messages import Json
from gateway.store.cipher import Cipher
from gateway.store.database import Database

_NAME = "canary "  # and the pair of modems: a row of `meta`
_HASH_DIGITS = 16
_TOKEN = re.compile(r"\b([0-9a-f]{12})([0-9a-f]{16})\b")


class Canaries:
    """One row for each pair of modems."""

    def __init__(self, database: Database) -> None:
        self._database, self._cipher = database, database.cipher

    def token(self, nonce: str) -> str:
        """What a text carries; `nonce`: 12 hexadecimal digits, never the same."""
        return nonce + _hash(self._cipher, nonce)

    def nonce_in(self, text: str) -> str | None:
        """The nonce of a token of this gateway in a text; None where there is none."""
        for nonce, hashed in _TOKEN.findall(text):
            if hmac.compare_digest(hashed, _hash(self._cipher, nonce)):
                return str(nonce)
        return None

    def load(self, pair: str) -> Json | None:
        """What is kept of a pair; None for one that is new."""
        with self._database.read() as cx:
            return self.get(cx, pair)

    def get(self, cx: sqlite3.Connection, pair: str) -> Json | None:
        """As `load`, inside a transaction."""
        row = cx.execute("SELECT value FROM meta WHERE name = ?", (_NAME + pair,)).fetchone()
        if row is None:
            return None
        kept: Json = json.loads(row["value"])
        return kept

    def put(self, cx: sqlite3.Connection, pair: str, kept: Json) -> None:
        """Keep it, inside the caller's transaction."""
        cx.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_NAME + pair, json.dumps(kept)))


def _hash(cipher: Cipher, nonce: str) -> str:
    return cipher.key_hash(b"canary\0" + nonce.encode()).hex()[:_HASH_DIGITS]
