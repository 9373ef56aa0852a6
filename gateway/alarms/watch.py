"""Which alarms there are, who was told of them, and when they are told again, or over.

The clockwork calls `round`. One message tells of everything that a round finds; more than so many in an hour are
gathered into the next one that may go.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from gateway.alarms.alarm import Alarm, Severity
from gateway.alarms.mail import Mailer, MailError
from gateway.alarms.rules import Sight, find
from gateway.alarms.texting import Texter
from gateway.config import AlarmsConfig
from gateway.messages import Json
from gateway.quantities import rfc3339, roughly
from gateway.store import Store, StoreError
from hardware.clock import Clock, Instant

log = logging.getLogger("simwire.alarms")

OVER_AFTER = 60.0  # seconds without it until an alarm is over: what comes and goes is one alarm
HOUR = 3600.0
MOST_HELD = 20  # lines that wait for a message; the oldest go first


@dataclass(frozen=True, slots=True)
class AlarmView:
    """One alarm as it is now."""

    alarm: Alarm
    since: float
    """Unix seconds."""
    told_at: float
    """Unix seconds of when people were told last."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a test of one way to people came to."""

    channel: str
    """`sms`, `email` or `events`."""
    works: bool
    detail: str


@dataclass(slots=True)
class _Known:
    """What is remembered of an alarm while it lasts."""

    alarm: Alarm
    since: Instant
    told: Instant | None = None
    gone: float | None = None
    """Boot-clock seconds since when it has not been so."""
    under_way: bool = False
    """Whether what was told of it may not have been handed on yet."""
    lost: bool = False
    """Whether the last run ended before that was handed on."""


class Alarms:
    """The alarms of a gateway; `look` gives what they are found in. `views` and `test` are for any thread."""

    def __init__(
        self,
        config: AlarmsConfig,
        organisation: str,
        look: Callable[[Instant], Sight],
        store: Store,
        clock: Clock,
        texter: Texter,
        mailer: Mailer,
    ) -> None:
        self._config, self._organisation, self._look = config, organisation, look
        self._store, self._clock, self._texter, self._mailer = store, clock, texter, mailer
        self._lock = threading.Lock()
        self._messages: deque[float] = deque()
        # By alarm, the newest of each: what waits for a message, and what waits for a modem.
        self._held: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._avoid: str | None = None
        self._known = self._loaded()

    def use(self, config: AlarmsConfig, organisation: str) -> None:
        """Go by another configuration from now on; from any thread."""
        self._config, self._organisation = config, organisation
        self._texter.use(config.sms_to)
        self._mailer.use(config)

    def views(self) -> list[AlarmView]:
        """What people were told of and is not over, the oldest first."""
        with self._lock:
            told = [known for known in self._known.values() if known.told is not None]
            return [AlarmView(known.alarm, known.since.wall, known.told.wall) for known in told if known.told]

    def keys(self) -> list[tuple[str, str]]:
        """Key and severity of each, for metrics."""
        return [(view.alarm.key, view.alarm.severity.value) for view in self.views()]

    # -- the clockwork ------------------------------------------------------------------------------------------------

    def round(self, now: Instant) -> int:
        """Look, and tell what is to be told; returns how many alarms are new, told again or over. Raises StoreError."""
        found = {alarm.key: alarm for alarm in find(self._look(now), self._config)}
        with self._lock:
            told = [*self._raise(found, now), *self._clear(found, now)]
        for kind, known in told:
            self._emit(kind, known, now)
        if told:
            self._keep()  # before anybody is told: rather twice than not at all
        self._tell_people(told, now)
        self._settle()
        return len(told)

    def _raise(self, found: dict[str, Alarm], now: Instant) -> list[tuple[str, _Known]]:
        told = []
        for key, alarm in found.items():
            known = self._known.setdefault(key, _Known(alarm, now))
            worse = alarm.severity is Severity.CRITICAL and known.alarm.severity is not Severity.CRITICAL
            known.alarm, known.gone = alarm, None
            last, repeat = known.told, self._config.repeat
            due = now.boot - known.since.boot >= alarm.holds
            again = last is not None and (worse or known.lost or (repeat and now.boot - last.boot >= repeat))
            if (last is None and due) or again:
                known.told, known.under_way, known.lost = now, True, False
                told.append(("alarm.raised", known))
        return told

    def _clear(self, found: dict[str, Alarm], now: Instant) -> list[tuple[str, _Known]]:
        told = []
        for key, known in list(self._known.items()):
            if key in found:
                continue
            if known.told is None:
                del self._known[key]
            elif known.gone is None:
                known.gone = now.boot
            elif now.boot - known.gone >= OVER_AFTER:
                del self._known[key]
                told.append(("alarm.cleared", known))
        return told

    # -- who is told --------------------------------------------------------------------------------------------------

    def _emit(self, kind: str, known: _Known, now: Instant) -> None:
        alarm = known.alarm
        if kind == "alarm.raised":
            log.error("alarm %s: %s; %s", alarm.key, alarm.what, alarm.remedy)
        else:
            log.warning("alarm %s is over after %s", alarm.key, roughly(now.boot - known.since.boot))
        body: Json = {
            "alarm": alarm.key,
            "severity": alarm.severity.value,
            "what": alarm.what,
            "remedy": alarm.remedy,
            "since": rfc3339(round(known.since.wall * 1000)),
        }
        try:
            with self._store.database.mark(synced=False) as cx:
                self._store.events.emit(cx, kind, None, f"alarm {alarm.key}", body, now)
        except StoreError as error:  # a full disk is one of the things that are told: by mail at least
            log.warning("no event tells of alarm %s: %s", alarm.key, error)

    def _tell_people(self, told: list[tuple[str, _Known]], now: Instant) -> None:
        if not (self._texter.wanted or self._mailer.wanted):
            self._held.clear()
            self._texts.clear()
            return
        for kind, known in told:
            _hold(self._held, known.alarm.key, _line(kind, known, now))
        while self._messages and now.boot - self._messages[0] >= HOUR:
            self._messages.popleft()
        head = f"Simwire ({self._organisation}): "
        if self._held and len(self._messages) < self._config.most_per_hour:
            self._messages.append(now.boot)
            if self._mailer.wanted:
                said = list(self._held.values())
                self._mailer.post(f"{head}{said[0][:80]}", "\n\n".join([*said, "`simwire alarms list` shows them."]))
            for key, line in self._held.items():
                _hold(self._texts, key, line)
            self._held.clear()
            self._avoid = next((known.alarm.modem for _, known in told if known.alarm.modem), None)
        if not self._texter.wanted or (
            self._texts and self._texter.send(head + "; ".join(self._texts.values()), self._avoid)
        ):
            self._texts.clear()

    def _settle(self) -> None:
        """Once everything was handed on, a restart need not tell it again."""
        if self._held or self._texts or self._mailer.busy:
            return
        with self._lock:
            waited = [known for known in self._known.values() if known.under_way]
            for known in waited:
                known.under_way = False
        if waited:
            self._keep()

    def test(self) -> list[Trial]:
        """Send a test by every way that is configured, and say what came of it; takes up to a minute."""
        text = f"Simwire ({self._organisation}): this is a test of the alarms. Nothing is wrong."
        trials = [self._trial_of_events()]
        if self._texter.wanted:
            try:
                ids = self._texter.send(text)
            except StoreError as error:
                trials.append(Trial("sms", False, str(error)))
            else:
                sent = f"queued: {', '.join(ids)}; `simwire messages show` tells what becomes of it"
                trials.append(Trial("sms", bool(ids), sent if ids else "no modem can send now"))
        if self._mailer.wanted:
            try:
                refused = self._mailer.send(text, text)
            except MailError as error:
                trials.append(Trial("email", False, str(error)))
            else:
                trials.append(Trial("email", refused is None, refused or "the mail server has taken it"))
        return trials

    def _trial_of_events(self) -> Trial:
        now = self._clock.now()
        try:
            with self._store.database.mark(synced=False) as cx:
                self._store.events.emit(cx, "alarm.test", None, "alarm test", {"alarm": "test"}, now)
        except StoreError as error:
            return Trial("events", False, str(error))
        return Trial("events", True, "alarm.test is in the event stream, and goes to webhooks that want alarms")

    # -- over restarts ------------------------------------------------------------------------------------------------

    def _keep(self) -> None:
        with self._lock:
            kept: dict[str, Json] = {
                key: {
                    "severity": known.alarm.severity.value,
                    "what": known.alarm.what,
                    "remedy": known.alarm.remedy,
                    "since": known.since.wall,
                    "told": known.told.wall,
                    "under_way": known.under_way,
                }
                for key, known in self._known.items()
                if known.told is not None
            }
        try:
            self._store.raised.keep(kept)
        except StoreError as error:
            log.warning("after a restart alarms may be told again: %s", error)

    def _loaded(self) -> dict[str, _Known]:
        now = self._clock.now()
        found = {}
        for key, kept in self._store.raised.load().items():
            alarm = Alarm(key, Severity(kept["severity"]), kept["what"], kept["remedy"])
            since, told = _earlier(now, kept["since"]), _earlier(now, kept["told"])
            found[key] = _Known(alarm, since, told, lost=kept.get("under_way", False))
        return found


def _hold(lines: dict[str, str], key: str, line: str) -> None:
    """Put the newest line of an alarm last; where there are too many, the oldest goes."""
    lines.pop(key, None)
    lines[key] = line
    if len(lines) > MOST_HELD:
        del lines[next(iter(lines))]


def _earlier(now: Instant, wall: float) -> Instant:
    """A moment of a run before, on the clocks of this one."""
    return replace(now, wall=wall, boot=now.boot - max(0.0, now.wall - wall))


def _line(kind: str, known: _Known, now: Instant) -> str:
    alarm = known.alarm
    if kind == "alarm.cleared":
        return f"OVER after {roughly(now.boot - known.since.boot)}: {alarm.what}"
    return f"{alarm.severity.value.upper()}: {alarm.what}. {alarm.remedy[:1].upper()}{alarm.remedy[1:]}"
