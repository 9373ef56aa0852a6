"""The front half of an attempt's life: claimed by a modem, begun or handed back."""

from __future__ import annotations

import sqlite3
from typing import Final

from gateway.messages import (
    POSSIBLE_DUPLICATES,
    AttemptKind,
    AttemptState,
    ClaimedAttempt,
    Lane,
    Message,
    MessageState,
    Reason,
)
from gateway.quota import Bounds
from gateway.store.accepting import Accepting
from gateway.store.case import Case, Slot
from gateway.store.common import boot_ms, wall_ms
from gateway.store.errors import SENSELESS, Conflict, StoreDamaged
from gateway.store.ledger import Event
from gateway.store.outcomes import options
from gateway.store.ready import Wanted
from hardware.clock import Instant

FLASH_CLASS: Final = 0  # message class 0: shown at once (23.038 4)
NOT_BEGUN: Final = "not sent: its lifetime ended first"
UNBOUNDED: Final = Bounds()


class Claims(Accepting):
    """Claim, release, begin, cancel."""

    def claim(
        self, slot: Slot, now: Instant, bounds: Bounds = UNBOUNDED, *, told: bool = False
    ) -> ClaimedAttempt | None:
        """Take the most urgent part that this modem may send now within `bounds`; None where there is none.

        `told`: one was stored just now, so that a look without the lock is not worth its time. A claim needs no sync
        of its own: what follows it is never stored without it.
        """
        wanted = Wanted(slot, bounds)
        if not slot.queues or (found := self._look(wanted, now, told=told)) is None:
            return None
        self._database.settle_clock(now)
        while True:
            taken: list[int] = []
            try:
                return self._claim(slot, wanted, now, found, taken)
            except SENSELESS as error:  # nothing of it is stored
                if not taken:
                    raise
                self._end_senseless(taken[-1], now, error)

    def _claim(self, slot: Slot, wanted: Wanted, now: Instant, found: int, taken: list[int]) -> ClaimedAttempt | None:
        """See `claim`; `taken` tells what was tried last."""
        with self._database.mark(synced=False) as cx:
            while (attempt_id := self._take(cx, wanted, now, found)) is not None:
                taken.append(attempt_id)
                case = self._case(cx, attempt_id)
                attempt = case.attempt(attempt_id)
                try:
                    segment = self._segment(case, attempt["part"])
                except StoreDamaged:
                    self._fail_unreadable(case, attempt_id, now)
                    continue
                if case.parts > 1:
                    self._gather(case, attempt["generation"], f"sim:{slot.imsi}")
                case.set(modem=slot.modem)
                event = Event(modem=slot.modem, attempt=attempt_id, part=attempt["part"])
                self._ledger.settle(case, now, event)
                return self._claimed(case, case.attempt(attempt_id), slot, segment, now)
        return None

    def release(self, attempt_id: int, now: Instant) -> None:
        """Hand back a claimed part of which nothing has left; it keeps its place.

        One that was withdrawn meanwhile stays so. One that was begun may have left: its outcome is unknown.
        """
        with self._database.mark(synced=False) as cx:
            case = self._case(cx, attempt_id)
            attempt = case.attempt(attempt_id)
            if attempt["state"] == AttemptState.SUBMITTING:
                self._lost_sight(case, attempt_id, now, "handed back after its PDU was begun")
            elif attempt["state"] == AttemptState.CLAIMED:
                self._hand_back(case, attempt_id, now)

    def begin(self, attempt_id: int, now: Instant, period: int | None = None) -> bool:
        """The durable mark before a PDU's first octet; False where the part may not go any more.

        `now`: when it was asked for. The lock and the sync may take long, so the clock is read again after each.
        `period`: the month in which the numbers are counted that the SIM sends to; None: they are not counted.
        """
        with self._database.mark() as cx:
            now = self._not_before(now)
            case = self._case(cx, attempt_id)
            attempt = case.attempt(attempt_id)
            if attempt["state"] != AttemptState.CLAIMED or not case.sendable(now):
                return False
            if case.message["key_id"] is not None and self._made_safer(case, attempt, now):
                return False
            case.change(
                [attempt_id],
                state=AttemptState.SUBMITTING,
                submitted_at=wall_ms(now),
                submitted_boot=boot_ms(now),
            )
            case.set(attempts=case.message["attempts"] + 1)
            if period is not None:
                sent_to = case.message["sent_to"] or case.message["recipient"]
                cx.execute("INSERT OR IGNORE INTO sim_recipients VALUES (?, ?, ?)", (attempt["imsi"], period, sent_to))
            if attempt["kind"] in POSSIBLE_DUPLICATES:
                self._ledger.note(
                    case,
                    now,
                    Event(attempt["kind"], attempt["modem"], attempt_id, attempt["part"], duplicate=True),
                )
        now = self._not_before(now)
        if case.sendable(now):
            return True
        self._take_back(attempt_id, now)
        return False

    def cancel(
        self, cx: sqlite3.Connection, message_id: str, now: Instant, reason: Reason = Reason.BY_CLIENT
    ) -> Message:
        """Withdraw a message of which nothing has left; raises Conflict otherwise, KeyError for an unknown one."""
        case = Case(cx, self._seq(cx, message_id))
        if case.state is MessageState.CANCELLED:
            return self._message(cx, message_id)
        if case.message["final"] or case.may_have_left:
            raise Conflict(f"message {message_id} is {case.state.value} and can no longer be cancelled")
        case.set(withdrawn=reason.value)
        self._ledger.settle(case, now, Event())
        return self._message(cx, message_id)

    def withdraw_challenge(self, cx: sqlite3.Connection, challenge_id: str, now: Instant) -> int:
        """Withdraw everything of a challenge that has not left; returns how many messages that touched."""
        rows = cx.execute(
            "SELECT seq FROM messages WHERE challenge_id = ? AND final = 0 AND withdrawn IS NULL", (challenge_id,)
        ).fetchall()
        for row in rows:
            case = Case(cx, row["seq"])
            case.set(withdrawn=Reason.CHALLENGE_CLOSED.value)
            self._ledger.settle(case, now, Event())
        return len(rows)

    def withdraw_all(self, now: Instant, reason: Reason) -> int:
        """Withdraw everything that has not left; returns how many messages that touched."""
        query = "SELECT seq FROM messages WHERE final = 0 AND withdrawn IS NULL AND state IN ('queued', 'sending')"
        with self._database.mark() as cx:
            rows = cx.execute(query).fetchall()
            for row in rows:
                case = Case(cx, row["seq"])
                case.set(withdrawn=reason.value)
                self._ledger.settle(case, now, Event())
        return len(rows)

    def erase_challenge(self, cx: sqlite3.Connection, challenge_id: str) -> None:
        """Erase the texts of a challenge that has ended, where the message is final too or can never go again."""
        cx.execute(
            "UPDATE messages SET body = NULL WHERE challenge_id = ? AND (final = 1 OR withdrawn IS NOT NULL AND NOT"
            " EXISTS (SELECT 1 FROM attempts WHERE message = seq AND state IN ('ready', 'waiting', 'claimed')))",
            (challenge_id,),
        )

    # -- inside -------------------------------------------------------------------------------------------------------

    def _look(self, wanted: Wanted, now: Instant, *, told: bool) -> int | None:
        """A look that takes no lock: an idle modem must not hold up the others. None where there is nothing.

        Else 0, or the part itself where finding it may take long.
        """
        if told and not wanted.searches:
            return 0
        with self._database.read() as cx:
            if not wanted.searches:
                return 0 if any(cx.execute(query, (queue,)).fetchone() for query, queue in wanted.looks()) else None
            query = f"SELECT id FROM ({wanted.parts()}) ORDER BY lane, position LIMIT 1"  # noqa: S608 - no input in it
            row = cx.execute(query, self._values(wanted, now, 0)).fetchone()
        return None if row is None else int(row["id"])

    def _take(self, cx: sqlite3.Connection, wanted: Wanted, now: Instant, found: int) -> int | None:
        row = cx.execute(
            "UPDATE attempts SET state = 'claimed', modem = :modem, imsi = :imsi, claimed_at = :wall, due_boot = NULL,"  # noqa: S608 - no input in it
            " avoid = NULL, report = :reports AND (SELECT report FROM messages WHERE seq = message)"
            " AND coalesce((SELECT silent FROM sims WHERE imsi = :imsi), 0) < :silent"
            f" WHERE id = (SELECT id FROM ({wanted.parts(found)}) ORDER BY lane, position LIMIT 1) RETURNING id",
            self._values(wanted, now, found),
        ).fetchone()
        return None if row is None else int(row["id"])

    def _values(self, wanted: Wanted, now: Instant, found: int) -> dict[str, object]:
        return {
            **wanted.values,
            "found": found,
            "wall": wall_ms(now),
            "now": boot_ms(now),
            "silent": self._settings.silent_after,
            "boot": self._database.boot_number,
            "trusted": int(self._database.trusted),
        }

    def _segment(self, case: Case, part: int) -> bytes:
        """The octets of one part; raises StoreDamaged where the stored content cannot be read."""
        _, segments = self._content(case)
        if part > len(segments):
            raise StoreDamaged(f"the content of message {case.message['id']} cannot be read")
        return segments[part - 1]

    def _not_before(self, now: Instant) -> Instant:
        """The time by the clock, if that is later than `now`."""
        by_clock = self._database.clock.now()
        return by_clock if by_clock.boot > now.boot else now

    def _take_back(self, attempt_id: int, now: Instant) -> None:
        """The lifetime ended while the mark was made: not an octet has left, and none will."""
        with self._database.mark() as cx:
            case = self._case(cx, attempt_id)
            attempt = case.attempt(attempt_id)
            if attempt["state"] != AttemptState.SUBMITTING:
                return
            case.change([attempt_id], state=AttemptState.WITHDRAWN, submitted_at=None, submitted_boot=None)
            case.set(attempts=case.message["attempts"] - 1)
            event = Event(NOT_BEGUN, attempt["modem"], attempt_id, attempt["part"], always=True)
            self._ledger.settle(case, now, event)

    def _claimed(self, case: Case, attempt: sqlite3.Row, slot: Slot, segment: bytes, now: Instant) -> ClaimedAttempt:
        message = case.message
        return ClaimedAttempt(
            id=attempt["id"],
            message_id=message["id"],
            part=attempt["part"],
            parts=message["parts"],
            lane=Lane(message["lane"]),
            kind=AttemptKind(attempt["kind"]),
            to=message["sent_to"] or message["recipient"],
            segment=segment,
            concat_reference=attempt["concat_reference"],
            expires_boot=message["expires_boot"] / 1000,
            report=bool(message["report"]) and slot.reports,  # asked for even of a SIM that gave none so far
            replace=message["replace_type"],
            silent=bool(message["silent"]),
            message_class=FLASH_CLASS if message["flash"] else None,
            number=attempt["number"],
            without=options(attempt["without"]),
            bound=case.bound_to(attempt["generation"]) is not None,
            step=attempt["step"],
            hopped=bool(attempt["hopped"]),
            home=message["home"],
            country=message["country"],
            waited=_waited(case, attempt, now),
        )


def _waited(case: Case, attempt: sqlite3.Row, now: Instant) -> float | None:
    """For how many seconds a part could have gone; None for a copy that was planned while another was under way."""
    message = case.message
    if attempt["number"] == 1:  # by the boot clock, on which the lifetime runs
        start = max(message["created_at"], message["not_before_at"] or 0)
        waited = boot_ms(now) - (message["expires_boot"] - (message["expires_at"] - start))
    else:
        since = attempt["due_at"] or max(
            (row["result_at"] for row in case.attempts if row["part"] == attempt["part"] and row["result_at"]),
            default=None,
        )
        if since is None:
            return None
        waited = wall_ms(now) - since
    return max(0.0, float(waited) / 1000)
