"""When things happen by themselves: the only import of APScheduler.

One date job is armed for the earliest moment at which something becomes due, and re-armed when an earlier one is
stored or the wall clock is stepped; an interval job is the safety net. What is done is a plain method that takes
`now`, so that a test calls it with any time.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from apscheduler.schedulers.background import BackgroundScheduler

from gateway.directory import ModemView, serves, takes
from gateway.messages import Lane
from gateway.store import Slot, Store, StoreError
from gateway.watchdog import Party
from hardware.clock import Clock, Instant

log = logging.getLogger("simwire.scheduler")

SAFETY_NET = 15.0  # seconds between rounds that happen whatever was armed
SHORTEST_WAIT = 0.05  # seconds between two rounds, whatever is due
FAILED_WAIT = 2.0  # seconds until what a round could not do is tried again: a disk that is full stays so for a while
LOOK_EVERY = 1.0  # seconds between looks at the wall clock, and after which a stored message is considered
LONGEST_RULE = 900.0  # seconds that one rule may take: a thousand small transactions, say, on a slow disk
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
    """Runs `round` at the right moments and tells the fleet when it changed something.

    APScheduler sleeps until a wall time; a watch of our own, on the monotonic clock, arms it anew when the wall clock
    was stepped, and keeps the looking for what is due next out of the threads that store things.
    """

    def __init__(self, store: Store, clock: Clock, timing: Timing, modems: Modems) -> None:
        self._store, self._clock, self.timing, self._modems = store, clock, timing, modems
        self.also: list[Callable[[Instant], int]] = []
        """What else is done in each round; set before `start`."""
        self._armed: float | None = None
        self._stored = False
        self._failed = False
        """Whether the newest round has left something."""
        self._said: str | None = None
        """Why, as the log says it already."""
        self._offset = 0.0
        self._done = self._looks = 0
        self._arming, self._rounds = threading.Lock(), threading.Lock()
        self._attention, self._stopped = threading.Event(), threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="scheduler-watch", daemon=True)
        # Two, because a job that falls due during a long round must wait for its end and not be left out.
        self._jobs = BackgroundScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 2}
        )

    def start(self) -> None:
        """Start the clockwork; the first round runs at once."""
        self._offset = self._wall_offset()
        self._jobs.start()
        self._wind_up()
        self._watcher.start()

    def stop(self) -> None:
        """Stop, after a round that is under way."""
        self._stopped.set()
        self._attention.set()
        # A job that fires while APScheduler shuts down ends its thread with an error: first no job may fire any more.
        self._jobs.pause()
        self._jobs.remove_all_jobs()
        # Not waiting: APScheduler would hold its own lock meanwhile, and the round needs that to arm the next one.
        self._jobs.shutdown(wait=False)
        self._watcher.join()
        with self._rounds:
            return

    def parties(self) -> list[Party]:
        """Who has to get on: the rounds, one each `SAFETY_NET` seconds at least, and the look at the clock."""
        rounds = Party("the scheduler", lambda: self._done, LONGEST_RULE)
        return [rounds, Party("the scheduler's watch", lambda: self._looks)]

    def planned(self) -> None:
        """Attempts were planned: look soon what is due next. From any thread, and at no cost."""
        self._attention.set()

    def stored(self) -> None:
        """A message was stored: look within a second what is due next. From any thread, and at no cost."""
        self._stored = True

    def round(self, now: Instant) -> int:
        """Do everything that is due at `now`; returns how many attempts or messages changed."""
        outbox, timing, slots = self._store.outbox, self.timing, self._slots()
        rules: list[Callable[[], int]] = [
            lambda: outbox.expire_due(now),
            lambda: outbox.wake_due(now),
            lambda: outbox.catch_due(now),
            lambda: outbox.retry_unmatched(now),
            lambda: self._store.inbox.release_incomplete(now),
            lambda: self._store.idempotency.purge(now),
            lambda: outbox.strand_due(now, slots),
        ]
        if timing.hedge_after:
            rules.append(lambda: outbox.hedge_due(now, timing.hedge_after, slots))
        if timing.resend_unconfirmed_after:
            rules.append(lambda: outbox.unconfirmed_due(now, timing.resend_unconfirmed_after, slots))
        rules += [partial(also, now) for also in self.also]
        rules.append(lambda: self._store.retention.purge(now))  # last: nothing else waits for it
        return sum(self._tried(rule) for rule in rules)

    def _tried(self, rule: Callable[[], int]) -> int:
        self._done += 1
        if self._stopped.is_set():
            return 0  # the next start does it
        try:
            return rule()
        except StoreError as error:
            self._failed = True
            if self._said != str(error):  # once: while a disk is full no rule gets anywhere, round after round
                self._said = str(error)
                log.warning("left for the next round: %s", error)
        except Exception:  # one rule that trips must not stop the others
            self._failed = True
            log.exception("a defect of the program; left for the next round")
        return 0

    def _slots(self) -> list[Slot]:
        """The modems that a code can be planned for."""
        prefixes = ("", *self._modems.prefixes())
        return [
            Slot(
                view.name,
                view.imsi or view.iccid or view.name,
                tuple(f"route:{prefix}" for prefix in prefixes if serves(view, prefix)),
                view.reports,
            )
            for view in self._modems.views()
            if view.usable and takes(view, Lane.OTP)
        ]

    def _tick(self) -> None:
        with self._rounds:
            if self._stopped.is_set():
                return
            with self._arming:
                self._armed = None
            self._failed = False
            if self.round(self._clock.now()):
                self._modems.wake_idle()
            if not self._failed:
                self._said = None
            with self._arming:  # what was armed meanwhile may have fallen due meanwhile: it is armed anew
                self._armed = None
        self._attention.set()

    # -- the watch ----------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._stopped.is_set():
            self._looks += 1
            asked = self._attention.wait(LOOK_EVERY)
            self._attention.clear()
            try:
                self._follow_clock()
                if (asked or self._stored) and not self._rounds.locked():  # a round has it looked for at its end
                    self._stored = False
                    self._look_again()
            except StoreError as error:
                log.warning("what is due next is not known: %s", error)
            except Exception:  # the watch must go on: without it everything waits for the safety net
                log.exception("a defect of the program; what is due next is not known")

    def _follow_clock(self) -> None:
        step = self._wall_offset() - self._offset
        if abs(step) <= CLOCK_STEP:
            return
        self._wind_up()
        try:
            self._store.outbox.clock_stepped(step)
        except StoreError:
            raise  # it is tried again
        except Exception:
            self._offset += step  # it would trip again, each second
            raise
        self._offset += step
        log.warning("the wall clock was stepped by %+.1f s", step)

    def _look_again(self) -> None:
        due = self._store.outbox.next_due(self.timing.hedge_after, self.timing.resend_unconfirmed_after)
        if due is None:
            return
        now = self._clock.boot()
        due = max(due, now + (FAILED_WAIT if self._failed and due <= now else SHORTEST_WAIT))
        if self._armed is None or due < self._armed:  # what is overdue is not put off by each look again
            self._arm(due)

    def _wind_up(self) -> None:
        """Set every job by the wall clock as it is now; a round runs at once."""
        if not self._stopped.is_set():
            self._jobs.add_job(self._tick, "interval", seconds=SAFETY_NET, id="safety-net", replace_existing=True)
        self._arm(self._clock.boot())

    def _arm(self, due_boot: float) -> None:
        with self._arming:
            if self._stopped.is_set():
                return
            now = self._clock.now()
            self._armed = due_boot
            at = datetime.fromtimestamp(now.wall + max(0.0, due_boot - now.boot), UTC)
            self._jobs.add_job(self._tick, "date", run_date=at, id="due", replace_existing=True)

    def _wall_offset(self) -> float:
        now = self._clock.now()
        return now.wall - now.boot
