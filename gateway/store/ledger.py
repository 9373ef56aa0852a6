"""The one place where a message's state moves.

Everything that happens to a message ends in `Ledger.settle`: withdraw what no longer makes sense, derive the state
from the attempts, check the move, write the timeline.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.messages import (
    MOVES,
    POSSIBLE_DUPLICATES,
    TERMINAL,
    AttemptKind,
    AttemptState,
    Lane,
    Message,
    MessageState,
    Reason,
)
from gateway.store.case import Case, Settings
from gateway.store.common import boot_ms, ms, wall_ms
from gateway.store.database import Database
from gateway.store.events import Events
from gateway.store.states import UNLEFT, PartState, Sending, derive, sendings
from hardware.clock import Instant

NETWORK_FLOOR = 300.0  # seconds: the shortest relative TP-VP (23.040 9.2.3.12.1), so a network may try that long
REPORT_GRACE = 60.0  # seconds that a status report may take after the network's last try
IN_FLIGHT_LOOK = 60.0  # seconds until expiry looks again at a message of which a part is on the air
_NETWORK_SAYS = (MessageState.SENT, MessageState.DELIVERED, MessageState.UNDELIVERED)


@dataclass(slots=True)
class Event:
    """What happened, for the timeline."""

    result: str | None = None
    modem: str | None = None
    attempt: int | None = None
    part: int | None = None
    duplicate: bool = False
    refusal: Reason | None = None
    """Why a part was given up."""
    always: bool = False
    """Write a row even where the state does not move."""


class Ledger:
    """Settles messages; shared by everything that writes to the outbox."""

    def __init__(
        self, database: Database, changed: Callable[[Sequence[str]], None], settings: Settings, events: Events
    ) -> None:
        self.database, self.settings = database, settings
        self._changed, self._events = changed, events

    def settle(self, case: Case, now: Instant, event: Event) -> None:
        """Bring a message up to date with its attempts."""
        over = case.over(now)
        if (
            over
            and case.message["sent_at"] is None
            and any(s.complete for s in sendings(case.parts, case.facts, over=over))
        ):
            over = (
                False  # the last part was on the air when the lifetime ended: from here on its reports are waited for
            )
        withdrawn = case.message["withdrawn"]
        unleft = [row for row in case.attempts if row["state"] in UNLEFT]
        if unleft:
            if over or withdrawn is not None:
                gone = [row["id"] for row in unleft]
            else:
                gone = _pointless(unleft, sendings(case.parts, case.facts, over=over), case.parts)
            case.change(gone, state=AttemptState.WITHDRAWN, due_boot=None)
        reason = Reason(withdrawn) if withdrawn is not None else None
        derived = derive(case.parts, case.facts, over=over, withdrawn=reason)
        why = derived.reason
        if derived.state is MessageState.FAILED:
            why = event.refusal or (_known_reason(case) if case.state is MessageState.FAILED else Reason.REFUSED)
        self._move(case, derived.state, why, derived.final, now, event)
        if case.message["final"]:
            left = [row["id"] for row in case.attempts if row["state"] in UNLEFT]
            case.change(left, state=AttemptState.WITHDRAWN, due_boot=None)
            self._forget(case)
        else:
            self._relabel(case)

    def caught(self, case: Case, now: Instant, event: Event) -> None:
        """A message of which nothing has left is delivered: a virtual handset has it."""
        self._move(case, MessageState.DELIVERED, None, True, now, event)
        self._forget(case)

    def note(self, case: Case, now: Instant, event: Event) -> None:
        """A timeline row that moves nothing."""
        case.cx.execute(
            "INSERT INTO timeline (message, at, state, reason, modem, attempt, part, result, duplicate)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(case.seq, wall_ms(now), case.message["state"], case.message["reason"], event.modem, event.attempt),
                *(event.part, event.result, int(event.duplicate)),
            ),
        )

    def _move(
        self, case: Case, state: MessageState, reason: Reason | None, final: bool, now: Instant, event: Event
    ) -> None:
        before = case.state
        if before in TERMINAL and not _overrides(before, state, reason):
            state, reason, final = before, _known_reason(case), True
        same = (state, reason, final) == (before, _known_reason(case), bool(case.message["final"]))
        if same:
            if event.always:
                self.note(case, now, event)
            return
        if state is not before and state not in MOVES[before]:
            raise ValueError(f"message {case.message['id']} cannot go from {before} to {state}")
        columns: dict[str, object] = {"state": state.value, "reason": reason, "final": int(final)}
        late = now.boot * 1000 >= case.message["expires_boot"]
        if state is MessageState.SENT and before is not MessageState.SENT:
            columns |= self._sent(case, now)
        if state is MessageState.DELIVERED:
            columns["delivered_at"] = wall_ms(now)
            if case.message["sent_at"] is None:
                columns["sent_at"] = wall_ms(now)
            if late:
                event.result = "delivered_late"
        case.set(**columns)
        self.note(case, now, event)
        self.tell(case, now, event)

    def tell(self, case: Case, now: Instant, event: Event) -> None:
        """Those who wait for this message, event streams and webhooks."""
        message = case.message
        message_id = message["id"]
        self.database.after_commit(lambda: self._changed([message_id]))
        body = {
            "id": message_id,
            "to": message["recipient"],
            "state": message["state"],
            "reason": message["reason"],
            "final": bool(message["final"]),
            "priority": Lane(message["lane"]).name.lower(),
            "parts": message["parts"],
            "modem": message["modem"] or message["wanted"],
            "otp_id": message["challenge_id"],
            "client_ref": message["client_ref"],
            "tags": json.loads(message["tags"]),
            "result": event.result,
            "possible_duplicate": event.duplicate,
        }
        self._events.emit(case.cx, f"message.{message['state']}", message["client"], message_id, body, now)

    def _sent(self, case: Case, now: Instant) -> dict[str, object]:
        return {"sent_at": wall_ms(now), "sent_boot": boot_ms(now), "check_boot": reports_until(case, now)}

    def _forget(self, case: Case) -> None:
        """Erase the text of a code once nothing can need it again."""
        message = case.message
        if message["lane"] != Lane.OTP or message["body"] is None:
            return
        if message["challenge_id"] is not None:
            query = "SELECT state FROM challenges WHERE id = ?"
            if case.cx.execute(query, (message["challenge_id"],)).fetchone()["state"] == "pending":
                return
        case.set(body=None)

    def _relabel(self, case: Case) -> None:
        """A planned copy is no duplicate any more once it is known that nothing of its part has left."""
        for row in case.attempts:
            if row["kind"] not in POSSIBLE_DUPLICATES or row["state"] not in (AttemptState.READY, AttemptState.WAITING):
                continue
            if not case.may_have_left:
                case.change([row["id"]], kind=AttemptKind.RETRY, queue=case.message["home"])


def reports_until(case: Case, now: Instant) -> int:
    """Until when (boot milliseconds) reports are waited for: the network's last try, and some time for the report."""
    begun = max(min(row["submitted_boot"] or 0, boot_ms(now)) for row in case.attempts)  # some in another boot
    last_try = max(case.message["expires_boot"], begun + ms(NETWORK_FLOOR))
    return int(max(last_try, boot_ms(now))) + ms(REPORT_GRACE)


def _pointless(unleft: Sequence[sqlite3.Row], every: Sequence[Sending], parts: int) -> list[int]:
    """Planned attempts that would send what was accepted, or the rest of what can never be joined."""
    complete = any(sending.complete for sending in every)
    by_generation = {sending.generation: sending for sending in every}
    gone = []
    for row in unleft:
        sending = by_generation[row["generation"] if parts > 1 else 0]
        accepted = sending.parts[row["part"] - 1] >= PartState.UNREPORTED
        if (sending.doomed and parts > 1) or ((complete or accepted) and row["kind"] != AttemptKind.UNCONFIRMED):
            gone.append(row["id"])
    return gone


def _overrides(before: MessageState, state: MessageState, reason: Reason | None) -> bool:
    """Whether a terminal state gives way: to what the network says, and to nothing else."""
    if state in _NETWORK_SAYS or reason is Reason.EXPIRED_BY_NETWORK:
        return state is before or state in MOVES[before]
    return before is MessageState.UNKNOWN and state is MessageState.FAILED


def _known_reason(case: Case) -> Reason | None:
    reason = case.message["reason"]
    return None if reason is None else Reason(reason)


def message_of(row: sqlite3.Row) -> Message:
    """The stored row as the rest of the gateway knows it; `next_due_at` comes from the query."""
    return Message(
        id=row["id"],
        client=row["client"],
        to=row["recipient"],
        state=MessageState(row["state"]),
        reason=row["reason"],
        parts=row["parts"],
        encoding=row["encoding"],
        lane=Lane(row["lane"]),
        modem=row["modem"] or row["wanted"],
        attempts=row["attempts"],
        report=bool(row["report"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        next_attempt_at=row["next_due_at"],
        sent_at=row["sent_at"],
        delivered_at=row["delivered_at"],
        client_ref=row["client_ref"],
        tags=tuple(json.loads(row["tags"])),
        warnings=tuple(json.loads(row["warnings"])),
        challenge_id=row["challenge_id"],
        final=bool(row["final"]),
    )
