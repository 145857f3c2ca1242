"""One function per kind of panel: what Grafana shows for the same data."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MultipleLocator

from deploy.monitoring.live import Json, Prometheus, Window
from deploy.monitoring.picture.canvas import FAINT, GRID, PALETTE, TEXT, Box, Canvas, colour, measure, steps, threshold
from deploy.monitoring.picture.frames import Cell, Line, lines, marks, table
from deploy.monitoring.picture.units import write


class Painter:
    """Draws the panels of one board."""

    def __init__(self, canvas: Canvas, prometheus: Prometheus, board: Json, window: Window) -> None:
        self._canvas, self._prometheus, self._board, self._window = canvas, prometheus, board, window

    def draw(self, panel: Json, box: Box) -> None:
        """Draw a panel into its box."""
        self._canvas.frame(box, panel["title"])
        kinds: dict[str, Callable[[Json, Box], None]] = {
            "stat": self._number,
            "timeseries": self._chart,
            "trend": self._curves,
            "state-timeline": self._timeline,
            "bargauge": self._bars,
            "barchart": self._groups,
            "table": self._table,
        }
        kinds[panel["type"]](panel, box)

    def _lines(self, panel: Json) -> list[Line]:
        return lines(self._prometheus, self._board, panel, self._window)

    def _nothing(self, panel: Json, box: Box) -> None:
        text = panel["fieldConfig"]["defaults"].get("noValue", "No data")
        self._canvas.write(box.x + box.width / 2, box.y + box.height / 2 + 8, text, ha="center", color=FAINT)

    def _number(self, panel: Json, box: Box) -> None:
        found = self._lines(panel)
        if not found:
            return self._nothing(panel, box)
        width = (box.width - 16) / len(found)
        texts = [_said(panel, line) for line in found]
        named = len(found) > 1
        size = min(26.0, *(26 * (width - 12) / (measure(text, 26) * 1.15) for text, _ in texts))
        for place, (line, (text, shade)) in enumerate(zip(found, texts, strict=True)):
            x, y = box.x + 8 + width * (place + 0.5), box.y + box.height / 2 + (16 if named else 10)
            self._canvas.write(x, y, text, ha="center", color=shade, fontsize=size, fontweight="bold")
            if named:
                self._canvas.write(x, y - 30, line.name, ha="center", color=FAINT, fontsize=9)
        return None

    def _chart(self, panel: Json, box: Box) -> None:
        found = self._lines(panel)
        if not found:
            return self._nothing(panel, box)
        custom = panel["fieldConfig"]["defaults"]["custom"]
        shades = [_shade(panel, line.name, place) for place, line in enumerate(found)]
        axes = self._canvas.axes(self._with_legend(box, found, shades))
        if custom.get("stacking", {}).get("mode") == "normal":
            self._stack(axes, found, shades)
        else:
            for line, shade in zip(found, shades, strict=True):
                self._line(axes, panel, line, shade)
        _limits(axes, panel)
        self._time_axis(axes, marks(self._prometheus, self._board, panel, self._window))
        _number_axis(axes, panel)
        return None

    def _line(self, axes: Axes, panel: Json, line: Line, shade: str) -> None:
        custom = panel["fieldConfig"]["defaults"]["custom"]
        dashed = _override(panel, line.name, "custom.lineStyle") is not None
        steps = "steps-post" if custom.get("lineInterpolation") == "stepAfter" else "default"
        x, y = _with_gaps(line.points, 3.2 * max(self._window.step, self._least(panel)))
        axes.plot(x, y, color=shade, linewidth=1.6, drawstyle=steps, linestyle=(0, (5, 4)) if dashed else "-")
        alone = [(a, b) for a, b, before, after in zip(x, y, [np.nan, *y[:-1]], [*y[1:], np.nan], strict=True)
                 if np.isfinite(b) and not np.isfinite(before) and not np.isfinite(after)]  # fmt: skip
        axes.plot([a for a, _ in alone], [b for _, b in alone], "o", color=shade, markersize=3)
        if not dashed and custom["fillOpacity"]:
            floor = panel["fieldConfig"]["defaults"].get("min", float(np.nanmin(y)))
            axes.fill_between(x, y, floor, color=shade, alpha=0.08, linewidth=0,
                              step="post" if steps != "default" else None)  # fmt: skip

    def _least(self, panel: Json) -> float:
        return float(panel["targets"][0].get("interval", "5s").removesuffix("s"))

    def _stack(self, axes: Axes, found: list[Line], shades: list[str]) -> None:
        times = np.array(sorted({when for line in found for when, _ in line.points}))
        below = np.zeros(len(times))
        for line, shade in zip(found, shades, strict=True):
            known = dict(line.points)
            above = below + np.array([known.get(when, 0.0) for when in times])
            axes.fill_between(times, below, above, color=shade, alpha=0.4, step="post", linewidth=0)
            axes.plot(times, above, color=shade, linewidth=1.4, drawstyle="steps-post")
            below = above

    def _curves(self, panel: Json, box: Box) -> None:
        columns = table(self._prometheus, self._board, panel, self._window)
        if not columns:
            return self._nothing(panel, box)
        axis, *names = columns
        shades = [PALETTE[place % len(PALETTE)] for place in range(len(names))]
        axes = self._canvas.axes(self._with_legend(box, [Line(name, []) for name in names], shades, below=22))
        for name, shade in zip(names, shades, strict=True):
            pairs = [(_float(x), _float(y)) for x, y in zip(columns[axis], columns[name], strict=True) if y is not None]
            axes.plot([x for x, _ in pairs], [y for _, y in pairs], "o-", color=shade, linewidth=2.4, markersize=4)
        axes.set_xlabel(str(_override(panel, axis, "custom.axisLabel")), color=FAINT, fontsize=9)
        sign = "%" if _override(panel, axis, "unit") == "percent" else ""
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}{sign}"))
        axes.grid(color=GRID, linewidth=0.7)
        _number_axis(axes, panel)
        return None

    def _timeline(self, panel: Json, box: Box) -> None:
        found = self._lines(panel)
        if not found:
            return self._nothing(panel, box)
        names = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
        said = [Line(each["text"], []) for each in names.values()]
        inner = self._with_legend(box, said, [colour(each["color"]) for each in names.values()],
                                  left=26 + max(measure(line.name, 8.5) for line in found))  # fmt: skip
        axes = self._canvas.axes(inner)
        for place, line in enumerate(found):
            for start, end, value in _spans(line.points, self._window.step):
                state = names.get(f"{value:g}", {"text": "", "color": GRID})
                axes.add_patch(Rectangle((start, place - 0.4), end - start, 0.8, color=colour(state["color"]),
                                         linewidth=0))  # fmt: skip
                wide = (end - start) / (self._window.end - self._window.start) * inner.width
                if wide > 8 * len(state["text"]):
                    shade = FAINT if state["color"].startswith("#2") else "#16181d"
                    axes.text((start + end) / 2, place, state["text"], ha="center", va="center", fontsize=8.5,
                              color=shade, clip_on=True)  # fmt: skip
        axes.set_ylim(len(found) - 0.45, -0.55)
        axes.set_yticks(range(len(found)), [line.name for line in found])
        self._time_axis(axes)
        return None

    def _bars(self, panel: Json, box: Box) -> None:
        found = self._lines(panel)
        if not found:
            return self._nothing(panel, box)
        defaults = panel["fieldConfig"]["defaults"]
        inner = box.inside(12, 36, 12, 10)
        axes = self._canvas.plain(inner)
        texts = [write(line.points[-1][1], defaults["unit"], defaults.get("decimals")) for line in found]
        left = max(measure(line.name, 9) for line in found) + 16
        right = max(measure(text, 10) for text in texts) * 1.12 + 16
        most = max([line.points[-1][1] for line in found]) or 1.0
        high = min(36.0, (inner.height - 6 * (len(found) - 1)) / len(found))
        top = (inner.height - len(found) * (high + 6) + 6) / 2
        for place, (line, text) in enumerate(zip(found, texts, strict=True)):
            y, value = top + place * (high + 6), line.points[-1][1]
            shade, wide = threshold(value, defaults), inner.width - left - right
            axes.add_patch(Rectangle((left, y), wide, high, color="#22252b", linewidth=0))
            axes.add_patch(Rectangle((left, y), wide * value / most, high, color=shade, alpha=0.85, linewidth=0))
            axes.text(left - 10, y + high / 2, line.name, ha="right", va="center", fontsize=9, color=TEXT)
            axes.text(inner.width - 4, y + high / 2, text, ha="right", va="center", fontsize=10, color=shade,
                      fontweight="bold")  # fmt: skip
        return None

    def _groups(self, panel: Json, box: Box) -> None:
        columns = table(self._prometheus, self._board, panel, self._window)
        if len(columns) < 2:  # a key without values
            return self._nothing(panel, box)
        key, *names = columns
        longest = panel["options"]["xTickLabelMaxLength"]
        keys = [f"{cell}"[:longest] + "…" * (len(f"{cell}") > longest) for cell in columns[key]]
        shades = [_shade(panel, name, place) for place, name in enumerate(names)]
        titles = [Line(name, []) for name in names]
        numbers = [np.array([_float(cell) for cell in columns[name]]) for name in names]
        if panel["options"]["stacking"] == "normal":
            axes = self._canvas.axes(
                self._with_legend(box, titles, shades, left=26 + max(measure(key, 8.5) for key in keys))
            )
            return self._stacked_bars(axes, panel, keys, numbers, shades)
        axes = self._canvas.axes(self._with_legend(box, titles, shades))
        return self._side_by_side(axes, panel, keys, numbers, shades)

    def _side_by_side(
        self, axes: Axes, panel: Json, keys: Sequence[str], numbers: Sequence[np.ndarray], shades: Sequence[str]
    ) -> None:
        wide = 0.75 / len(numbers)
        for place, (values, shade) in enumerate(zip(numbers, shades, strict=True)):
            x = np.arange(len(keys)) + (place - (len(numbers) - 1) / 2) * wide
            axes.bar(x, values, width=wide * 0.92, color=shade, alpha=0.9)
            for at, value in zip(x, values, strict=True):
                text = write(float(value), panel["fieldConfig"]["defaults"]["unit"], 1)
                axes.text(at, value, text, ha="center", va="bottom", fontsize=8.5, color=TEXT)
        axes.set_xticks(range(len(keys)), keys)
        axes.grid(axis="y", color=GRID, linewidth=0.7)
        _number_axis(axes, panel)

    def _stacked_bars(
        self, axes: Axes, panel: Json, keys: Sequence[str], numbers: Sequence[np.ndarray], shades: Sequence[str]
    ) -> None:
        left = np.zeros(len(keys))
        for values, shade in zip(numbers, shades, strict=True):
            axes.barh(range(len(keys)), values, height=0.6, left=left, color=shade, alpha=0.9)
            left = left + values
        axes.set_yticks(range(len(keys)), keys)
        axes.set_ylim(len(keys) - 0.4, -0.6)
        unit = panel["fieldConfig"]["defaults"]["unit"]
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: write(value, unit)))
        axes.xaxis.set_major_locator(MultipleLocator(steps(float(max(left)), unit)))
        axes.grid(axis="x", color=GRID, linewidth=0.7)

    def _table(self, panel: Json, box: Box) -> None:
        columns = table(self._prometheus, self._board, panel, self._window)
        if not columns:
            return self._nothing(panel, box)
        inner = box.inside(12, 36, 12, 8)
        axes = self._canvas.plain(inner)
        first = 16 + max(measure(str(cell), 9.5) for cell in next(iter(columns.values())))
        heads = {name: measure(name, 9) * 1.1 for name in columns}
        spare = (inner.width - first - sum(list(heads.values())[1:])) / max(1, len(columns) - 1)
        coloured = panel["fieldConfig"]["defaults"].get("custom", {}).get("cellOptions", {}).get("type") == "color-text"
        for place, (name, cells) in enumerate(columns.items()):
            right = first + sum(list(heads.values())[1 : place + 1]) + spare * place
            side: Literal["left", "right"] = "right" if place else "left"
            x = right - 6 if place else 4
            axes.text(x, 10, name, va="center", fontsize=9, color="#6e9fff", fontweight="bold", ha=side)
            unit = _override(panel, name, "unit") or panel["fieldConfig"]["defaults"]["unit"]
            for line, cell in enumerate(cells):
                text = cell if isinstance(cell, str) else write(cell, str(unit), _override(panel, name, "decimals"))
                shade = threshold(_float(cell), panel["fieldConfig"]["defaults"]) if coloured and place else TEXT
                axes.text(x, 40 + 30 * line, text, va="center", fontsize=9.5, color=shade, ha=side)
        for line in range(len(next(iter(columns.values()))) + 1):
            axes.plot([0, inner.width], [25 + 30 * line] * 2, color=GRID, linewidth=0.8)
        return None

    def _with_legend(
        self, box: Box, found: Sequence[Line], shades: Sequence[str], *, left: float = 76, below: float = 0
    ) -> Box:
        """Draw the legend under a chart, and say how much room is left for the chart."""
        rows: list[list[tuple[float, Line, str]]] = [[]]
        x, room = 0.0, box.width - 24
        for line, shade in zip(found, shades, strict=True):
            wide = 34 + measure(line.name, 8.5)
            if rows[-1] and x + wide > room:
                rows.append([])
                x = 0
            rows[-1].append((x, line, shade))
            x += wide
        for place, row in enumerate(rows):
            y = box.y + box.height - 14 - 17 * (len(rows) - 1 - place)
            for at, line, shade in row:
                self._canvas.write(box.x + 12 + at, y, "▬", color=shade, fontsize=8)
                self._canvas.write(box.x + 28 + at, y, line.name, fontsize=8.5)
        return box.inside(left, 38, 18, 36 + 17 * len(rows) + below)

    def _time_axis(self, axes: Axes, events: Sequence[tuple[float, str]] = ()) -> None:
        start, end = self._window.start, self._window.end
        every = next(size for size in (60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 86400)
                     if (end - start) / size <= 6 or size == 86400)  # fmt: skip
        ticks = np.arange(np.ceil(start / every) * every, end, every)
        axes.set_xticks(ticks, [datetime.fromtimestamp(tick).astimezone().strftime("%H:%M") for tick in ticks])
        axes.set_xlim(start, end)
        axes.grid(color=GRID, linewidth=0.7)
        for when, shade in events:
            axes.axvline(when, color=colour(shade), linewidth=0.9, linestyle=(0, (3, 3)), alpha=0.75, zorder=0.5)
            axes.plot([when], [0], "^", color=colour(shade), markersize=4, transform=axes.get_xaxis_transform(),
                      clip_on=False)  # fmt: skip


def _said(panel: Json, line: Line) -> tuple[str, str]:
    """The text and the colour of a number."""
    defaults, value = panel["fieldConfig"]["defaults"], line.points[-1][1]
    mappings = defaults.get("mappings") or [{"options": {}}]
    mapped = mappings[0]["options"].get(f"{value:g}")
    if mapped:
        return str(mapped["text"]), colour(mapped["color"])
    shade = threshold(value, defaults)
    if panel["options"]["textMode"] == "name":
        return line.name, shade
    return write(value, defaults["unit"], defaults.get("decimals")), shade


def _shade(panel: Json, name: str, place: int) -> str:
    fixed = _override(panel, name, "color")
    return colour(fixed["fixedColor"]) if fixed else PALETTE[place % len(PALETTE)]


def _override(panel: Json, name: str, prop: str) -> Any:
    """What a board says of one field by its name."""
    for override in panel["fieldConfig"]["overrides"]:
        wanted, how = override["matcher"]["options"], override["matcher"]["id"]
        matches = wanted == name if how == "byName" else re.search(wanted.strip("/"), name)
        for each in override["properties"] if matches else ():
            if each["id"] == prop:
                return each["value"]
    return None


def _limits(axes: Axes, panel: Json) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    if defaults["custom"].get("thresholdsStyle", {}).get("mode") == "dashed":
        for step in defaults["thresholds"]["steps"]:
            if step["value"] is not None:
                axes.axhline(step["value"], color=colour(step["color"]), linewidth=1, linestyle=(0, (5, 4)))


def _number_axis(axes: Axes, panel: Json) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    low, high = axes.get_ylim()
    if "min" in defaults:
        low = defaults["min"]
    high = max(defaults.get("max", high), low + 1e-12)
    axes.set_ylim(low, high if high > low + 1e-9 else low + 1)
    apart = steps(axes.get_ylim()[1] - low, defaults["unit"])
    axes.yaxis.set_major_locator(MultipleLocator(max(apart, 1.0) if defaults.get("decimals") == 0 else apart))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: write(value, defaults["unit"])))


def _with_gaps(points: list[tuple[float, float]], gap: float) -> tuple[list[float], list[float]]:
    """Times and numbers, with nothing in between where a series was away."""
    x, y = [points[0][0]], [points[0][1]]
    for (before, _), (when, value) in pairwise(points):
        if when - before > gap:
            x.append(before)
            y.append(float("nan"))
        x.append(when)
        y.append(value)
    return x, y


def _spans(points: list[tuple[float, float]], step: float) -> list[tuple[float, float, float]]:
    """From when to when a series had which value."""
    spans: list[tuple[float, float, float]] = []
    for when, value in points:
        if spans and spans[-1][2] == value and when - spans[-1][1] <= step:
            spans[-1] = (spans[-1][0], when + step, value)
        else:
            spans.append((when, when + step, value))
    return spans


def _float(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | float) else 0.0
