"""Which alarms people know of, over restarts: what is told already is not told again, and its end is."""

from __future__ import annotations

import json

from gateway.messages import Json
from gateway.store.database import Database

_NAME = "alarms"  # a row of `meta`


class RaisedAlarms:
    """One document, by the alarms' keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> dict[str, Json]:
        """What is kept; nothing before the first alarm. Raises StoreError."""
        with self._database.read() as cx:
            row = cx.execute("SELECT value FROM meta WHERE name = ?", (_NAME,)).fetchone()
        kept: dict[str, Json] = {} if row is None else json.loads(row["value"])
        return kept

    def keep(self, raised: dict[str, Json]) -> None:
        """Keep it in place of what was kept. Raises StoreError."""
        with self._database.mark(synced=False) as cx:
            cx.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_NAME, json.dumps(raised)))
