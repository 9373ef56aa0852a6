"""Whether a code that is taken now can still arrive in time: codes that wait, over modems that send."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

from gateway.directory import ModemView, takers, takes
from gateway.messages import Lane
from gateway.refusals import Unavailable
from gateway.store import Store
from hardware.clock import Instant

HOLDS = 0.25
"""Seconds for which one look at the queues holds."""
MOST_COUNTED = 10_000
"""Parts; more than any set of modems sends within a code's lifetime."""
NO_MODEM = "no modem can send now"

Modems = Callable[[], Sequence[ModemView]]
"""A snapshot of every modem."""


class Backlog:
    """Estimates how long a code will wait. Thread-safe."""

    def __init__(self, store: Store, modems: Modems, prefixes: Iterable[str], min_remaining: float) -> None:
        self._store, self._modems, self._prefixes = store, modems, tuple(prefixes)
        self._min_remaining = min_remaining
        self._known: dict[str, tuple[float, float | None]] = {}
        self._lock = threading.Lock()

    def check(self, route: str, lifetime: float, now: Instant) -> tuple[str, ...]:
        """Warnings for a code that waits in queue `route` and lives `lifetime` seconds.

        Raises Unavailable where it would not leave in time, as far as can be told. While no modem can send, it is
        taken: one may come back within the lifetime.
        """
        wait = self._wait(route, now)
        if wait is None:
            return (NO_MODEM,)
        late = wait - (lifetime - min(self._min_remaining, lifetime / 2))
        if late > 0:
            raise Unavailable(
                f"codes that need about {wait:.0f} s wait already, and this one lives {lifetime:.0f} s: it would not"
                " leave in time",
                late,
                "backlog",
            )
        return ()

    def _wait(self, route: str, now: Instant) -> float | None:
        """Seconds until what waits has left; None where no modem can send."""
        with self._lock:
            looked, wait = self._known.get(route, (float("-inf"), None))
            if 0 <= now.boot - looked < HOLDS:
                return wait
        wait = self._look(route)
        with self._lock:
            self._known[route] = (now.boot, wait)
        return wait

    def _look(self, route: str) -> float | None:
        views = self._modems()
        left_to = takers(route, views, Lane.OTP)
        senders = [view for view in views if view.name in left_to and view.usable and takes(view, Lane.OTP)]
        if not senders:
            return None
        names = {view.name for view in senders}
        homes = {f"route:{prefix}" for prefix in ("", *self._prefixes)}
        queues = {home for home in homes if names & takers(home, views, Lane.OTP)}
        queues |= {queue for view in senders for queue in (f"modem:{view.name}", f"sim:{view.imsi}")}
        a_second = sum(1 / view.seconds_per_part for view in senders)
        return self._store.outbox.codes_ready(queues, MOST_COUNTED) / a_second
