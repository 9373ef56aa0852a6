"""The service centre by which each SIM sent last: what is set again where the card or the modem loses it."""

from __future__ import annotations

from gateway.store.database import Database

_NAME = "centre "  # and the IMSI: a row of `meta`


class Centres:
    """One number for each SIM that a message was taken from."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, imsi: str | None) -> str | None:
        """The number that worked last with that SIM; None where none did."""
        if imsi is None:
            return None
        with self._database.read() as cx:
            row = cx.execute("SELECT value FROM meta WHERE name = ?", (_NAME + imsi,)).fetchone()
        return None if row is None else str(row["value"])

    def worked(self, imsi: str, number: str) -> None:
        """A message of that SIM was taken by the centre of that number."""
        with self._database.mark(synced=False) as cx:
            cx.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_NAME + imsi, number))
