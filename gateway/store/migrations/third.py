"""What was found by scanning everything, once much is kept."""

from __future__ import annotations

from sqlite_utils import Database as SchemaDatabase


def flat(db: SchemaDatabase) -> None:
    """An index for lists of everybody's messages that ended in one of the rarer ways."""
    # A message enters it once, at its end, and most never do: it costs accepting and sending nothing.
    db.execute("CREATE INDEX messages_ended ON messages(state) WHERE final = 1 AND state <> 'delivered'")
