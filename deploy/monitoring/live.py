"""Query a live Prometheus for what a board would show, with the variables filled in as Grafana does."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

GRAFANA_FOLDER = Path(__file__).resolve().parents[1] / "grafana"
Json = dict[str, Any]


@dataclass(frozen=True)
class Series:
    """The labels of a series, and its numbers with their times; an instant query returns one number."""

    labels: Mapping[str, str]
    points: list[tuple[float, float]]

    @property
    def last(self) -> float:
        """The newest number."""
        return self.points[-1][1]


@dataclass(frozen=True)
class TimeRange:
    """The time that a board shows, in seconds since the epoch, and the distance of its points."""

    start: float
    end: float
    step: float = 5.0

    @classmethod
    def until_now(cls, seconds: float, points: int = 1500) -> TimeRange:
        """Return the last `seconds`, in steps no shorter than Prometheus' scrape interval."""
        now = time.time()
        return cls(now - seconds, now, max(5.0, seconds / points))


class Prometheus:
    """A client of Prometheus' HTTP API."""

    def __init__(self, address: str, transport: httpx.BaseTransport | None = None) -> None:
        self._client = httpx.Client(base_url=address.rstrip("/"), timeout=30, trust_env=False, transport=transport)

    @classmethod
    def connect(cls, address: str) -> Prometheus:
        """Connect to an address; exit the program with a message if no Prometheus answers there."""
        try:
            prometheus = cls(address)
            prometheus._client.get("/-/ready").raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            sys.exit(
                f"No Prometheus answers at {address} ({error}). Is the profile monitoring up? See docs/monitoring.md."
            )
        return prometheus

    def query_instant(self, expr: str, time_range: TimeRange) -> list[Series]:
        """Return the values at the end of the range; raise ValueError if Prometheus refuses the query."""
        result = self._get("/api/v1/query", {"query": expr, "time": time_range.end})["result"]
        return [Series(entry["metric"], [_point(entry["value"])]) for entry in result]

    def query_range(self, expr: str, time_range: TimeRange) -> list[Series]:
        """Return the values over the range; raise ValueError if Prometheus refuses the query."""
        params: dict[str, str | float] = {
            "query": expr,
            "start": time_range.start,
            "end": time_range.end,
            "step": time_range.step,
        }
        result = self._get("/api/v1/query_range", params)["result"]
        return [Series(entry["metric"], [_point(pair) for pair in entry["values"]]) for entry in result]

    def rules(self) -> dict[str, str]:
        """Return the health of every loaded alert rule by its name."""
        groups = self._get("/api/v1/rules", {"type": "alert"})["groups"]
        return {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}

    def _get(self, path: str, params: Mapping[str, str | float]) -> Json:
        response = self._client.post(path, data=params) if "query" in params else self._client.get(path, params=params)
        body: Json = response.json()
        if body.get("status") != "success":
            raise ValueError(body.get("error", f"HTTP {response.status_code}"))
        data: Json = body["data"]
        return data


def read_boards(*, gpu: bool = False) -> list[Json]:
    """Read the exported boards, those for GPU hosts only if `gpu`."""
    folders = [GRAFANA_FOLDER / "boards", *([GRAFANA_FOLDER / "boards-gpu"] if gpu else [])]
    return [json.loads(path.read_text("utf-8")) for folder in folders for path in sorted(folder.glob("*.json"))]


def data_panels(board: Json) -> Iterator[Json]:
    """Return the panels of a board that show data, without the headings."""
    return (panel for panel in board["panels"] if panel["type"] != "row")


def fill_variables(expr: str, board: Json, target: Json, time_range: TimeRange) -> str:
    """Replace a board's variables by values: all of their choices, and the time range."""
    min_interval = float(target.get("interval", "5s").removesuffix("s"))
    step = max(time_range.step, min_interval)
    values = {
        "$__rate_interval": f"{max(step + min_interval, 4 * min_interval):.0f}s",
        "$__interval": f"{step:.0f}s",
        "$__range": f"{time_range.end - time_range.start:.0f}s",
        **{f"${variable['name']}": variable["allValue"] for variable in board["templating"]["list"]},
    }
    for name, value in values.items():
        expr = expr.replace(name, value)
    return expr


def query_target(prometheus: Prometheus, board: Json, target: Json, time_range: TimeRange) -> list[Series]:
    """Run one query of a panel as Grafana would; leave out NaN and infinity."""
    expr = fill_variables(target["expr"], board, target, time_range)
    run_query = prometheus.query_instant if target.get("instant") else prometheus.query_range
    finite = [
        Series(series.labels, [pair for pair in series.points if math.isfinite(pair[1])])
        for series in run_query(expr, time_range)
    ]
    return [series for series in finite if series.points]


def _point(pair: list[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])
