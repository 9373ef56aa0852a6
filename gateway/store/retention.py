"""What has been kept for long enough is erased: a few rows a transaction, so that modems never wait long for theirs.

Rows lie roughly in the order of their time, so each class is walked from its oldest row and the walk ends at the first
young ones: what it costs depends on what there is to erase, not on what is kept. What cannot go yet (not final, or
planned for later) is passed, and looked at again an hour later.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field

from gateway.store.common import ms, wall_ms
from gateway.store.database import Database
from gateway.store.removal import remove_challenges, remove_events, remove_messages, remove_received
from hardware.clock import Instant

CHUNK = 100  # messages that one transaction erases at most, with some ten rows each
LOOKED_AT = 500  # rows that one look reads at most
LOOKS = 4  # looks at one class in one round at most: the rest waits for the next round
LOOK_EVERY = 3600.0  # seconds between two walks that begin anew
CLOCK_WRONG = 86_400.0  # seconds: a row that much in the future was stored by a wrong clock, and says nothing


@dataclass(frozen=True, slots=True)
class Keep:
    """For how many seconds each class of rows is kept; None: for ever."""

    texts: float | None = None
    """Texts of final messages that are no codes: only the text goes."""
    messages: float | None = None
    """Final messages that belong to no challenge, with all that happened to them; reports without a message."""
    codes: float | None = None
    """Challenges that have ended, with their messages; wrong codes that were counted for a number, stopped ones not."""
    inbox: float | None = None
    events: float | None = None
    """Events with their deliveries, but the newest one: ids would begin anew."""
    caught: float | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    """A row that a walk passes."""

    key: int
    stored_at: int
    name: str | int
    ripe: bool
    """Old enough, and nothing holds it."""
    later: bool
    """Not ripe now, and may be so in an hour."""


@dataclass(frozen=True, slots=True)
class _Class:
    """How one class of rows is walked."""

    rows: str
    """Query of the next rows behind `:cursor`: key, stored_at, name, ripe, later; `:until` is the newest ripe time."""
    remove: Callable[[sqlite3.Connection, Sequence[str | int]], None]
    chunk: int = CHUNK


@dataclass(slots=True)
class _Walk:
    """Where a walk stands; kept in memory, so that a start of the gateway begins with a whole one."""

    due_boot: float = 0.0
    cursor: int = 0
    passed: int | None = None
    """Just before the first row that must be looked at again."""
    found: list[str | int] = field(default_factory=list)


def _remove_caught(cx: sqlite3.Connection, seqs: Sequence[str | int]) -> None:
    cx.execute("DELETE FROM caught WHERE seq IN (SELECT value FROM json_each(?))", (json.dumps(seqs),))


def _remove_reports(cx: sqlite3.Connection, ids: Sequence[str | int]) -> None:
    cx.execute("DELETE FROM reports WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(ids),))


def _erase_texts(cx: sqlite3.Connection, seqs: Sequence[str | int]) -> None:
    query = "UPDATE messages SET body = NULL WHERE final = 1 AND seq IN (SELECT value FROM json_each(?))"
    cx.execute(query, (json.dumps(seqs),))


def _forget_guesses(cx: sqlite3.Connection, subjects: Sequence[str | int]) -> None:
    query = "DELETE FROM guesses WHERE client = ? AND recipient = ? AND delivery = ? AND stopped_at IS NULL"
    cx.executemany(query, [tuple(json.loads(str(subject))) for subject in subjects])


_WALKED = {
    "messages": _Class(
        "SELECT seq AS key, created_at AS stored_at, seq AS name,"
        " final = 1 AND challenge_id IS NULL AND coalesce(not_before_at, created_at) <= :until AS ripe,"
        " challenge_id IS NULL AND (final = 0 OR coalesce(not_before_at, created_at) > :until) AS later"
        " FROM messages WHERE seq > :cursor ORDER BY seq LIMIT :limit",
        remove_messages,  # type: ignore[arg-type]  # their names are numbers
    ),
    "codes": _Class(
        "SELECT c.rowid AS key, c.created_at AS stored_at, c.id AS name, c.state <> 'pending'"
        " AND coalesce(min(c.closed_at, c.expires_at), c.created_at) <= :until AND NOT EXISTS"
        " (SELECT 1 FROM messages WHERE challenge_id = c.id AND final = 0) AS ripe, 1 AS later"
        " FROM challenges AS c WHERE c.rowid > :cursor ORDER BY c.rowid LIMIT :limit",
        remove_challenges,  # type: ignore[arg-type]
    ),
    "inbox": _Class(
        "SELECT seq AS key, received_at AS stored_at, seq AS name, received_at <= :until AS ripe, 1 AS later"
        " FROM inbox WHERE seq > :cursor ORDER BY seq LIMIT :limit",
        remove_received,  # type: ignore[arg-type]
    ),
    "events": _Class(
        "SELECT e.id AS key, e.at AS stored_at, e.id AS name, e.at <= :until AND e.id < (SELECT max(id) FROM events)"
        " AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event = e.id AND state = 'waiting') AS ripe, 1 AS later"
        " FROM events AS e WHERE e.id > :cursor ORDER BY e.id LIMIT :limit",
        remove_events,  # type: ignore[arg-type]
        LOOKED_AT,
    ),
    "caught": _Class(
        "SELECT seq AS key, caught_at AS stored_at, seq AS name, caught_at <= :until AS ripe, 1 AS later"
        " FROM caught WHERE seq > :cursor ORDER BY seq LIMIT :limit",
        _remove_caught,
        LOOKED_AT,
    ),
}
_INDEXED = (
    (
        "texts",
        (
            "SELECT seq AS name FROM messages WHERE final = 1 AND lane > 0 AND body IS NOT NULL"
            " AND coalesce(not_before_at, created_at) <= ? LIMIT ?"
        ),
        _erase_texts,
    ),
    (
        "messages",
        "SELECT id AS name FROM reports WHERE outcome <> 'matched' AND received_at <= ? LIMIT ?",
        _remove_reports,
    ),
    (
        "codes",
        (
            "SELECT json_array(client, recipient, delivery) AS name FROM guesses"
            " WHERE stopped_at IS NULL AND newest_at <= ? LIMIT ?"
        ),
        _forget_guesses,
    ),
)
"""What an index finds by its age, and which leaves that index when it is done; and a small table without one."""


class Retention:
    """Erases what is old. Call `purge` often: it does nothing until an hour after its last walk, or goes on with it."""

    def __init__(self, database: Database, keep: Keep | None = None) -> None:
        self._database = database
        self.keep = keep or Keep()
        self.vouched = False
        """Whether a person says that the wall clock is right."""
        self._walks: dict[str, _Walk] = {}

    def purge(self, now: Instant) -> int:
        """Erase some of what is due; returns how much. What only a doubtful clock calls old stays."""
        done = 0
        for number, (name, query, erase) in enumerate(_INDEXED):
            kept = getattr(self.keep, name)
            if kept is not None and self._old(now, kept):
                done += self._indexed(f"indexed {number}", query, erase, wall_ms(now) - ms(kept), now)
        for name, kind in _WALKED.items():
            kept = getattr(self.keep, name)
            if kept is not None and self._old(now, kept):
                done += self._walk(name, kind, wall_ms(now) - ms(kept), now)
        return done

    def sweep(self, now: Instant) -> Iterator[int]:
        """All that is due at once, in as many `purge` as that takes; what each of them erased."""
        self._walks.clear()
        while True:
            yield self.purge(now)
            if all(walk.due_boot > now.boot for walk in self._walks.values()):
                return

    def due(self, now: Instant) -> dict[str, int]:
        """How many rows of each class a `sweep` would erase; what only a doubtful clock calls old is left out."""
        found: dict[str, int] = {}
        kept = {name: age for name, age in asdict(self.keep).items() if age is not None and self._old(now, age)}
        with self._database.read() as cx:
            for name, query, _ in _INDEXED:
                if name in kept:
                    counted = cx.execute(f"SELECT count(*) FROM ({query})", (wall_ms(now) - ms(kept[name]), -1))  # noqa: S608 - ours
                    found[name] = found.get(name, 0) + counted.fetchone()[0]
            for name, kind in _WALKED.items():
                if name in kept:
                    values = {"cursor": -1, "until": wall_ms(now) - ms(kept[name]), "limit": -1}
                    counted = cx.execute(f"SELECT count(*) FROM ({kind.rows}) WHERE ripe", values)  # noqa: S608 - ours
                    found[name] = found.get(name, 0) + counted.fetchone()[0]
        return found

    def _old(self, now: Instant, seconds: float) -> bool:
        return self.vouched or self._database.reached_age(now, seconds)

    def _indexed(
        self,
        name: str,
        query: str,
        erase: Callable[[sqlite3.Connection, Sequence[str | int]], None],
        until: int,
        now: Instant,
    ) -> int:
        walk = self._walks.setdefault(name, _Walk())
        if now.boot < walk.due_boot:
            return 0
        done = 0
        for _ in range(LOOKS):
            with self._database.read() as cx:
                found = [row["name"] for row in cx.execute(query, (until, CHUNK)).fetchall()]
            if found:
                with self._database.mark(synced=False) as cx:
                    erase(cx, found)
            done += len(found)
            if len(found) < CHUNK:
                walk.due_boot = now.boot + LOOK_EVERY
                break
        return done

    def _walk(self, name: str, kind: _Class, until: int, now: Instant) -> int:
        walk = self._walks.setdefault(name, _Walk())
        if now.boot < walk.due_boot:
            return 0
        done = 0
        for _ in range(LOOKS):
            rows = self._rows(kind, walk.cursor, until)
            ripe = [row.name for row in rows if row.ripe]
            for start in range(0, len(ripe), kind.chunk):
                with self._database.mark(synced=False) as cx:
                    kind.remove(cx, ripe[start : start + kind.chunk])
            done += len(ripe)
            if walk.passed is None:
                walk.passed = next((row.key - 1 for row in rows if row.later and not row.ripe), None)
            if rows:
                walk.cursor = rows[-1].key
            if len(rows) < LOOKED_AT or until < rows[-1].stored_at <= wall_ms(now) + ms(CLOCK_WRONG):
                # A walk that found nothing at all may stand behind the end, where keys were given anew: from the start.
                again = walk.cursor if walk.passed is None else walk.passed
                self._walks[name] = _Walk(now.boot + LOOK_EVERY, again if rows else 0)
                break
        return done

    def _rows(self, kind: _Class, cursor: int, until: int) -> list[_Row]:
        values = {"cursor": cursor, "until": until, "limit": LOOKED_AT}
        with self._database.read() as cx:
            rows = cx.execute(kind.rows, values).fetchall()
        return [_Row(row["key"], row["stored_at"], row["name"], bool(row["ripe"]), bool(row["later"])) for row in rows]
