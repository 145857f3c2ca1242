"""Metrics: every name comes from the one table, and all of the table is exported."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from scriptorium import __version__, metrics
from scriptorium.artifacts.volume import Volume
from scriptorium.jobs.pipeline import Pipeline
from scriptorium.jobs.runner import Context
from scriptorium.settings import Settings
from scriptorium.store import open_store
from services.api.monitoring.gauges import Values
from services.api.monitoring.telemetry import Telemetry, render_metric


@pytest.fixture
def telemetry(tmp_path: Path) -> Iterator[Telemetry]:
    """Telemetry of a deployment whose store is away."""
    store, volume = open_store("unix:///nonexistent"), Volume(tmp_path)
    yield Telemetry(Context(Settings(data_dir=tmp_path), store, volume, Pipeline(store, volume)), lambda task: 0)


def test_without_a_store_only_the_apis_own_numbers_are_there(telemetry: Telemetry) -> None:
    telemetry.observe("GET", "/v1/files", 200, 0.01)
    families = {family.name: family for family in text_string_to_metric_families(telemetry.render().decode())}
    assert families["scriptorium_store_up"].samples[0].value == 0
    assert set(families) >= {"scriptorium_api_requests", "scriptorium_api_request_seconds"}
    assert families["scriptorium_volume_free_bytes"].samples[0].value > 0
    assert families["scriptorium_build_info"].samples[0].labels == {"version": __version__}
    assert "scriptorium_jobs" not in families


def test_names_are_unique_and_say_what_they_are() -> None:
    names = [metric.name for metric in metrics.ALL_METRICS]
    assert len(set(names)) == len(names)
    for metric in metrics.ALL_METRICS:
        assert metric.name.startswith("scriptorium_")
        assert metric.name.endswith("_total") is (metric.kind == "counter")
        assert "job" not in metric.labels  # Prometheus has a label of that name already


@pytest.mark.parametrize(
    ("metric", "family_class", "values"),
    [
        (metrics.GPU_GRANTS, CounterMetricFamily, {(): 3}),
        (metrics.STORE_UP, GaugeMetricFamily, {(): True}),
        (metrics.JOBS, GaugeMetricFamily, {}),
        (
            metrics.FAILURES,
            GaugeMetricFamily,
            {('a "b"\\n\n',): 1e21, ("ü",): -0.5, ("n",): math.nan, ("i",): math.inf},
        ),
        (metrics.RUNNING, GaugeMetricFamily, {("ftjob-1", "train", "host"): 1.0, ("ftjob-2", "merge", ""): 0.000012}),
        (metrics.Metric("m", 'a "text"\\ of\ntwo lines'), GaugeMetricFamily, {(): 1234567.0}),
    ],
)
def test_a_metric_is_rendered_as_the_client_library_does(
    metric: metrics.Metric, family_class: type[GaugeMetricFamily | CounterMetricFamily], values: Values
) -> None:
    family = family_class(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, float(value))
    registry = CollectorRegistry()
    registry.register(type("Families", (Collector,), {"collect": lambda self: iter([family])})())
    assert render_metric(metric, values) == generate_latest(registry).decode()


def test_what_workers_report_is_of_a_job() -> None:
    assert all(metric.labels[0] == "job_id" for metric in metrics.JOB_METRICS.values())
    assert all("/" not in key for key in metrics.JOB_METRICS)
