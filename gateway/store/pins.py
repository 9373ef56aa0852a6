"""Which PIN was tried with which card: kept for ever, so that no PIN is ever tried twice after a refusal."""

from __future__ import annotations

from gateway.store.database import Database


class PinAttempts:
    """The durable ledger that a modem asks before it writes a PIN. Cards and PINs are stored as keyed hashes."""

    def __init__(self, database: Database) -> None:
        self._database, self._cipher = database, database.cipher

    def attempted(self, card: str, pin_digest: bytes) -> bool:
        """Whether this PIN was tried with this card and refused, or never answered."""
        query = "SELECT outcome FROM pin_attempts WHERE card = ? AND pin = ?"
        with self._database.read() as cx:
            row = cx.execute(query, self._hashed(card, pin_digest)).fetchone()
        return row is not None and row["outcome"] != "accepted"

    def begin(self, card: str, pin_digest: bytes) -> None:
        """Record an attempt; durable when this returns, which is before the PIN is written."""
        self._record(card, pin_digest, "begun")

    def settle(self, card: str, pin_digest: bytes, accepted: bool) -> None:
        """Record what the card said."""
        self._record(card, pin_digest, "accepted" if accepted else "refused")

    def _record(self, card: str, pin_digest: bytes, outcome: str) -> None:
        with self._database.mark() as cx:
            cx.execute(
                "INSERT OR REPLACE INTO pin_attempts VALUES (?, ?, ?, ?)",
                (*self._hashed(card, pin_digest), outcome, round(self._database.clock.now().wall * 1000)),
            )

    def _hashed(self, card: str, pin_digest: bytes) -> tuple[bytes, bytes]:
        return self._cipher.key_hash(b"card\0" + card.encode()), self._cipher.key_hash(b"pin\0" + pin_digest)
