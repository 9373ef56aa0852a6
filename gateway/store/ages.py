"""Whether something is as old as the wall clock says: asked before anything is lost because of its age.

A wall clock that is wrong, or was put forward by a year, makes everything look old. So it is believed only while it is
synchronised; after a step, and after a start that finds a gap, only an hour later. A machine whose clock is never
synchronised is believed too, in what its boot clock has seen pass.
"""

from __future__ import annotations

import logging

from hardware.clock import Instant

log = logging.getLogger("simwire.store")

STEP = 60.0  # seconds by which wall and boot clock may drift apart between two looks; slewing never does that
SETTLED = 3600.0  # seconds on the boot clock for which a wall clock must be good after it was not
GAP = 86_400.0  # seconds: nothing was stored for that long before a start, or the clock is wrong


class Ages:
    """What is known of the wall clock since the database was opened. Look often: a step is seen between two looks."""

    def __init__(self, now: Instant, newest_at: int) -> None:
        self._offset = now.wall - now.boot
        self._steady_since = now.boot
        gap = newest_at and now.wall - newest_at / 1000 > GAP
        self._good_since: float | None = now.boot if gap else now.boot - SETTLED
        self._held = False

    def look(self, now: Instant, *, trusted: bool) -> None:
        """Note what the clocks show; `trusted`: whether the wall clock can be relied on by all that is known now."""
        offset = now.wall - now.boot
        stepped = abs(offset - self._offset) > STEP
        self._offset = offset
        if stepped:
            self._steady_since = now.boot
        if not trusted:
            self._good_since = None
        elif stepped or self._good_since is None:
            self._good_since = now.boot
        held = not self._good(now)
        if held and not self._held:
            log.info("the wall clock is not relied on (not synchronised, or put forward): less is erased by age")
        self._held = held

    def reached(self, now: Instant, seconds: float) -> bool:
        """Whether what looks `seconds` old or older really is."""
        return self._good(now) or now.boot - self._steady_since >= seconds

    def _good(self, now: Instant) -> bool:
        return self._good_since is not None and now.boot - self._good_since >= SETTLED
