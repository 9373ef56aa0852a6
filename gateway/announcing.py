"""A modem's newest snapshot, and who hears of it: other modems, the log, and with a state that lasts event streams."""

from __future__ import annotations

import logging

from gateway.directory import ModemView, takes
from gateway.messages import Lane
from gateway.others import Others
from gateway.store import Store, StoreError
from hardware.clock import Clock

log = logging.getLogger("simwire.dispatcher")

ON_THE_WAY = ("opening", "configuring")  # states that lead to another one at once


class Announcer:
    """The newest snapshot of one modem, and whoever is to hear of it."""

    def __init__(self, view: ModemView, store: Store, others: Others, clock: Clock) -> None:
        self.view = view
        self._store, self._others, self._clock = store, others, clock
        self._told: tuple[str | None, str | None] = (None, None)

    def change(self, view: ModemView) -> None:
        """Take a new snapshot; the other modems hear of it where it changes what is left to them."""
        before, self.view = self.view, view
        turned = _lanes(before) != _lanes(view)
        if turned:
            self._others.planned()  # others step in, or step back
        if turned or before.state != view.state:
            log.info("modem %s is %s%s", view.name, view.state, f": {view.reason}" if view.reason else "")
        if view.condition not in (None, before.condition):
            log.warning("modem %s: %s: %s; %s", view.name, view.condition, view.reason, view.advice)

    def tell(self, view: ModemView) -> None:
        """Store an event where state or condition is new, unless the state leads to another one at once."""
        if (view.state, view.condition) == self._told or view.state in ON_THE_WAY:
            return
        kind = "modem.condition" if view.state == self._told[0] else f"modem.{view.state}"
        body = {
            "name": view.name,
            "state": view.state,
            "reason": view.reason,
            "advice": view.advice,
            "condition": view.condition,
            "operator": view.operator,
            "signal_dbm": view.signal_dbm,
        }
        try:
            with self._store.database.mark(synced=False) as cx:
                self._store.events.emit(cx, kind, None, view.name, body, self._clock.now())
            self._told = (view.state, view.condition)
        except StoreError as error:  # told with the next snapshot
            log.warning("modem %s: that it is %s could not be told yet: %s", view.name, view.state, error)


def _lanes(view: ModemView) -> tuple[bool, ...]:
    """What the other modems leave to this one."""
    return tuple(view.usable and takes(view, lane) for lane in (Lane.OTP, Lane.NORMAL))
