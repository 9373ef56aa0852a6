"""What monitoring reads: counters since the start, and what the queue and the modems are like at the moment.

No label holds a number, a text or a client's name; each takes values of a small known set.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from gateway import release
from gateway.conditions import CONDITIONS
from gateway.directory import CANARY_STATES, MODEM_STATES, CanaryView, ModemView
from gateway.messages import Json, Lane, MessageState
from gateway.objective import OBJECTIVES, Objectives
from gateway.recovery import NEW_THREAD, Step
from gateway.store import CheckResult, Store, StoreError
from hardware.clock import Clock

log = logging.getLogger("simwire.metrics")

CONTENT_TYPE = CONTENT_TYPE_LATEST
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_DELIVERY_BUCKETS = (2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0, 300.0)  # seconds
_SUBMIT_BUCKETS = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 10.0, 15.0, 30.0, 60.0, 120.0, 180.0)  # seconds


class Metrics:
    """A registry of its own, and the doors through which the gateway counts. Safe from any thread."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        modems: Callable[[], list[ModemView]],
        canaries: Callable[[], Iterable[CanaryView]] = tuple,
    ) -> None:
        self.alarms: Callable[[], Iterable[tuple[str, str]]] = tuple
        """Key and severity of each alarm that people were told of."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which Prometheus' text format has no use for
        self._registry = registry = CollectorRegistry()
        Info("simwire_build", "The release that runs", registry=registry).info({"version": release.installed()})
        self._moves = Counter(
            "simwire_messages", "Moves of messages into a state", ("state", "lane"), registry=registry
        )
        self._accepted = Counter("simwire_accepted", "Messages taken into the outbox", ("lane",), registry=registry)
        self._refusals = Counter(
            "simwire_refusals", "Requests answered with a problem, by its code", ("rule",), registry=registry
        )
        self._checks = Counter("simwire_checks", "Checks of codes, by their result", ("result",), registry=registry)
        self._requests = Counter(
            "simwire_http_requests", "Requests that were answered", ("method", "operation", "status"), registry=registry
        )
        self._submits = Histogram(
            "simwire_submit_seconds",
            "From AT+CMGS until the network had accepted the part",
            ("modem",),
            buckets=_SUBMIT_BUCKETS,
            registry=registry,
        )
        self._recoveries = Counter(
            "simwire_modem_recoveries",
            "Steps that were taken to bring a modem back",
            ("modem", "step"),
            registry=registry,
        )
        self._delivery = Histogram(
            "simwire_code_delivery_seconds",
            "From acceptance of a code to the report that it was delivered",
            buckets=_DELIVERY_BUCKETS,
            registry=registry,
        )
        self._judged = Counter(
            "simwire_objective_codes",
            "Codes by whether they were delivered within an objective's limit",
            ("objective", "result"),
            registry=registry,
        )
        self.objectives = Objectives(clock, self._delivery.observe, self._judge)
        store.events.listeners.append(self.objectives.happened)
        store.outbox.on_code = self.objectives.accepted
        registry.register(_Now(store, clock, modems))
        registry.register(_Alarms(lambda: self.alarms()))
        registry.register(_Canaries(canaries))
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._answers: dict[tuple[str, str | None, int], Counter] = {}
        """Of `_requests`, by method, operation and status: looked up for every request."""
        self._begin_at_zero([view.name for view in modems()])
        store.events.listeners.append(self._happened)
        accepted = {lane: self._accepted.labels(_lane(lane)) for lane in Lane}
        store.outbox.on_accepted = lambda lane, count: accepted[lane].inc(count)

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format; its content type is `CONTENT_TYPE`."""
        return generate_latest(self._registry)

    def answered(self, method: str, operation: str | None, status: int) -> None:
        """A request was answered; no operation: nothing has that path or method."""
        method = method if method in _METHODS else "other"
        counter = self._answers.get((method, operation, status))
        if counter is None:
            counter = self._requests.labels(method, operation or "none", str(status))
            self._answers[method, operation, status] = counter
        counter.inc()

    def refused(self, code: str) -> None:
        """A request was answered with a problem of that stable code."""
        self._refusals.labels(code).inc()

    def checked(self, result: CheckResult) -> None:
        """A code was checked."""
        self._checks.labels(result.value).inc()

    def submitted(self, modem: str, seconds: float) -> None:
        """A modem handed over one part, and the network accepted it."""
        self._submits.labels(modem).observe(seconds)

    def recovering(self, modem: str, step: str) -> None:
        """A step was taken to bring a modem back."""
        self._recoveries.labels(modem, step).inc()

    def _judge(self, objective: str, good: bool) -> None:
        self._judged.labels(objective, "good" if good else "bad").inc()

    def _happened(self, kind: str, body: Json) -> None:
        group, _, state = kind.partition(".")
        if group == "message":
            self._moves.labels(state, body["priority"]).inc()

    def _begin_at_zero(self, modems: list[str]) -> None:
        """A counter that appears only with its first event hides that event from `rate()`."""
        for lane in Lane:
            self._accepted.labels(_lane(lane))
            for state in MessageState:
                self._moves.labels(state.value, _lane(lane))
        for result in CheckResult:
            self._checks.labels(result.value)
        for objective in OBJECTIVES:
            for verdict in ("good", "bad"):
                self._judged.labels(objective.name, verdict)
        for modem in modems:
            for step in (*Step, NEW_THREAD):
                self._recoveries.labels(modem, str(step))


class _Now(Collector):
    """What is looked at only when somebody asks."""

    def __init__(self, store: Store, clock: Clock, modems: Callable[[], list[ModemView]]) -> None:
        self._outbox, self._clock, self._modems = store.outbox, clock, modems

    def collect(self) -> Iterator[Metric]:
        yield from self._queue()
        one, of = ("modem",), ("modem", "state")
        states = GaugeMetricFamily("simwire_modem_state", "1 for the state it is in, 0 for the others", labels=of)
        conditions = GaugeMetricFamily(
            "simwire_modem_condition",
            "1 for what is the matter with it, 0 for everything else",
            labels=("modem", "condition"),
        )
        changes = CounterMetricFamily("simwire_modem_changes", "Changes of its state or condition", labels=one)
        signals = GaugeMetricFamily("simwire_modem_signal_dbm", "Strength of the signal", labels=one)
        balances = GaugeMetricFamily("simwire_modem_balance", "Credit of its SIM, in its currency", labels=one)
        for view in self._modems():
            for state in MODEM_STATES:
                states.add_metric((view.name, state), float(view.state == state))
            for condition in CONDITIONS:
                conditions.add_metric((view.name, condition), float(view.condition == condition))
            changes.add_metric((view.name,), view.changes)
            if view.signal_dbm is not None:
                signals.add_metric((view.name,), view.signal_dbm)
            if view.balance is not None and view.balance.amount is not None:
                balances.add_metric((view.name,), float(view.balance.amount))
        yield from (states, conditions, changes, signals, balances)

    def _queue(self) -> Iterator[GaugeMetricFamily]:
        depths = GaugeMetricFamily(
            "simwire_queue_messages", "Messages of which a part could go now and waits for a modem", labels=("lane",)
        )
        ages = GaugeMetricFamily(
            "simwire_queue_oldest_seconds", "How long the oldest of them could have gone", labels=("lane",)
        )
        try:
            waiting = self._outbox.waiting()
        except StoreError as error:
            log.warning("the queue cannot be measured: %s", error)
            return
        now = self._clock.now().wall
        for lane in Lane:
            depth, oldest = waiting.get(lane, (0, None))
            depths.add_metric((_lane(lane),), depth)
            ages.add_metric((_lane(lane),), 0.0 if oldest is None else max(0.0, now - oldest / 1000))
        yield depths
        yield ages


class _Alarms(Collector):
    """What people were told of."""

    def __init__(self, alarms: Callable[[], Iterable[tuple[str, str]]]) -> None:
        self._alarms = alarms

    def collect(self) -> Iterator[Metric]:
        raised = GaugeMetricFamily("simwire_alarm", "1 for each alarm that is not over", labels=("alarm", "severity"))
        for key, severity in self._alarms():
            raised.add_metric((key, severity), 1.0)
        yield raised


class _Canaries(Collector):
    """Messages from SIM to SIM."""

    def __init__(self, canaries: Callable[[], Iterable[CanaryView]]) -> None:
        self._canaries = canaries

    def collect(self) -> Iterator[Metric]:
        labels = ("from", "to")
        success = GaugeMetricFamily(
            "simwire_canary_last_success_timestamp_seconds", "When the newest was sent that came in time", labels=labels
        )
        trip = GaugeMetricFamily("simwire_canary_round_trip_seconds", "How long that one took", labels=labels)
        missed = CounterMetricFamily("simwire_canary_missed", "Those that did not come in time", labels=labels)
        states = GaugeMetricFamily(
            "simwire_canary_state", "1 for how the newest fares, 0 for the others", labels=(*labels, "state")
        )
        for one in self._canaries():
            pair = (one.sender, one.receiver)
            missed.add_metric(pair, one.missed)
            for state in CANARY_STATES:
                states.add_metric((*pair, state), float(one.state == state))
            if one.ok_at is not None:
                success.add_metric(pair, one.ok_at)
            if one.seconds is not None:
                trip.add_metric(pair, one.seconds)
        yield from (states, success, trip, missed)


def _lane(lane: Lane) -> str:
    return lane.name.lower()
