"""A message with its attempts, for the length of a transaction; and what the store is told from outside."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, fields

from gateway.messages import AttemptKind, AttemptState, MessageState
from gateway.store.common import boot_ms
from gateway.store.states import MAYBE_LEFT, AttemptFact, sendings
from hardware.clock import Instant


@dataclass(frozen=True, slots=True)
class Slot:
    """A modem that can take work now."""

    modem: str
    imsi: str
    queues: tuple[str, ...]
    """For a claim: the queues it takes from. For planning: the home queues it may serve, () for any."""
    reports: bool = True
    """Whether it can give status reports."""
    but_codes: tuple[str, ...] = ()
    """For a claim: queues from which it takes everything but codes, because another modem keeps room for those."""

    def serves(self, home: str) -> bool:
        """Whether a message of that home queue may be planned for this modem."""
        if home.startswith("modem:"):
            return home == f"modem:{self.modem}"
        return not self.queues or home in self.queues


@dataclass(slots=True)
class Settings:
    """What the store is told of the configuration; durations in seconds. Shared by all of a store: see `take`."""

    min_remaining: float = 30.0
    """Of an OTP's lifetime: with less left it is not sent any more."""
    resend_waits: tuple[float, ...] = (2.0, 5.0, 15.0)
    """Before each resend of a part after an unknown outcome; so many resends at most."""
    strand_after: float = 10.0
    """How long a SIM must have been unusable before what is bound to it is helped."""
    reports_lately: float = 86_400.0
    """A SIM has given reports lately when the last one is no older."""
    silent_after: int = 10
    """A SIM is known to give no reports after so many messages in a row without one."""
    lock_after: int = 10
    """Wrong codes in a row, for one client's number over challenges, after each so many of which it is locked."""
    lock_for: float = 1800.0
    stop_after: int = 100
    """Wrong codes in a row after which an operator must clear the number."""
    prefixes: tuple[str, ...] = ()
    """Every configured prefix: what is redirected late finds its route by them."""

    def take(self, other: Settings) -> None:
        """Become what `other` is; whoever shares these goes by it from the next transaction on."""
        for one in fields(self):
            setattr(self, one.name, getattr(other, one.name))


class Case:
    """One message's row and its attempts, newest state of both, for the length of a transaction."""

    def __init__(self, cx: sqlite3.Connection, seq: int, message: sqlite3.Row | None = None) -> None:
        """`message`: its row, where that was read already."""
        self.cx, self.seq = cx, seq
        self.message: sqlite3.Row = message or cx.execute("SELECT * FROM messages WHERE seq = ?", (seq,)).fetchone()
        self.attempts: list[sqlite3.Row] = []
        self.reload()

    def reload(self) -> None:
        """Read the attempts again after a change."""
        rows = self.cx.execute("SELECT * FROM attempts WHERE message = ? ORDER BY id", (self.seq,))
        self.attempts = rows.fetchall()

    @property
    def state(self) -> MessageState:
        """The message's state as stored."""
        return MessageState(self.message["state"])

    @property
    def parts(self) -> int:
        """How many parts it has."""
        return int(self.message["parts"])

    @property
    def facts(self) -> list[AttemptFact]:
        """The attempts as the pure rules need them."""
        return [
            AttemptFact(
                row["id"],
                row["part"],
                row["generation"],
                AttemptState(row["state"]),
                bool(row["report"]),
                row["report_status"],
            )
            for row in self.attempts
        ]

    @property
    def may_have_left(self) -> bool:
        """Whether the network may have anything of it."""
        return any(row["state"] in MAYBE_LEFT for row in self.attempts)

    def attempt(self, attempt_id: int) -> sqlite3.Row:
        """One of its attempts."""
        return next(row for row in self.attempts if row["id"] == attempt_id)

    def bound_to(self, generation: int) -> str | None:
        """IMSI of the SIM that this sending is bound to: one took a part, or may have."""
        for row in self.attempts:
            if row["generation"] == generation and row["state"] in MAYBE_LEFT:
                return str(row["imsi"])
        return None

    def queue_of(self, generation: int) -> str:
        """The queue in which ready parts of a sending wait."""
        bound = self.bound_to(generation)
        return f"sim:{bound}" if bound is not None else str(self.message["home"])

    def second_way(self, generation: int) -> bool:
        """Whether that sending was planned for one SIM, beside another sending that goes on."""
        kinds = (AttemptKind.HEDGE, AttemptKind.UNCONFIRMED)
        return any(row["generation"] == generation and row["kind"] in kinds for row in self.attempts)

    def goes_on_without(self, generation: int) -> bool:
        """Whether another sending was accepted, or can still be."""
        others = [fact for fact in self.facts if fact.generation != generation]
        return any(sending.alive or sending.complete for sending in sendings(self.parts, others, over=False))

    def over(self, now: Instant) -> bool:
        """Whether nothing more is waited for."""
        # A look that was put off, as a part was on the air, gives no lifetime back.
        ended = self.message["sent_at"] is None and self._lifetime_over(now)
        return ended or boot_ms(now) >= int(self.message["check_boot"])

    def sendable(self, now: Instant) -> bool:
        """Whether a part may still be begun."""
        return self.message["withdrawn"] is None and not self._lifetime_over(now)

    def _lifetime_over(self, now: Instant) -> bool:
        return boot_ms(now) >= int(self.message["expires_boot"] - self.message["spare"])

    def change(self, attempt_ids: Iterable[int], **columns: object) -> None:
        """Set columns of some attempts."""
        ids = list(attempt_ids)
        if not ids:
            return
        names = ", ".join(f"{name} = ?" for name in columns)
        marks = ", ".join("?" * len(ids))
        query = f"UPDATE attempts SET {names} WHERE id IN ({marks}) RETURNING *"  # noqa: S608 - names are ours
        changed = {row["id"]: row for row in self.cx.execute(query, (*columns.values(), *ids)).fetchall()}
        self.attempts = [changed.get(row["id"], row) for row in self.attempts]

    def set(self, **columns: object) -> None:
        """Set columns of the message; those that have that value already are left alone."""
        fresh = {name: value for name, value in columns.items() if self.message[name] != value}
        if not fresh:
            return
        names = ", ".join(f"{name} = ?" for name in fresh)
        query = f"UPDATE messages SET {names} WHERE seq = ? RETURNING *"  # noqa: S608 - names are ours
        (self.message,) = self.cx.execute(query, (*fresh.values(), self.seq)).fetchall()

    def insert(self, like: sqlite3.Row, **columns: object) -> int:
        """Plan an attempt of the same part as `like`, with other columns; returns its id."""
        values: dict[str, object] = {
            name: like[name]
            for name in (
                *("message", "part", "generation", "number", "step", "hopped", "kind", "lane", "position", "state"),
                *("queue", "concat_reference", "without", "recipient_tail"),
            )
        }
        values |= columns
        marks = ", ".join("?" * len(values))
        cursor = self.cx.execute(
            f"INSERT INTO attempts ({', '.join(values)}) VALUES ({marks})",  # noqa: S608 - names are ours
            tuple(values.values()),
        )
        return int(cursor.lastrowid or 0)
