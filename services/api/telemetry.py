"""Metrics for Prometheus: one process exports what every worker wrote into the store."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from scriptorium import metrics, queue
from scriptorium.contracts import Status
from scriptorium.errors import StoreUnavailable
from scriptorium.phase import Context
from scriptorium.store.connection import store_errors
from scriptorium.store.leases import GPU


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
        self._store = context.store
        self._waiting = waiting

    def describe(self) -> Iterator[Family]:
        """Nothing, so that registering the collector does not read the store."""
        yield from ()

    def collect(self) -> Iterator[Family]:
        """Every gauge; only that the store is away, where it is."""
        try:
            with store_errors():
                families = [*self._jobs(), *self._progress(), *self._machines()]
        except StoreUnavailable:
            families = []
        yield _gauge(metrics.STORE_UP, {(): 1.0 if families else 0.0})
        yield from families

    def _jobs(self) -> Iterator[Family]:
        jobs = [self._store.jobs.get(job_id) for job_id in self._store.jobs.newest()]
        tally = Tally(job.status for job in jobs)
        yield _gauge(metrics.JOBS, {(status,): float(tally[status]) for status in Status})
        attempts: dict[tuple[str, ...], float] = {
            (job.id, phase.value): float(n) for job in jobs if not job.status.final for phase, n in job.attempts.items()
        }
        yield _gauge(metrics.ATTEMPTS, attempts)

    def _progress(self) -> Iterator[Family]:
        """The numbers of every job that ever trained: boards compare runs."""
        known = {job_id: self._store.jobs.progress(job_id) for job_id in self._store.jobs.newest()}
        for key, metric in metrics.PROGRESS.items():
            yield _gauge(metric, {(job_id,): numbers[key] for job_id, numbers in known.items() if key in numbers})

    def _machines(self) -> Iterator[Family]:
        yield _gauge(metrics.QUEUE_LENGTH, {(name,): float(self._waiting(task)) for task, name in queue.QUEUES.items()})
        yield _gauge(metrics.GPU_HELD, _holders(self._store.leases.holder(GPU)))
        states = Tally(engine.state for engine in self._store.serving.engines())
        yield _gauge(metrics.ENGINES, {(state,): float(states[state]) for state in ("starting", "ready", "failed")})


def _holders(name: str | None) -> dict[tuple[str, ...], float]:
    """1 for who holds the GPU, 0 for the others: a fixed set, so that a board sees who let go."""
    kind = "nobody" if name is None else "training" if name.startswith("ftjob-") else "server"
    return {(other,): float(other == kind) for other in ("training", "server", "nobody")}


def _gauge(metric: metrics.Metric, values: dict[tuple[str, ...], float]) -> Family:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family
