"""What the end of a time has to find without a walk from the newest row."""

from __future__ import annotations

from sqlite_utils import Database as SchemaDatabase


def late(db: SchemaDatabase) -> None:
    """An index of the received messages that were shown later than they came: those of which parts are missing."""
    # Few are, and one that came in whole never enters it: it costs receiving nothing.
    db.execute("CREATE INDEX inbox_late ON inbox(seq) WHERE missing > 0")
