"""What event streams and webhooks hear of a modem: each state that is new and meant to last."""

from __future__ import annotations

import logging

from gateway.directory import ModemView
from gateway.store import Store, StoreError
from hardware.clock import Clock

log = logging.getLogger("simwire.dispatcher")

ON_THE_WAY = ("opening", "configuring")  # states that lead to another one at once


class Announcer:
    """Tells of one modem; used by whoever publishes its snapshots."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._told: str | None = None

    def tell(self, view: ModemView) -> None:
        """Store an event, unless the state was told already or leads to another one at once."""
        if view.state in (self._told, *ON_THE_WAY):
            return
        body = {
            "name": view.name,
            "state": view.state,
            "reason": view.reason,
            "advice": view.advice,
            "operator": view.operator,
            "signal_dbm": view.signal_dbm,
        }
        try:
            with self._store.database.mark(synced=False) as cx:
                self._store.events.emit(cx, f"modem.{view.state}", None, view.name, body, self._clock.now())
            self._told = view.state
        except StoreError as error:  # told with the next snapshot
            log.warning("modem %s: that it is %s could not be told yet: %s", view.name, view.state, error)
