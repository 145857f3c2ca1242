"""Metrics for Prometheus: the API exports what all workers wrote into the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from scriptorium import metrics
from scriptorium.errors import StoreUnavailable
from scriptorium.jobs import queue
from scriptorium.jobs.runner import Context
from scriptorium.store.connection import store_errors
from services.api.monitoring.gauges import Gauge, machine_gauges, store_gauges
from services.api.monitoring.snapshot import take_snapshot


class Telemetry:
    """The API's own counters, and a collector that reads the store."""

    def __init__(self, context: Context, count_waiting: Callable[[str], int] = queue.count_waiting) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(StoreCollector(context, count_waiting))
        self._requests = Counter(
            metrics.REQUESTS.name, metrics.REQUESTS.help, metrics.REQUESTS.labels, registry=self._registry
        )
        self._latency = Histogram(
            metrics.LATENCY.name, metrics.LATENCY.help, metrics.LATENCY.labels, registry=self._registry
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count and time one request."""
        self._requests.labels(method, route, str(status)).inc()
        self._latency.labels(method, route).observe(seconds)

    def render(self) -> bytes:
        """Render every metric in Prometheus' text format."""
        return bytes(generate_latest(self._registry))


class StoreCollector(Collector):
    """A collector that reads the store on every scrape."""

    def __init__(self, context: Context, count_waiting: Callable[[str], int]) -> None:
        self._context = context
        self._count_waiting = count_waiting

    def describe(self) -> Iterator[Family]:
        """Yield nothing, so that registering the collector does not read the store."""
        yield from ()

    def collect(self) -> Iterator[Family]:
        """Yield every metric; without the store only that it is down, and the metrics that do not need it."""
        try:
            with store_errors():
                from_store = list(store_gauges(take_snapshot(self._context.store, self._count_waiting)))
        except StoreUnavailable:
            from_store = []
        up: Gauge = (metrics.STORE_UP, {(): bool(from_store)})
        for metric, values in (up, *machine_gauges(self._context.volume.root), *from_store):
            yield make_family(metric, values)


def make_family(metric: metrics.Metric, values: dict[tuple[str, ...], float]) -> Family:
    """Convert a metric and its values into a family of the client library."""
    family_class = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = family_class(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, float(value))
    return family
