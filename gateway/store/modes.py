"""How a message is delivered: caught, or sent elsewhere, by the mode of its key.

The mode is frozen at acceptance. When a part is about to go, the key is looked at once more in the transaction of the
durable mark, and the safer mode of then and now holds: whoever has made a key safer sees nothing of it leave any more.
"""

from __future__ import annotations

import logging
import sqlite3
import struct
from collections.abc import Sequence
from typing import Final

from gateway.codes import code_in
from gateway.directory import home_prefix
from gateway.messages import CATCH, AttemptKind, AttemptState, Lane, Reason, Secret
from gateway.policy import Delivery, number_in_front
from gateway.store.case import Case
from gateway.store.common import pack_body, recipient_tail, unpack_body, wall_ms
from gateway.store.errors import StoreDamaged
from gateway.store.ledger import Event
from gateway.store.states import UNLEFT
from gateway.store.strays import Strays
from hardware.clock import Instant
from hardware.errors import EncodeError
from hardware.pdu import segment

log = logging.getLogger("simwire.store")

PARTS_APART = 256  # positions between two messages: room for the 255 parts that a message can have (23.040 9.2.3.24.1)
UNREADABLE: Final = "not sent: its stored content cannot be read"
_MODE_OF = (
    "SELECT json_extract(policy, '$.delivery') AS delivery, json_extract(policy, '$.redirect_to') AS redirect_to"
    " FROM keys WHERE id = ?"
)
_BLOCKED = "SELECT 1 FROM blocked_numbers WHERE recipient = ? AND (? <> ? OR reason = 'blocked_all')"
"""Whatever blocks a number stops all but codes; codes too, where an operator says so."""


class Modes(Strays):
    """Catches messages, and keeps what may no longer go live from leaving."""

    def _catch(self, case: Case, now: Instant, why: str | None = None) -> None:
        """Catch a message that waits, of which nothing has left; its code is picked out of its text."""
        text, segments = self._as_meant(case)
        found = None if text is None else code_in(text.reveal())
        self._keep_caught(case, now, text, segments, None if found is None else Secret(found), why)

    def _keep_caught(
        self,
        case: Case,
        now: Instant,
        text: Secret | None,
        segments: Sequence[bytes],
        code: Secret | None,
        why: str | None = None,
    ) -> None:
        """Keep a message as its handset would show it; that delivers it."""
        self._withdraw_unleft(case)
        case.set(delivery=int(Delivery.CATCH), home=CATCH, modem=CATCH)
        self.caught.add(case.cx, case.message, text, segments, code, now)
        self._ledger.caught(case, now, Event(why, CATCH))

    def _catch_ready(self, case: Case, attempt_id: int, now: Instant) -> bool:
        """Catch a message whose time has come; False where it may not, or not any more."""
        if not case.sendable(now) or case.attempt(attempt_id)["state"] != AttemptState.READY:
            return False
        try:
            self._catch(case, now)
        except StoreDamaged:
            self._fail_unreadable(case, attempt_id, now)
        return True

    def _made_safer(self, case: Case, attempt: sqlite3.Row, now: Instant) -> bool:
        """Whether the key's mode is a safer one than the message's by now, or its handset another: then the part must
        not go as it is.

        What has left already cannot be taken back; the rest of such a message is withdrawn. A message of which nothing
        has left becomes what the safer mode makes of it. A key that has ended keeps its last mode.
        """
        row = case.cx.execute(_MODE_OF, (case.message["key_id"],)).fetchone()
        mode = Delivery.LIVE if row is None or row["delivery"] is None else Delivery[row["delivery"].upper()]
        elsewhere = mode is Delivery.REDIRECT and row["redirect_to"] != case.message["sent_to"]
        if mode < case.message["delivery"] or (mode == case.message["delivery"] and not elsewhere):
            return False
        if case.may_have_left:
            self._withdraw_rest(case, attempt, mode, now)
        elif mode is Delivery.CATCH:
            self._catch(case, now, why="its key catches by now")
        else:
            self._redirect(case, attempt, row["redirect_to"], now)
        return True

    def _redirect(self, case: Case, attempt: sqlite3.Row, handset: str, now: Instant) -> None:
        """Plan the message anew, for the handset that gets everything of its key, unless that one is blocked."""
        values = (handset, int(Lane.OTP), case.message["lane"])
        if case.cx.execute(_BLOCKED, values).fetchone() is not None:
            case.set(withdrawn=Reason.DELIVERY_CHANGED.value)
            self._ledger.settle(case, now, self._told(attempt, "not sent: its key redirects to a blocked number"))
            return
        message, (text, segments) = case.message, self._as_meant(case)
        encoding = message["encoding"]
        if text is not None and not message["silent"]:
            text = Secret(number_in_front(message["recipient"]) + text.reveal())
            try:
                cut = segment(text.reveal(), encoding="ucs2" if encoding == "ucs2" else "auto")
            except EncodeError:  # more parts than there can be
                self._withdraw_rest(case, attempt, Delivery.REDIRECT, now)
                return
            segments = [one.to_bytes() for one in cut.segments]
        self._withdraw_unleft(case)
        home = message["home"]
        if not home.startswith("modem:"):
            home = f"route:{home_prefix(handset, self._settings.prefixes)}"
        body = self._cipher.seal(pack_body(text, segments), f"messages.body {message['id']}")
        case.set(delivery=int(Delivery.REDIRECT), sent_to=handset, home=home, body=body, parts=len(segments))
        generation = max(row["generation"] for row in case.attempts) + 1
        for part in range(1, len(segments) + 1):
            case.insert(
                attempt,
                part=part,
                generation=generation,
                kind=AttemptKind.FIRST,
                position=case.seq * PARTS_APART + part,
                state=AttemptState.READY,
                queue=home,
                recipient_tail=recipient_tail(handset),
            )
        case.reload()
        self._ledger.settle(case, now, self._told(attempt, "planned anew: its key redirects by now"))

    def _withdraw_rest(self, case: Case, attempt: sqlite3.Row, mode: Delivery, now: Instant) -> None:
        case.set(withdrawn=Reason.DELIVERY_CHANGED.value)
        self._ledger.settle(case, now, self._told(attempt, f"not sent: the delivery of its key is {mode.word} by now"))

    @staticmethod
    def _told(attempt: sqlite3.Row, what: str) -> Event:
        return Event(what, attempt["modem"], attempt["id"], attempt["part"], always=True)

    @staticmethod
    def _withdraw_unleft(case: Case) -> None:
        unleft = [row["id"] for row in case.attempts if row["state"] in UNLEFT]
        case.change(unleft, state=AttemptState.WITHDRAWN, due_boot=None)

    # -- stored content -----------------------------------------------------------------------------------------------

    def _as_meant(self, case: Case) -> tuple[Secret | None, list[bytes]]:
        """Text and segments; the text as it was before it was to go elsewhere. Raises StoreDamaged."""
        text, segments = self._content(case)
        if text is not None and case.message["sent_to"] is not None and not case.message["silent"]:
            text = Secret(text.reveal().removeprefix(number_in_front(case.message["recipient"])))
        return text, segments

    def _content(self, case: Case) -> tuple[Secret | None, list[bytes]]:
        """Text and segments; raises StoreDamaged where they cannot be read."""
        message = case.message
        problem = f"the content of message {message['id']} cannot be read"
        if message["body"] is None:
            raise StoreDamaged(problem)
        try:
            return unpack_body(self._cipher.unseal(message["body"], f"messages.body {message['id']}"))
        except (struct.error, ValueError):  # no pieces, or no UTF-8
            raise StoreDamaged(problem) from None

    def _fail_unreadable(self, case: Case, attempt_id: int, now: Instant) -> None:
        """Give up a message of which the stored content is damaged, so that the ones behind it go."""
        log.error("message %s fails: its stored content cannot be read", case.message["id"])
        waiting = (AttemptState.READY, AttemptState.WAITING)
        case.change(
            [row["id"] for row in case.attempts if row["state"] in waiting], state=AttemptState.WITHDRAWN, due_boot=None
        )
        case.change([attempt_id], state=AttemptState.REFUSED, result=UNREADABLE, result_at=wall_ms(now))
        attempt = case.attempt(attempt_id)
        event = Event(UNREADABLE, attempt["modem"], attempt_id, attempt["part"], refusal=Reason.REFUSED, always=True)
        self._ledger.settle(case, now, event)
