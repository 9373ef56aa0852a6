"""OTP challenges: what was promised to check, how often it was tried, and when it ends.

The engine brings the keyed hash of code, binding and context; the store never sees a code. Methods that take `cx` run
inside the caller's `db.accept` or `db.mark`, the others bring their own transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable

from gateway.messages import Json
from gateway.store.case import Settings
from gateway.store.challenge import NUMBER_LOCKED, Challenge, ChallengeState, CheckResult, NewChallenge
from gateway.store.common import boot_ms, ms, new_id, wall_ms
from gateway.store.database import Database
from gateway.store.errors import Conflict
from gateway.store.events import Events
from gateway.store.guesses import Guesses, GuessLedger
from gateway.store.outbox import Outbox
from hardware.clock import Instant

_CLOSED_RESULT = {
    ChallengeState.CANCELLED: CheckResult.CANCELLED,
    ChallengeState.APPROVED: CheckResult.USED,
    ChallengeState.EXPIRED: CheckResult.EXPIRED,
    ChallengeState.LOCKED: CheckResult.TOO_MANY_ATTEMPTS,
}


class Challenges:
    """The table of challenges."""

    def __init__(self, database: Database, outbox: Outbox, events: Events, settings: Settings) -> None:
        self._database, self._outbox, self._events, self._cipher = database, outbox, events, database.cipher
        self.guesses = GuessLedger(database, settings)

    def new_id(self, now: Instant) -> str:
        """An id for `NewChallenge.id`."""
        return new_id(now)

    def create(
        self, cx: sqlite3.Connection, new: NewChallenge, now: Instant, guesses: Guesses | None = None
    ) -> Challenge:
        """Store a pending challenge; attach its message afterwards, in the same transaction.

        `guesses`: where its number stands, if that has been looked up.
        """
        challenge_id = new.id or new_id(now)
        row = cx.execute(
            "INSERT INTO challenges (id, client, recipient, purpose, state, code_hash, failures, max_failures, sends,"
            " client_ref, details, created_at, sent_at, sent_boot, expires_at, expires_boot, accepted_boot,"
            " key_id, peer, delivery)"
            " VALUES (?, ?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
            (
                *(challenge_id, new.client, new.to, new.purpose, new.code_hash, new.failures, new.max_failures),
                *(new.sends, new.client_ref, self._seal(challenge_id, new.details), wall_ms(now), wall_ms(now)),
                *(boot_ms(now), wall_ms(now.after(new.lifetime)), boot_ms(now.after(new.lifetime))),
                *(self._database.boot_number, new.key_id, new.peer, new.delivery),
            ),
        ).fetchone()
        return self._challenge(cx, row, new.details, guesses)

    def attach(self, cx: sqlite3.Connection, challenge_id: str, message_id: str) -> None:
        """Say which message carries the newest code."""
        self.attach_all(cx, ((challenge_id, message_id),))

    def attach_all(self, cx: sqlite3.Connection, pairs: Iterable[tuple[str, str]]) -> None:
        """`attach`, for pairs of challenge and message."""
        query = "UPDATE challenges SET message_id = ? WHERE id = ?"
        cx.executemany(query, [(message_id, challenge_id) for challenge_id, message_id in pairs])

    def get(self, challenge_id: str, client: str | None = None) -> Challenge | None:
        """A challenge by id; None where there is none, or not for this client (None: any)."""
        with self._database.read() as cx:
            return self.get_in(cx, challenge_id, client)

    def get_in(self, cx: sqlite3.Connection, challenge_id: str, client: str | None = None) -> Challenge | None:
        """`get` inside a transaction."""
        row = cx.execute("SELECT * FROM challenges WHERE id = ?", (challenge_id,)).fetchone()
        return None if row is None or client not in (None, row["client"]) else self._challenge(cx, row)

    def before(self, cx: sqlite3.Connection, new: NewChallenge, now: Instant) -> Challenge | None:
        """The challenge whose failures and sends a new one takes over: the last one of the same client, number, purpose
        and delivery, where its lifetime is not over.

        Pending, it is to be superseded too. One that was cancelled or locked counts on as well, or whoever guesses
        would start anew at will; one that was approved does not.
        """
        row = cx.execute(  # the last one stored, not the one of the greatest time: wall time may have been set back
            "SELECT * FROM challenges WHERE client = ? AND recipient = ? AND purpose = ? AND delivery = ?"
            " ORDER BY rowid DESC LIMIT 1",
            (new.client, new.to, new.purpose, new.delivery),
        ).fetchone()
        done = (ChallengeState.APPROVED, ChallengeState.EXPIRED)
        if row is None or row["state"] in done or row["expires_boot"] <= boot_ms(now):
            return None
        return self._challenge(cx, row)

    def renew(
        self,
        cx: sqlite3.Connection,
        challenge_id: str,
        code_hash: bytes,
        lifetime: float,
        now: Instant,
        details: Json | None = None,
    ) -> Challenge:
        """A new code under the same challenge: the old one dead, its messages withdrawn, failures kept, full lifetime.

        Raises Conflict where the challenge is closed or its lifetime is over.
        """
        before = self._open(cx, challenge_id, now)
        self._outbox.withdraw_challenge(cx, challenge_id, now)
        cx.execute(
            "UPDATE challenges SET code_hash = ?, details = ?, sends = sends + 1, sent_at = ?, sent_boot = ?,"
            " expires_at = ?, expires_boot = ?, accepted_boot = ? WHERE id = ?",
            (
                *(code_hash, self._seal(challenge_id, before.details if details is None else details)),
                *(wall_ms(now), boot_ms(now), wall_ms(now.after(lifetime)), boot_ms(now.after(lifetime))),
                *(self._database.boot_number, challenge_id),
            ),
        )
        return self._one(cx, challenge_id)

    def resent(self, cx: sqlite3.Connection, challenge_id: str, now: Instant) -> Challenge:
        """Count one more send of the same code; raises Conflict where the challenge is closed or over."""
        self._open(cx, challenge_id, now)
        cx.execute(
            "UPDATE challenges SET sends = sends + 1, sent_at = ?, sent_boot = ? WHERE id = ?",
            (wall_ms(now), boot_ms(now), challenge_id),
        )
        return self._one(cx, challenge_id)

    def check(
        self, challenge_id: str, client: str | None, matches: Callable[[Challenge], bool], now: Instant
    ) -> tuple[CheckResult, Challenge] | None:
        """Judge one check and store what it comes to, in one transaction; None for a challenge that is not there.

        `matches` compares in constant time and is called only where it decides. A right code approves exactly once,
        however many checks come at the same moment.
        """
        with self._database.mark() as cx:
            challenge = self.get_in(cx, challenge_id, client)
            if challenge is None:
                return None
            if (result := _CLOSED_RESULT.get(challenge.state)) is not None:
                return result, challenge
            if boot_ms(now) >= ms(challenge.expires_boot):
                return CheckResult.EXPIRED, self.close(cx, challenge_id, ChallengeState.EXPIRED, now)
            if self.guesses.look(cx, challenge.client, challenge.to, challenge.delivery, now).shut:
                closed = self.close(cx, challenge_id, ChallengeState.LOCKED, now, NUMBER_LOCKED)
                return CheckResult.TOO_MANY_ATTEMPTS, closed
            if challenge.failures >= challenge.max_failures:
                return CheckResult.TOO_MANY_ATTEMPTS, self.close(cx, challenge_id, ChallengeState.LOCKED, now)
            if matches(challenge):
                self.guesses.right(cx, challenge.client, challenge.to, challenge.delivery)
                return CheckResult.APPROVED, self.close(cx, challenge_id, ChallengeState.APPROVED, now)
            return CheckResult.WRONG_CODE, self._wrong(cx, challenge, now)

    def _wrong(self, cx: sqlite3.Connection, challenge: Challenge, now: Instant) -> Challenge:
        """Count a wrong code against the challenge and against the number."""
        cx.execute("UPDATE challenges SET failures = failures + 1 WHERE id = ?", (challenge.id,))
        if self.guesses.wrong(cx, challenge.client, challenge.to, challenge.delivery, now).shut:
            return self.close(cx, challenge.id, ChallengeState.LOCKED, now, NUMBER_LOCKED)
        if challenge.failures + 1 >= challenge.max_failures:
            return self.close(cx, challenge.id, ChallengeState.LOCKED, now)
        return self._one(cx, challenge.id)

    def close(
        self, cx: sqlite3.Connection, challenge_id: str, state: ChallengeState, now: Instant, reason: str | None = None
    ) -> Challenge:
        """End a challenge: withdraw what has not left, erase texts of what is final. A closed one stays as it is."""
        self._end(cx, challenge_id, state, now, reason)
        return self._one(cx, challenge_id)

    def _end(
        self, cx: sqlite3.Connection, challenge_id: str, state: ChallengeState, now: Instant, reason: str | None = None
    ) -> None:
        changed = cx.execute(
            "UPDATE challenges SET state = ?, reason = ?, closed_at = ? WHERE id = ? AND state = 'pending'",
            (state.value, reason, wall_ms(now), challenge_id),
        ).rowcount
        if changed:
            if state is not ChallengeState.EXPIRED:  # there the messages' own lifetime says more
                self._outbox.withdraw_challenge(cx, challenge_id, now)
            self._outbox.erase_challenge(cx, challenge_id)
            self._tell(cx, challenge_id, now)

    def _tell(self, cx: sqlite3.Connection, challenge_id: str, now: Instant) -> None:
        """Event streams and webhooks hear how it ended."""
        row = cx.execute("SELECT * FROM challenges WHERE id = ?", (challenge_id,)).fetchone()
        body = {
            "id": challenge_id,
            "message_id": row["message_id"],
            "to": row["recipient"],
            "purpose": row["purpose"],
            "state": row["state"],
            "reason": row["reason"],
            "sends": row["sends"],
            "client_ref": row["client_ref"],
        }
        self._events.emit(cx, f"otp.{row['state']}", row["client"], challenge_id, body, now)

    def expire_due(self, now: Instant, limit: int = 500) -> int:
        """End challenges whose lifetime is over; returns how many. Checks do not depend on it: it erases texts."""
        with self._database.mark() as cx:
            rows = cx.execute(
                "SELECT id FROM challenges WHERE state = 'pending' AND expires_boot <= ? LIMIT ?", (boot_ms(now), limit)
            ).fetchall()
            for row in rows:
                self._end(cx, row["id"], ChallengeState.EXPIRED, now)
        return len(rows)

    # -- rows ---------------------------------------------------------------------------------------------------------

    def _open(self, cx: sqlite3.Connection, challenge_id: str, now: Instant) -> Challenge:
        challenge = self._one(cx, challenge_id)
        if challenge.state is not ChallengeState.PENDING:
            raise Conflict(f"challenge {challenge_id} is {challenge.state}; start a new one")
        if boot_ms(now) >= ms(challenge.expires_boot):
            raise Conflict(f"challenge {challenge_id} is expired; start a new one")
        return challenge

    def _one(self, cx: sqlite3.Connection, challenge_id: str) -> Challenge:
        row = cx.execute("SELECT * FROM challenges WHERE id = ?", (challenge_id,)).fetchone()
        if row is None:
            raise KeyError(challenge_id)
        return self._challenge(cx, row)

    def _seal(self, challenge_id: str, details: Json) -> bytes:
        return self._cipher.seal(json.dumps(details).encode(), f"challenges.details {challenge_id}")

    def _challenge(
        self, cx: sqlite3.Connection, row: sqlite3.Row, details: Json | None = None, guesses: Guesses | None = None
    ) -> Challenge:
        """The challenge of a row; `details`: what is sealed in it, `guesses`: of its number, where those are known."""
        left = 0
        if row["state"] == ChallengeState.PENDING:
            if guesses is None:
                now = self._database.clock.now()
                guesses = self.guesses.look(cx, row["client"], row["recipient"], row["delivery"], now)
            left = self.guesses.left(guesses)
        if details is None:
            details = json.loads(self._cipher.unseal(row["details"], f"challenges.details {row['id']}"))
        return Challenge(
            id=row["id"],
            client=row["client"],
            to=row["recipient"],
            purpose=row["purpose"],
            state=ChallengeState(row["state"]),
            reason=row["reason"],
            code_hash=row["code_hash"],
            failures=row["failures"],
            max_failures=row["max_failures"],
            sends=row["sends"],
            message_id=row["message_id"],
            client_ref=row["client_ref"],
            details=details,
            created_at=row["created_at"],
            sent_at=row["sent_at"],
            sent_boot=row["sent_boot"] / 1000,
            expires_at=row["expires_at"],
            expires_boot=row["expires_boot"] / 1000,
            closed_at=row["closed_at"],
            number_left=left,
            delivery=row["delivery"],
        )
