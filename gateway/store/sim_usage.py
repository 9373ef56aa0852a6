"""What a SIM has sent, from the attempts that carried it: the quotas are counted from it after a start."""

from __future__ import annotations

from gateway.messages import Lane
from gateway.quota import Sent
from gateway.store.common import ms, wall_ms
from gateway.store.database import Database
from hardware.clock import Instant

KEPT_FOR = 100 * 86_400.0
"""Seconds for which the numbers of earlier months are kept: long enough for a wall clock that was set wrong."""

_TAKEN = "'accepted', 'delivered', 'undelivered'"  # as the index attempts_unreferenced has it
_REFERENCES = ", ".join(map(str, range(256)))
# What may have left, each arm by an index of its own: the network's reference is known (of each value one range of
# times); no answer yet; none ever; taken without a reference.
_LEFT = " UNION ALL ".join(
    f"SELECT id, submitted_at, lane, message FROM attempts WHERE imsi = :imsi AND submitted_at >= :since AND {which}"  # noqa: S608 - no input in it
    for which in (
        f"mr IN ({_REFERENCES}) AND state IN ('submitting', 'unknown', {_TAKEN})",
        "mr IS NULL AND state = 'submitting'",
        "mr IS NULL AND state = 'unknown'",
        f"mr IS NULL AND state IN ({_TAKEN})",
    )
)


class SimUsage:
    """See the module."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sent(self, imsi: str, seconds: float, now: Instant) -> list[Sent]:
        """The parts that this SIM sent within so many seconds by the wall clock; a few older ones do not matter."""
        with self._database.read() as cx:
            rows = cx.execute(_LEFT, {"imsi": imsi, "since": wall_ms(now) - ms(seconds)}).fetchall()
        return [Sent(row["id"], row["submitted_at"] / 1000, Lane(row["lane"])) for row in rows]

    def recipients(self, imsi: str, period: int) -> set[str]:
        """The numbers that this SIM has sent to in the month that began at `period` (Unix milliseconds).

        Numbers sent to before they were counted are counted now.
        """
        stored = "SELECT recipient FROM sim_recipients WHERE imsi = ? AND period = ?"
        sent = f"SELECT DISTINCT coalesce(sent_to, recipient) FROM ({_LEFT}) JOIN messages ON seq = message"  # noqa: S608 - no input in it
        with self._database.read() as cx:
            known = {row[0] for row in cx.execute(stored, (imsi, period))}
            missing = {row[0] for row in cx.execute(sent, {"imsi": imsi, "since": period})} - known
            oldest = cx.execute("SELECT min(period) FROM sim_recipients WHERE imsi = ?", (imsi,)).fetchone()[0]
        past = period - ms(KEPT_FOR)
        if missing or (oldest is not None and oldest < past):
            rows = [(imsi, period, number) for number in missing]
            with self._database.mark(synced=False) as cx:
                cx.execute("DELETE FROM sim_recipients WHERE imsi = ? AND period < ?", (imsi, past))
                cx.executemany("INSERT OR IGNORE INTO sim_recipients VALUES (?, ?, ?)", rows)
        return known | missing
