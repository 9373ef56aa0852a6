"""A modem's newest snapshot, and who hears of it: other modems, the log, and with a state that lasts event streams."""

from __future__ import annotations

import logging
from dataclasses import replace

from gateway.conditions import Finding, unstable
from gateway.directory import ModemView, takes
from gateway.messages import Lane
from gateway.others import Others
from gateway.sparing import Sparing
from gateway.store import Store, StoreError
from hardware.clock import Clock

log = logging.getLogger("simwire.dispatcher")

FAILED = "failed"
ON_THE_WAY = ("opening", "configuring")  # states that lead to another one at once
EVENTS, EVENTS_EVERY = 20, 120.0  # events at once, and seconds for each further one
LINES, LINES_EVERY = 40, 60.0  # the same for lines of the log
STEADY = 600.0  # seconds without a change after which a modem that came and went is stable again


class Announcer:
    """The newest snapshot of one modem, and whoever is to hear of it.

    A port that comes and goes every second is told a few times, then that it does so: neither the table of events nor
    the log grows with it. What is left out is counted, and the state that lasts is told in the end.
    """

    def __init__(self, view: ModemView, store: Store, others: Others, clock: Clock) -> None:
        self.plain = self.view = view
        """As the worker sees it, and as everybody else does."""
        self._store, self._others, self._clock = store, others, clock
        self._told: tuple[str | None, str | None] = (None, None)
        self._seen: tuple[str | None, str | None] = (None, None)
        self._changed = 0.0
        self._comes_and_goes = self._owes = False
        self._events, self._lines = Sparing(EVENTS, EVENTS_EVERY), Sparing(LINES, LINES_EVERY)

    def change(self, view: ModemView) -> None:
        """Take a new snapshot; the other modems hear of it where it changes what is left to them."""
        now = self._clock.boot()
        before = self.view
        if view.state not in ON_THE_WAY and (view.state, view.condition) != self._seen:
            self._seen, self._changed = (view.state, view.condition), now
            view = replace(view, changes=view.changes + 1)
        self._comes_and_goes = self._comes_and_goes and now - self._changed < STEADY
        self.plain = view
        if self._comes_and_goes and view.state != FAILED:
            found = unstable(Finding(view.reason, view.advice, view.condition))
            view = replace(view, reason=found.reason, advice=found.advice, condition=found.condition)
        self.view = view
        turned = _lanes(before) != _lanes(view)
        if turned:
            self._others.planned()  # others step in, or step back
        if turned or before.state != view.state:
            self._log(logging.INFO, f"modem {view.name} is {view.state}" + (f": {view.reason}" if view.reason else ""))
        if view.condition not in (None, before.condition):
            self._log(logging.WARNING, f"modem {view.name}: {view.condition}: {view.reason}; {view.advice}")

    def _log(self, level: int, line: str) -> None:
        if self._lines.may(self._clock.boot()):
            left_out = self._lines.told()
            log.log(level, "%s%s", line, f" ({left_out} such lines before were left out)" if left_out else "")

    def catch_up(self, view: ModemView) -> None:
        """Tell what could not be told before."""
        if self._owes:
            self.tell(view)

    def tell(self, view: ModemView) -> None:
        """Store an event where state or condition is new, unless the state leads to another one at once.

        What may not be told now is told by a later call, if it still holds then.
        """
        if view.state in ON_THE_WAY:
            return
        self._owes = (view.state, view.condition) != self._told
        if not self._owes:
            return
        if not self._events.may(self._clock.boot()):
            self._comes_and_goes = True
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
            self._told, self._owes = (view.state, view.condition), False
        except StoreError as error:  # told later
            log.warning("modem %s: that it is %s could not be told yet: %s", view.name, view.state, error)


def _lanes(view: ModemView) -> tuple[bool, ...]:
    """What the other modems leave to this one."""
    return tuple(view.usable and takes(view, lane) for lane in (Lane.OTP, Lane.NORMAL))
