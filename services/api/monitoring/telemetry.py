"""Metrics for Prometheus: one process exports what every worker wrote into the store."""

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
from services.api.monitoring.gauges import Gauge, of_the_machine, of_the_store
from services.api.monitoring.snapshot import take_snapshot


class Telemetry:
    """The API's own counters, and a collector that reads the store."""

    def __init__(self, context: Context, waiting: Callable[[str], int] = queue.waiting) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(StoreCollector(context, waiting))
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
        """Everything, in Prometheus' text format."""
        return bytes(generate_latest(self._registry))


class StoreCollector(Collector):
    """Reads the store whenever Prometheus asks."""

    def __init__(self, context: Context, waiting: Callable[[str], int]) -> None:
        self._context = context
        self._waiting = waiting

    def describe(self) -> Iterator[Family]:
        """Nothing, so that registering the collector does not read the store."""
        yield from ()

    def collect(self) -> Iterator[Family]:
        """Every metric; only that the store is away and what is known without it, where it is."""
        try:
            with store_errors():
                known = list(of_the_store(take_snapshot(self._context.store, self._waiting)))
        except StoreUnavailable:
            known = []
        up: Gauge = (metrics.STORE_UP, {(): bool(known)})
        for metric, values in (up, *of_the_machine(self._context.volume.root), *known):
            yield make_family(metric, values)


def make_family(metric: metrics.Metric, values: dict[tuple[str, ...], float]) -> Family:
    """A metric and its values as the client library wants them."""
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, float(value))
    return family
