"""OTP challenges: what was promised to check, how often it was tried, and when it ends.

The engine brings the keyed hash of code, binding and context; the store never sees a code. Methods that take `cx` run
inside the caller's `db.accept` or `db.mark`, the others bring their own transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import orjson

from gateway.messages import Json
from gateway.store.case import Settings
from gateway.store.challenge import NUMBER_LOCKED, Challenge, ChallengeState, CheckResult, NewChallenge
from gateway.store.common import boot_ms, ms, new_id, wall_ms
from gateway.store.database import Database
from gateway.store.errors import Conflict
from gateway.store.events import Events
from gateway.store.guesses import Guesses, GuessLedger
from gateway.store.outbox import Outbox
from gateway.store.rows import insert
from hardware.clock import Instant

_CLOSED_RESULT = {
    ChallengeState.CANCELLED: CheckResult.CANCELLED,
    ChallengeState.APPROVED: CheckResult.USED,
    ChallengeState.EXPIRED: CheckResult.EXPIRED,
    ChallengeState.LOCKED: CheckResult.TOO_MANY_ATTEMPTS,
}
_CHALLENGES = (
    "challenges (id, client, recipient, purpose, state, code_hash, failures, max_failures, sends,"
    " message_id, client_ref, details, created_at, sent_at, sent_boot, expires_at, expires_boot, accepted_boot,"
    " key_id, peer, delivery)"
)
_CHALLENGE = "(?, ?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_LAST = (  # the last one stored, not the one of the greatest time: wall time may have been set back
    "SELECT q.key AS place, c.* FROM json_each(?) AS q CROSS JOIN challenges AS c ON c.rowid = (SELECT"
    " max(rowid) FROM challenges WHERE client = json_extract(q.value, '$[0]')"
    " AND recipient = json_extract(q.value, '$[1]') AND delivery = json_extract(q.value, '$[2]')"
    " AND purpose = json_extract(q.value, '$[3]'))"
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A challenge of which everything is made but its row."""

    challenge: Challenge
    row: tuple[object, ...] = field(repr=False)


class Challenges:
    """The table of challenges."""

    def __init__(self, database: Database, outbox: Outbox, events: Events, settings: Settings) -> None:
        self._database, self._outbox, self._events, self._cipher = database, outbox, events, database.cipher
        self.guesses = GuessLedger(database, settings)

    def new_id(self, now: Instant) -> str:
        """An id for `NewChallenge.id`."""
        return new_id(now)

    def prepared(self, new: NewChallenge, guesses: Guesses, now: Instant, message_id: str | None = None) -> Opened:
        """Make what `put` will store: a pending challenge of a number that stands so, and the message that carries its
        code, which is stored after it in the same transaction.
        """
        ends = now.after(new.lifetime)
        challenge = Challenge(
            id=new.id or new_id(now),
            client=new.client,
            to=new.to,
            purpose=new.purpose,
            state=ChallengeState.PENDING,
            reason=None,
            code_hash=new.code_hash,
            failures=new.failures,
            max_failures=new.max_failures,
            sends=new.sends,
            message_id=message_id,
            client_ref=new.client_ref,
            details=new.details,
            created_at=wall_ms(now),
            sent_at=wall_ms(now),
            sent_boot=boot_ms(now) / 1000,
            expires_at=wall_ms(ends),
            expires_boot=boot_ms(ends) / 1000,
            closed_at=None,
            number_left=self.guesses.left(guesses),
            delivery=new.delivery,
        )
        row = (
            *(challenge.id, new.client, new.to, new.purpose, new.code_hash, new.failures, new.max_failures, new.sends),
            *(message_id, new.client_ref, self._seal(challenge.id, new.details), challenge.created_at),
            *(challenge.sent_at, boot_ms(now), challenge.expires_at, boot_ms(ends), self._database.boot_number),
            *(new.key_id, new.peer, new.delivery),
        )
        return Opened(challenge, row)

    def put(self, cx: sqlite3.Connection, opened: Iterable[Opened]) -> None:
        """Store new challenges."""
        insert(cx, _CHALLENGES, _CHALLENGE, [one.row for one in opened])

    def attach(self, cx: sqlite3.Connection, pairs: Iterable[tuple[str, str]]) -> None:
        """Say of pairs of challenge and message which message carries the newest code."""
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

    def before(
        self, cx: sqlite3.Connection, asked: Sequence[tuple[NewChallenge | Challenge, Guesses, Instant]]
    ) -> list[Challenge | None]:
        """For challenges, and where their numbers stand, those whose failures and sends a new one takes over: the last
        one of the same client, number, purpose and delivery, where its lifetime is not over.

        Pending, it is to be superseded too. One that was cancelled or locked counts on as well, or whoever guesses
        would start anew at will; one that was approved does not.
        """
        wanted = json.dumps([(*new.whose, new.purpose) for new, _, _ in asked])
        rows = {row["place"]: row for row in cx.execute(_LAST, (wanted,)).fetchall()}
        return [self._before(cx, rows.get(place), guesses, now) for place, (_, guesses, now) in enumerate(asked)]

    def _before(
        self, cx: sqlite3.Connection, row: sqlite3.Row | None, guesses: Guesses, now: Instant
    ) -> Challenge | None:
        done = (ChallengeState.APPROVED, ChallengeState.EXPIRED)
        if row is None or row["state"] in done or row["expires_boot"] <= boot_ms(now):
            return None
        return self._challenge(cx, row, guesses)

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
        return self._database.accept(lambda cx: self._judge(cx, challenge_id, client, matches, now))

    def _judge(
        self,
        cx: sqlite3.Connection,
        challenge_id: str,
        client: str | None,
        matches: Callable[[Challenge], bool],
        now: Instant,
    ) -> tuple[CheckResult, Challenge] | None:
        challenge = self.get_in(cx, challenge_id, client)
        if challenge is None:
            return None
        if (result := _CLOSED_RESULT.get(challenge.state)) is not None:
            return result, challenge
        if boot_ms(now) >= ms(challenge.expires_boot):
            return CheckResult.EXPIRED, self.close(cx, challenge_id, ChallengeState.EXPIRED, now)
        if self.guesses.look(cx, challenge.whose, now).shut:
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
        return self._cipher.seal(orjson.dumps(details), f"challenges.details {challenge_id}")

    def _challenge(self, cx: sqlite3.Connection, row: sqlite3.Row, guesses: Guesses | None = None) -> Challenge:
        """The challenge of a row; `guesses`: of its number, where those are known."""
        left = 0
        if row["state"] == ChallengeState.PENDING:
            if guesses is None:
                whose = row["client"], row["recipient"], row["delivery"]
                guesses = self.guesses.look(cx, whose, self._database.clock.now())
            left = self.guesses.left(guesses)
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
