"""What is looked at only when somebody asks: the queue, the modems, canaries, webhooks, the machine."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from gateway.conditions import CONDITIONS
from gateway.config import AlarmsConfig
from gateway.directory import CANARY_STATES, MODEM_STATES, CanaryView, ModemView
from gateway.messages import Lane
from gateway.metrics.catalogue import gauges, totals
from gateway.metrics.counted import lane_name
from gateway.metrics.held import Held
from gateway.store import Store, StoreError
from gateway.webhooks import WebhookStatus
from hardware.clock import Clock
from hardware.modem import REGISTRATIONS

log = logging.getLogger("simwire.metrics")

WEBHOOKS_HOLD = 5.0  # seconds for which a look at what waits for webhooks holds at least


@dataclass(slots=True)
class Sources:
    """Where it is looked."""

    store: Store
    clock: Clock
    modems: Callable[[], Sequence[ModemView]]
    canaries: Callable[[], Iterable[CanaryView]] = tuple
    webhooks: Callable[[], Sequence[WebhookStatus]] = tuple
    limits: Callable[[], AlarmsConfig] = AlarmsConfig
    """From when on it is an alarm."""
    alarms: Callable[[], Iterable[tuple[str, str]]] = tuple
    """Key and severity of each alarm that people were told of."""


class Scrape(Collector):
    """Makes what it is asked for; a store that cannot be read leaves out what stands in it, and nothing else."""

    def __init__(self, sources: Sources) -> None:
        self._of = sources
        self._webhooks = Held(lambda: self._of.webhooks(), sources.clock, WEBHOOKS_HOLD)

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        yield from self._queue()
        views = self._of.modems()
        yield from _conditions(views)
        yield from _sims(views)
        yield from _canaries(self._of.canaries())
        yield from self._waiting_webhooks()
        yield from self._host()

    def _queue(self) -> Iterator[Metric]:
        limits = gauges("simwire_queue_limit_seconds")
        waits = self._of.limits().waits
        for name in map(lane_name, Lane):
            if limit := getattr(waits, name):
                limits.add_metric((name,), limit)
        yield limits
        depths, ages = gauges("simwire_queue_messages"), gauges("simwire_queue_oldest_seconds")
        try:
            waiting = self._of.store.outbox.waiting()
        except StoreError as error:
            log.warning("the queue cannot be measured: %s", error)
            return
        now = self._of.clock.now().wall
        for lane in Lane:
            depth, oldest = waiting.get(lane, (0, None))
            depths.add_metric((lane_name(lane),), depth)
            ages.add_metric((lane_name(lane),), 0.0 if oldest is None else max(0.0, now - oldest / 1000))
        yield depths
        yield ages

    def _waiting_webhooks(self) -> Iterator[Metric]:
        try:
            hooks = self._webhooks()
        except StoreError as error:
            log.warning("what waits for webhooks cannot be measured: %s", error)
            return
        waiting, ages = gauges("simwire_webhook_waiting_events"), gauges("simwire_webhook_oldest_seconds")
        failures, ended = gauges("simwire_webhook_failures"), totals("simwire_webhook_deliveries_total")
        now = self._of.clock.now().wall
        for one in hooks:
            name, counts, state = one.hook.name, one.counts, one.state
            waiting.add_metric((name,), counts.waiting)
            ages.add_metric((name,), 0.0 if counts.oldest_at is None else max(0.0, now - counts.oldest_at / 1000))
            failures.add_metric((name,), state.failures)
            for result in ("taken", "failed", "given_up"):
                ended.add_metric((name, result), getattr(state, result))
        yield from (waiting, ages, failures, ended)

    def _host(self) -> Iterator[Metric]:
        raised = gauges("simwire_alarm")
        for labels in self._of.alarms():
            raised.add_metric(labels, 1.0)
        yield raised
        database = self._of.store.database
        found: dict[str, float] = {
            "simwire_threads": threading.active_count(),
            "simwire_disk_low_bytes": self._of.limits().disk_free,
            "simwire_disk_reserve_bytes": database.reserve,
            "simwire_database_wal_bytes": _size(Path(f"{database.path}-wal")),
        }
        with suppress(OSError):
            found["simwire_disk_free_bytes"] = database.free()
        with suppress(OSError):
            found["simwire_database_bytes"] = database.path.stat().st_size
        for name, number in found.items():
            family = gauges(name)
            family.add_metric((), number)
            yield family


def _size(path: Path) -> int:
    """In octets; a file that is not there has none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _conditions(views: Iterable[ModemView]) -> Iterator[Metric]:
    states, conditions = gauges("simwire_modem_state"), gauges("simwire_modem_condition")
    usable, changes = gauges("simwire_modem_usable"), totals("simwire_modem_changes_total")
    for view in views:
        usable.add_metric((view.name,), float(view.usable))
        changes.add_metric((view.name,), view.changes)
        for state in MODEM_STATES:
            states.add_metric((view.name, state), float(view.state == state))
        for condition in CONDITIONS:
            conditions.add_metric((view.name, condition), float(view.condition == condition))
    yield from (usable, states, conditions, changes)


def _sims(views: Iterable[ModemView]) -> Iterator[Metric]:
    registrations, signals = gauges("simwire_modem_registration"), gauges("simwire_modem_signal_dbm")
    balances = gauges("simwire_modem_balance")
    limits, kept = gauges("simwire_modem_quota_limit"), gauges("simwire_modem_quota_kept")
    left = gauges("simwire_modem_quota_left")
    for view in views:
        for way in REGISTRATIONS:
            registrations.add_metric((view.name, _word(way)), float(view.registration == way))
        if view.signal_dbm is not None:
            signals.add_metric((view.name,), view.signal_dbm)
        if view.balance is not None and view.balance.amount is not None:
            balances.add_metric((view.name,), float(view.balance.amount))
        for use in view.quota:
            limits.add_metric((view.name, use.rule), use.limit)
            kept.add_metric((view.name, use.rule), use.otp_kept)
            left.add_metric((view.name, use.rule), max(0, use.limit - use.used))
    yield from (registrations, signals, balances, limits, kept, left)


def _canaries(canaries: Iterable[CanaryView]) -> Iterator[Metric]:
    states, missed = gauges("simwire_canary_state"), totals("simwire_canary_missed_total")
    success = gauges("simwire_canary_last_success_timestamp_seconds")
    trip = gauges("simwire_canary_round_trip_seconds")
    for one in canaries:
        pair = (one.sender, one.receiver)
        missed.add_metric(pair, one.missed)
        for state in CANARY_STATES:
            states.add_metric((*pair, state), float(one.state == state))
        if one.ok_at is not None:
            success.add_metric(pair, one.ok_at)
        if one.seconds is not None:
            trip.add_metric(pair, one.seconds)
    yield from (states, success, trip, missed)


def _word(meaning: str) -> str:
    """A status in words as one value of a label."""
    return re.sub(r"[^a-z]+", "_", meaning.lower())
