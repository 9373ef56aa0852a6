"""One recording: from what a tap catches to the lines of a file."""

from __future__ import annotations

from dataclasses import replace

from hardware.tracing.form import Header, entry_line, header_line
from hardware.tracing.masking import Masker
from hardware.tracing.records import Entry, Mark
from hardware.tracing.tap import Tap


class Recording:
    """The lines of a trace, in order. Belongs to the thread that takes them, which is not the port's.

    `begun`: boot-clock seconds of its beginning. `fresh`: nothing was said on the port before.
    """

    def __init__(self, tap: Tap, header: Header, begun: float, *, fresh: bool = False) -> None:
        self._tap, self._begun = tap, begun
        self._masker = Masker(synced=fresh) if header.masked else None
        self.head = header_line(header)
        """The first line."""

    def more(self, seconds: float) -> str:
        """The lines that can be shown by now; waits at most `seconds` where nothing was said."""
        return self._lines(self._tap.take(seconds))

    def end(self, at: float) -> str:
        """The last lines, `at` being boot-clock seconds of the end; for when nothing is caught any more."""
        last = self._lines(self._tap.drain())
        held = self._masker.finish() if self._masker is not None else []
        return last + self._written([*held, Mark(at, "ended")])

    def _lines(self, caught: list[Entry]) -> str:
        if self._masker is None:
            return self._written(caught)
        masker = self._masker
        return self._written([shown for entry in caught for shown in masker.take(entry)])

    def _written(self, entries: list[Entry]) -> str:
        return "".join(entry_line(replace(entry, at=max(0.0, entry.at - self._begun))) for entry in entries)
