"""Ask a live Prometheus what a board would show: its variables filled in as Grafana does, queries, rules."""

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

GRAFANA = Path(__file__).resolve().parents[1] / "grafana"
Json = dict[str, Any]


@dataclass(frozen=True)
class Series:
    """Labels, and numbers with their times; an instant query gives one number."""

    labels: Mapping[str, str]
    points: list[tuple[float, float]]

    @property
    def last(self) -> float:
        """The newest number."""
        return self.points[-1][1]


@dataclass(frozen=True)
class Window:
    """The time that a board shows, in seconds since the epoch, and how far its points are apart."""

    start: float
    end: float
    step: float = 5.0

    @classmethod
    def until_now(cls, seconds: float, points: int = 1500) -> Window:
        """The last `seconds`, in steps no shorter than Prometheus' own."""
        now = time.time()
        return cls(now - seconds, now, max(5.0, seconds / points))


class Prometheus:
    """Prometheus' HTTP interface."""

    def __init__(self, address: str, transport: httpx.BaseTransport | None = None) -> None:
        self._client = httpx.Client(base_url=address.rstrip("/"), timeout=30, trust_env=False, transport=transport)

    @classmethod
    def reach(cls, address: str) -> Prometheus:
        """The one at an address; ends the program with a sentence where none answers there."""
        try:
            made = cls(address)
            made._client.get("/-/ready").raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            sys.exit(
                f"No Prometheus answers at {address} ({error}). Is the profile monitoring up? See docs/monitoring.md."
            )
        return made

    def instant(self, expr: str, window: Window) -> list[Series]:
        """The value at the window's end; raises ValueError where Prometheus refuses the query."""
        found = self._get("/api/v1/query", {"query": expr, "time": window.end})["result"]
        return [Series(each["metric"], [_point(each["value"])]) for each in found]

    def over(self, expr: str, window: Window) -> list[Series]:
        """The values over the window; raises ValueError where Prometheus refuses the query."""
        asked: dict[str, str | float] = {"query": expr, "start": window.start, "end": window.end, "step": window.step}
        found = self._get("/api/v1/query_range", asked)["result"]
        return [Series(each["metric"], [_point(pair) for pair in each["values"]]) for each in found]

    def rules(self) -> dict[str, str]:
        """The health of every loaded alert rule by its name."""
        groups = self._get("/api/v1/rules", {"type": "alert"})["groups"]
        return {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}

    def _get(self, path: str, asked: Mapping[str, str | float]) -> Json:
        answer = self._client.post(path, data=asked) if "query" in asked else self._client.get(path, params=asked)
        body: Json = answer.json()
        if body.get("status") != "success":
            raise ValueError(body.get("error", f"HTTP {answer.status_code}"))
        data: Json = body["data"]
        return data


def boards(*, gpu: bool = False) -> list[Json]:
    """The exported boards; those for GPU hosts only where asked for."""
    folders = [GRAFANA / "boards", *([GRAFANA / "boards-gpu"] if gpu else [])]
    return [json.loads(path.read_text("utf-8")) for folder in folders for path in sorted(folder.glob("*.json"))]


def panels(board: Json) -> Iterator[Json]:
    """The panels of a board that show data."""
    return (panel for panel in board["panels"] if panel["type"] != "row")


def fill(expr: str, board: Json, target: Json, window: Window) -> str:
    """Put values in the place of a board's variables: everything is chosen, the window is what is shown."""
    least = float(target.get("interval", "5s").removesuffix("s"))
    step = max(window.step, least)
    values = {
        "$__rate_interval": f"{max(step + least, 4 * least):.0f}s",
        "$__interval": f"{step:.0f}s",
        "$__range": f"{window.end - window.start:.0f}s",
        **{f"${variable['name']}": variable["allValue"] for variable in board["templating"]["list"]},
    }
    for name, value in values.items():
        expr = expr.replace(name, value)
    return expr


def ask(prometheus: Prometheus, board: Json, target: Json, window: Window) -> list[Series]:
    """Ask one query of a panel, as Grafana would; numbers that are none are left out."""
    expr = fill(target["expr"], board, target, window)
    found = prometheus.instant(expr, window) if target.get("instant") else prometheus.over(expr, window)
    finite = [Series(one.labels, [pair for pair in one.points if math.isfinite(pair[1])]) for one in found]
    return [series for series in finite if series.points]


def _point(pair: list[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])
