"""Gathers what alarms are found in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.alarms.rules import Sight
from gateway.directory import CanaryView, ModemView
from gateway.objective import Objectives
from gateway.store import Store
from hardware.clock import Instant


class Lookout:
    """What the gateway is like, from all of its parts."""

    def __init__(
        self,
        store: Store,
        objectives: Objectives,
        modems: Callable[[], list[ModemView]],
        canaries: Callable[[], Sequence[CanaryView]],
    ) -> None:
        self._store, self._objectives, self._modems, self._canaries = store, objectives, modems, canaries

    def __call__(self, now: Instant) -> Sight:
        """One look. Raises StoreError where the queue cannot be read."""
        folder = self._store.database.path.resolve().parent
        free: int | None
        try:
            free = self._store.database.free()
        except OSError:
            free, accepting = None, False
        else:
            accepting = free >= self._store.database.reserve
        waiting = self._store.outbox.waiting()
        return Sight(
            modems=self._modems(),
            canaries=self._canaries(),
            waiting={lane: max(0.0, now.wall - oldest / 1000) for lane, (_, oldest) in waiting.items()},
            depths={lane: depth for lane, (depth, _) in waiting.items()},
            burning=self._objectives.burning(),
            disk_free=free,
            disk=str(folder),
            accepting=accepting,
        )
