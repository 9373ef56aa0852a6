"""One registry for everything that monitoring reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from prometheus_client import (
    CollectorRegistry,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from gateway import release
from gateway.config import AlarmsConfig
from gateway.directory import CanaryView, ModemView
from gateway.metrics.counted import Counted
from gateway.metrics.scrape import Scrape, Sources
from gateway.store import Store
from gateway.webhooks import WebhookStatus
from hardware.clock import Clock

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics(Counted):
    """A registry of its own, and the doors through which the gateway counts. Safe from any thread."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        modems: Callable[[], Sequence[ModemView]],
        canaries: Callable[[], Iterable[CanaryView]] = tuple,
        webhooks: Callable[[], Sequence[WebhookStatus]] = tuple,
        limits: Callable[[], AlarmsConfig] = AlarmsConfig,
    ) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which Prometheus' text format has no use for
        self._registry = registry = CollectorRegistry()
        super().__init__(registry, store, clock)
        self._sources = Sources(store, clock, modems, canaries, webhooks, limits)
        build = Info("simwire_build", "The release that runs", registry=registry)
        build.info({"version": release.installed()})
        registry.register(Scrape(self._sources))
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.begin_at_zero(view.name for view in modems())

    def tell_alarms(self, alarms: Callable[[], Iterable[tuple[str, str]]]) -> None:
        """Show these from now on: key and severity of each alarm that people were told of."""
        self._sources.alarms = alarms

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format; its content type is `CONTENT_TYPE`."""
        return generate_latest(self._registry)
