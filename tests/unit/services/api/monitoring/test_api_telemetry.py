"""Metrics: every name comes from the one table, and all of the table is exported."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from scriptorium import __version__, metrics
from scriptorium.artifacts.volume import Volume
from scriptorium.jobs.pipeline import Pipeline
from scriptorium.jobs.runner import Context
from scriptorium.settings import Settings
from scriptorium.store import open_store
from services.api.monitoring.telemetry import Telemetry, make_family


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


def test_a_counter_is_exported_under_its_own_name() -> None:
    family = make_family(metrics.GPU_GRANTS, {(): 3})
    assert (family.type, [(sample.name, sample.value) for sample in family.samples]) == (
        "counter",
        [("scriptorium_gpu_handovers_total", 3)],
    )


def test_what_workers_report_is_of_a_job() -> None:
    assert all(metric.labels[0] == "job_id" for metric in metrics.JOB_METRICS.values())
    assert all("/" not in key for key in metrics.JOB_METRICS)
