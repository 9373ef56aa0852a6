"""Boot times mean something in one boot only: after another one, wall time carries them over."""

from __future__ import annotations

import sqlite3

from gateway.store.common import boot_ms, ms, wall_ms
from hardware.clock import Instant

# The right-hand sides see the row as it was. A lifetime never grows by this, whatever the wall clock says now.
_MESSAGES = """
UPDATE messages SET
    expires_boot = :boot + min(expires_at - :wall, expires_at - created_at),
    check_boot = :boot + min(expires_at - :wall, expires_at - created_at)
                 + check_boot - expires_boot,
    sent_boot = :boot + sent_at - :wall
WHERE final = 0 AND accepted_boot <> :number
"""
_CHALLENGES = """
UPDATE challenges SET
    expires_boot = :boot + min(expires_at - :wall, expires_at - sent_at),
    sent_boot = :boot + sent_at - :wall
WHERE state IN ('pending', 'cancelled', 'locked') AND accepted_boot <> :number
"""
# A machine that has started again has waited long enough for a retry; only a start in the future stays one.
_GUESSES = """
UPDATE guesses SET
    locked_boot = :boot + min(locked_until - :wall, locked_until - newest_at),
    accepted_boot = :number
WHERE locked_until IS NOT NULL AND accepted_boot <> :number
"""
_WAITING = """
UPDATE attempts SET due_boot = max(:boot, :boot + coalesce(
    (SELECT not_before_at FROM messages WHERE seq = message AND kind = 'first'), 0) - :wall)
WHERE due_boot IS NOT NULL AND (SELECT accepted_boot FROM messages WHERE seq = message) <> :number
"""
# At the start of a boot only, when nothing was submitted in it. Before it: that is also how it is told from the others.
_ON_AIR = """
UPDATE attempts SET submitted_boot = min(-1, :boot + submitted_at - :wall)
WHERE state IN ('claimed', 'submitting') AND submitted_at IS NOT NULL
"""
# As with guesses, what was to be tried again has waited for long enough; never is more left than there was.
_DELIVERIES = """
UPDATE deliveries SET
    next_boot = min(next_boot, :boot),
    until_boot = :boot + min(until_at - :wall, :delivered_for)
WHERE state = 'waiting' AND accepted_boot <> :number
"""
DELIVERED_FOR = 86_400.0
"""Seconds for which a webhook is tried."""
IDS_SKIPPED = 10_000
"""Ids that a new boot leaves out: many more than can be given between two syncs, each of which a full log forces."""


def skip_ids(cx: sqlite3.Connection) -> None:
    """Leave ids out after a boot, inside the caller's transaction: a power loss may have undone the newest events,
    of which somebody was told, so their ids must not come to mean others.
    """
    for table in ("events", "deliveries"):
        if not cx.execute("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = ?", (IDS_SKIPPED, table)).rowcount:
            cx.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, IDS_SKIPPED))


def begin(cx: sqlite3.Connection, number: int, now: Instant) -> None:
    """Boot `number` begins, and what was submitted in another one is still to be recovered: `rebase`, and that too."""
    rebase(cx, number, now)
    cx.execute(_ON_AIR, {"boot": boot_ms(now), "wall": wall_ms(now)})


def rebase(cx: sqlite3.Connection, number: int, now: Instant) -> None:
    """Move open rows of earlier boots onto the clock of boot `number`, inside the caller's transaction."""
    values = {"number": number, "boot": boot_ms(now), "wall": wall_ms(now), "delivered_for": ms(DELIVERED_FOR)}
    for statement in (_MESSAGES, _CHALLENGES, _GUESSES, _WAITING, _DELIVERIES):
        cx.execute(statement, values)
