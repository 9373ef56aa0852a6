"""Whether everybody in the process gets on: asked by the main thread, and told to who restarts the gateway.

A process that runs proves nothing. Each party shows a mark that changes whenever it has done something; one whose mark
stays the same for too long stands still. Then the log says which, the service manager hears nothing more, and puts an
end to the process after `WatchdogSec=`. Modems are no reason for that: those that fail are seen to by their workers.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from hardware.clock import Clock

log = logging.getLogger("simwire.watchdog")

STANDSTILL = 180.0
"""Seconds without progress that are too long for most. What takes long and is nobody's fault: a modem's power is cycled
(40 s), operators' USSD in all threads of the web server (75 s), one commit to a bad SD card (a minute)."""
DEPTH = 12
"""Calls of each thread that are told."""
LOOK_EVERY = 15.0
"""Seconds between looks, where the service manager does not want to hear more often."""


@dataclass
class Party:
    """Somebody who has to get on. Asking must neither wait nor take a lock."""

    name: str
    """For people: "the scheduler"."""
    progress: Callable[[], object]
    """Something that changes with each step; None while there is nothing to do."""
    limit: float = STANDSTILL
    """Seconds."""
    mark: object = field(default=None, init=False)
    stood: float = field(default=0.0, init=False)


class Watchdog:
    """Looks at the parties; used on one thread."""

    def __init__(self, parties: Iterable[Party], clock: Clock, within: float | None) -> None:
        """`within`: seconds within which somebody wants to hear that all is well."""
        self._parties, self._clock = list(parties), clock
        self.every = LOOK_EVERY if within is None else min(LOOK_EVERY, within / 4)
        """Seconds from one look to the next."""
        self._looked = clock.boot()
        self.still: tuple[str, ...] = ()
        """Who stood still at the last look."""

    def look(self) -> bool:
        """Whether all get on; who does not is named in the log, once, and where each thread is."""
        now = self._clock.boot()
        # No more than two looks' worth: a process that was stopped, or a machine that slept, is nobody's standstill.
        passed, self._looked = min(now - self._looked, 2 * self.every), now
        for party in self._parties:
            mark = party.progress()
            party.stood = party.stood + passed if mark is not None and mark == party.mark else 0.0
            party.mark = mark
        still = tuple(party.name for party in self._parties if party.stood >= party.limit)
        for name in still:
            if name not in self.still:
                log.critical("%s stands still: nothing was heard of it for long, and the gateway needs a restart", name)
        if set(still) - set(self.still):
            for place, threads in _places().items():
                log.error("%s: %s", ", ".join(threads), place)
        for name in self.still:
            if name not in still:
                log.error("%s gets on again", name)
        self.still = still
        return not still


def _places() -> dict[str, list[str]]:
    """Where the threads are, innermost call first, with the names of those that are there."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    found: dict[str, list[str]] = {}
    for ident, frame in sys._current_frames().items():  # noqa: SLF001 - documented, for this very purpose
        calls = reversed(traceback.extract_stack(frame, DEPTH))
        place = " < ".join(f"{call.name} ({Path(call.filename).name}:{call.lineno})" for call in calls)
        found.setdefault(place, []).append(names.get(ident, str(ident)))
    return found
