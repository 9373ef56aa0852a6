"""What became of the messages of a while, counted: states, delivery times, and the same by modem, country, purpose."""

from __future__ import annotations

import itertools
import math
import sqlite3
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gateway.messages import ALARMS, CANARY, MessageState
from gateway.store.common import FIRST_SINCE, id_floor, ms, wall_ms
from gateway.store.database import Database
from hardware.clock import Instant

MOST_ROWS = 200_000
"""Messages that are counted at most, the newest first: so many are enough, and the answer stays quick."""
MESSAGE = "message"
"""The purpose of what is no code."""
_ROWS = (
    "SELECT m.state, m.modem, m.country, c.purpose, c.id, c.state,"
    " m.created_at, m.not_before_at, m.sent_at, m.delivered_at"
    " FROM messages AS m LEFT JOIN challenges AS c ON c.id = m.challenge_id"
    " WHERE m.delivery < 2 AND m.client NOT IN (:canary, :alarms)"
    " AND m.seq >= :begin AND m.id >= :low AND m.id < :high{}"
    " ORDER BY m.seq DESC LIMIT :most"
)
_EVERY, _MINE = _ROWS.format(""), _ROWS.format(" AND m.client = :client")


@dataclass(slots=True)
class Group:
    """Messages that have something in common; times in milliseconds, in no order."""

    states: Counter[str] = field(default_factory=Counter)
    to_sent: array[int] = field(default_factory=lambda: array("q"))
    """From acceptance, or from `not_before`, until the network had accepted every part."""
    to_delivered: array[int] = field(default_factory=lambda: array("q"))

    @property
    def total(self) -> int:
        """How many messages."""
        return self.states.total()

    @property
    def delivered_share(self) -> float | None:
        """Delivered ones among all; None where there is none."""
        return self.states[MessageState.DELIVERED] / self.total if self.total else None


@dataclass(slots=True)
class Statistics:
    """The messages of a window."""

    since: int
    """Begin of what was counted, Unix milliseconds: later than asked for where `sampled`."""
    until: int
    sampled: bool = False
    """Whether there were more messages than are counted."""
    every: Group = field(default_factory=Group)
    modems: dict[str | None, Group] = field(default_factory=dict)
    """By the modem that had it last; None: none yet."""
    countries: dict[str | None, Group] = field(default_factory=dict)
    """By destination; None: short codes."""
    purposes: dict[str, Group] = field(default_factory=dict)
    """By purpose of the code; `MESSAGE` for the rest."""
    code_sends: int = 0
    """Messages that carried a code."""
    challenges: int = 0
    approved: int = 0
    """Challenges of which a check found the right code."""


class Stats:
    """Counts from the outbox."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def window(self, seconds: float, now: Instant, client: str | None = None, most: int = MOST_ROWS) -> Statistics:
        """What was accepted within the last `seconds`, of one client or of all (None); at most `most` messages."""
        until = wall_ms(now)
        found = Statistics(until - ms(seconds), until)
        low, high = id_floor(found.since), id_floor(until + 1)
        with self._database.read() as cx:
            first = cx.execute(f"SELECT {FIRST_SINCE}", (low,)).fetchone()[0]
            values = {"begin": first, "low": low, "high": high, "client": client, "most": most + 1}
            values |= {"canary": CANARY, "alarms": ALARMS}
            # Row by row: very many at once would fill the memory.
            rows = cx.execute(_MINE if client is not None else _EVERY, values)
            oldest = _count(found, itertools.islice(rows, most))
            found.sampled = rows.fetchone() is not None
        if found.sampled and oldest is not None:
            found.since = oldest
        return found


def _count(found: Statistics, rows: Iterable[sqlite3.Row]) -> int | None:
    """Count rows, the newest first; when the last of them was accepted, None where there is none."""
    # First by everything at once, so that each of very many rows is touched only once.
    cells: dict[tuple[str, str | None, str | None, str | None], Group] = {}
    challenges: dict[str, str] = {}
    created_at = None
    for state, modem, country, purpose, challenge, judged, created_at, not_before_at, sent_at, delivered_at in rows:
        start = max(created_at, not_before_at or 0)
        cell = cells.get((state, modem, country, purpose))
        if cell is None:
            cell = cells[state, modem, country, purpose] = Group()
        cell.states[state] += 1
        # Never below zero: the wall clock may have been set back in between.
        if sent_at is not None:
            cell.to_sent.append(max(0, sent_at - start))
        if delivered_at is not None:
            cell.to_delivered.append(max(0, delivered_at - start))
        if challenge is not None:
            found.code_sends += 1
            challenges[challenge] = judged
    for (_, modem, country, purpose), cell in cells.items():
        for group in (
            found.every,
            found.modems.setdefault(modem, Group()),
            found.countries.setdefault(country, Group()),
            found.purposes.setdefault(purpose or MESSAGE, Group()),
        ):
            group.states.update(cell.states)
            group.to_sent += cell.to_sent
            group.to_delivered += cell.to_delivered
    found.challenges = len(challenges)
    found.approved = sum(state == "approved" for state in challenges.values())
    return created_at


def percentile(ordered: Sequence[int], percent: int) -> int:
    """The smallest value that at least so many percent do not exceed (nearest rank); raises ValueError for none."""
    if not ordered:
        raise ValueError("there is no percentile of nothing")
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]
