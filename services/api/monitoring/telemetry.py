"""Metrics for Prometheus: the API exports what all workers wrote into the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.utils import floatToGoString as format_number  # noqa: N813  a function

from scriptorium import metrics
from scriptorium.errors import StoreUnavailable
from scriptorium.jobs import queue
from scriptorium.jobs.runner import Context
from scriptorium.store.connection import store_errors
from services.api.monitoring.gauges import Gauge, machine_gauges, store_gauges
from services.api.monitoring.snapshot import take_snapshot

KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
OTHER_METHOD = "other"  # a client may invent methods without end, and each would be a series for ever


class Telemetry:
    """The API's own counters, and what the store knows, which is read on every scrape."""

    def __init__(self, context: Context, count_waiting: Callable[[str], int] = queue.count_waiting) -> None:
        self._context = context
        self._count_waiting = count_waiting
        self._registry = CollectorRegistry()
        self._requests = Counter(
            metrics.REQUESTS.name, metrics.REQUESTS.help, metrics.REQUESTS.labels, registry=self._registry
        )
        self._latency = Histogram(
            metrics.LATENCY.name, metrics.LATENCY.help, metrics.LATENCY.labels, registry=self._registry
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count and time one request."""
        method = method if method in KNOWN_METHODS else OTHER_METHOD
        self._requests.labels(method, route, str(status)).inc()
        self._latency.labels(method, route).observe(seconds)

    def render(self) -> bytes:
        """Render every metric in Prometheus' text format."""
        collected = collect(self._context, self._count_waiting)
        text = "".join(render_metric(metric, values) for metric, values in collected)
        return text.encode() + bytes(generate_latest(self._registry))


def collect(context: Context, count_waiting: Callable[[str], int]) -> Iterator[Gauge]:
    """Yield every metric; without the store only that it is down, and the metrics that do not need it."""
    try:
        with store_errors():
            from_store = list(store_gauges(take_snapshot(context.store, count_waiting)))
    except StoreUnavailable:
        from_store = []
    yield metrics.STORE_UP, {(): bool(from_store)}
    yield from machine_gauges(context.volume.root)
    yield from from_store


def render_metric(metric: metrics.Metric, values: dict[tuple[str, ...], float]) -> str:
    """Render a metric as the client library would, which takes five times as long for thousands of series."""
    lines = [f"# HELP {metric.name} {_escape(metric.help)}\n# TYPE {metric.name} {metric.kind}\n"]
    places = sorted(range(len(metric.labels)), key=metric.labels.__getitem__)
    for label_values, value in values.items():
        labels = ",".join(f'{metric.labels[place]}="{_escape_quoted(label_values[place])}"' for place in places)
        lines.append(f"{metric.name}{{{labels}}} " if labels else f"{metric.name} ")
        lines.append(f"{format_number(float(value))}\n")  # type: ignore[no-untyped-call]
    return "".join(lines)


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _escape_quoted(text: str) -> str:
    return _escape(text).replace('"', r"\"")
