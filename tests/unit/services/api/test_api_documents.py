"""docs/api.md and docs/metrics.md list exactly what exists."""

import re
from pathlib import Path

from fastapi.routing import APIRoute

from scriptorium import metrics
from scriptorium.artifacts.volume import Volume
from scriptorium.errors import Stopped, leaves
from scriptorium.jobs.pipeline import Pipeline
from scriptorium.jobs.runner import Context
from scriptorium.settings import Settings
from scriptorium.store import open_store
from services.api.application import ROUTERS, create_app

METHODS = ("get", "post", "delete", "put", "patch")


def test_every_endpoint_has_a_heading(project: Path, tmp_path: Path) -> None:
    store, volume = open_store("unix:///nonexistent"), Volume(tmp_path)
    app = create_app(Context(Settings(data_dir=tmp_path), store, volume, Pipeline(store, volume)))
    calls = app.openapi()["paths"].items()
    offered = {f"{method.upper()} {path}" for path, methods in calls for method in methods if method in METHODS}
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    offered |= {f"{method} {route.path}" for route in routes if "pages" in route.tags for method in route.methods}
    text = (project / "docs" / "api.md").read_text("utf-8")
    assert sorted(re.findall(r"^### `([A-Z]+ /\S*)`$", text, re.MULTILINE)) == sorted(offered)


def test_every_error_code_is_listed_with_its_status(project: Path) -> None:
    text = (project / "docs" / "api.md").read_text("utf-8")
    listed = {(code, int(status)) for code, status in re.findall(r"^\| `(\w+)` \| (\d+) \|", text, re.MULTILINE)}
    assert listed == {(leaf.code, leaf.status) for leaf in leaves() if not issubclass(leaf, Stopped)}


def test_every_metric_is_listed_with_kind_labels_and_meaning(project: Path) -> None:
    text = (project / "docs" / "metrics.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", text, re.MULTILINE)
    expected = [
        (m.name, m.kind, ", ".join(f"`{label}`" for label in m.labels) or "-", m.help) for m in metrics.ALL_METRICS
    ]
    assert rows == expected
