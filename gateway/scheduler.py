"""When things happen by themselves: the only import of APScheduler.

One date job is armed for the earliest moment at which something becomes due, and re-armed when an earlier one is
stored or the wall clock is stepped; an interval job is the safety net. What is done is a plain method that takes
`now`, so that a test calls it with any time.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from apscheduler.schedulers.background import BackgroundScheduler

from gateway.directory import ModemView, serves
from gateway.store import Slot, Store
from hardware.clock import Clock, Instant

log = logging.getLogger("simwire.scheduler")

SAFETY_NET = 15.0  # seconds between rounds that happen whatever was armed
SHORTEST_WAIT = 0.05  # seconds between two rounds, whatever is due
CLOCK_STEP = 1.0  # seconds by which wall and boot clock may drift apart before the armed job is set anew


@dataclass(frozen=True, slots=True)
class Timing:
    """The seconds that the rounds need; 0 turns the rule off."""

    hedge_after: float
    resend_unconfirmed_after: float


class Modems(Protocol):
    """What the clockwork knows of the modems."""

    def views(self) -> list[ModemView]:
        """A snapshot of every modem."""
        ...

    def prefixes(self) -> tuple[str, ...]:
        """Every configured prefix."""
        ...

    def wake_idle(self) -> None:
        """Attempts became ready: every idle modem looks."""
        ...


class Scheduler:
    """Runs `round` at the right moments and tells the fleet when it changed something."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        timing: Timing,
        modems: Modems,
    ) -> None:
        self._store, self._clock, self._timing, self._modems = store, clock, timing, modems
        self._armed: float | None = None
        self._offset = 0.0
        self._lock = threading.Lock()
        self._jobs = BackgroundScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )

    def start(self) -> None:
        """Start the clockwork; the first round runs at once."""
        now = self._clock.now()
        self._offset = now.wall - now.boot
        self._jobs.add_job(self._tick, "interval", seconds=SAFETY_NET, id="safety-net")
        self._jobs.start()
        self._arm(now.boot)

    def stop(self) -> None:
        """Stop after a round that is under way."""
        self._jobs.shutdown(wait=True)

    def expect(self, due_boot: float) -> None:
        """Something becomes due at that moment on the boot clock; costs nothing where an earlier one is armed."""
        if self._armed is None or due_boot < self._armed:
            self._arm(due_boot)

    def look_again(self, earliest: float = 0.0) -> None:
        """Attempts were planned: arm the job for what is due next, on the boot clock not before `earliest`."""
        due = self._store.outbox.next_due(self._timing.hedge_after, self._timing.resend_unconfirmed_after)
        if due is not None:
            self.expect(max(due, earliest))

    def round(self, now: Instant) -> int:
        """Do everything that is due at `now`; returns how many attempts or messages changed."""
        outbox, prefixes = self._store.outbox, ("", *self._modems.prefixes())
        slots = [
            Slot(
                view.name,
                view.imsi or view.iccid or view.name,
                tuple(f"route:{prefix}" for prefix in prefixes if serves(view, prefix)),
                view.reports,
            )
            for view in self._modems.views()
            if view.usable
        ]
        changed = outbox.expire_due(now) + outbox.wake_due(now) + outbox.retry_unmatched(now)
        changed += self._store.inbox.release_incomplete(now)
        self._store.idempotency.purge(now)
        if self._timing.hedge_after:
            changed += outbox.hedge_due(now, self._timing.hedge_after, slots)
        if self._timing.resend_unconfirmed_after:
            changed += outbox.unconfirmed_due(now, self._timing.resend_unconfirmed_after, slots)
        return changed + outbox.strand_due(now, slots)

    def _tick(self) -> None:
        now = self._clock.now()
        with self._lock:
            offset, self._offset = self._offset, now.wall - now.boot
            self._armed = None
        if abs(now.wall - now.boot - offset) > CLOCK_STEP:
            log.warning("the wall clock was stepped by %+.1f s; every job is armed again", now.wall - now.boot - offset)
        if self.round(now):
            self._modems.wake_idle()
        self.look_again(now.boot + SHORTEST_WAIT)

    def _arm(self, due_boot: float) -> None:
        now = self._clock.now()
        with self._lock:
            self._armed = due_boot
        at = datetime.fromtimestamp(now.wall + max(0.0, due_boot - now.boot), UTC)
        self._jobs.add_job(self._tick, "date", run_date=at, id="due", replace_existing=True)
