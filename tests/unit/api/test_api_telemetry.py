"""Metrics: every name comes from the one table, and all of the table is exported."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from scriptorium import metrics
from scriptorium.phase import Context
from scriptorium.pipeline import Pipeline
from scriptorium.settings import Settings
from scriptorium.store import open_store
from scriptorium.volume import Volume
from services.api.telemetry import Telemetry, _holders


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
    assert "scriptorium_jobs" not in families


@pytest.mark.parametrize(
    ("name", "kind"), [(None, "nobody"), ("ftjob-1", "training"), ("the server", "server"), ("somebody", "server")]
)
def test_exactly_one_holds_the_gpu(name: str | None, kind: str) -> None:
    held = _holders(name)
    assert {holder[0] for holder, value in held.items() if value} == {kind}
    assert sum(held.values()) == 1


def test_names_are_unique_and_say_what_they_are() -> None:
    names = [metric.name for metric in metrics.ALL]
    assert len(set(names)) == len(names)
    for metric in metrics.ALL:
        assert metric.name.startswith("scriptorium_")
        assert metric.name.endswith("_total") is (metric.kind == "counter")
        assert "job" not in metric.labels  # Prometheus has a label of that name already
