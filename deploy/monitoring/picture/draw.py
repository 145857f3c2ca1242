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

from deploy.monitoring.live import Json, Prometheus, TimeRange
from deploy.monitoring.picture.canvas import (
    FAINT_TEXT,
    GRID,
    PALETTE,
    TEXT,
    Box,
    Canvas,
    grid_spacing,
    text_width,
    theme_colour,
    threshold_colour,
)
from deploy.monitoring.picture.frames import Cell, NamedSeries, read_annotations, read_series, read_table
from deploy.monitoring.picture.units import format_value


class Painter:
    """A painter of the panels of one board."""

    def __init__(self, canvas: Canvas, prometheus: Prometheus, board: Json, time_range: TimeRange) -> None:
        self._canvas, self._prometheus, self._board, self._time_range = canvas, prometheus, board, time_range

    def draw(self, panel: Json, box: Box) -> None:
        """Draw a panel into its box."""
        self._canvas.draw_frame(box, panel["title"])
        kinds: dict[str, Callable[[Json, Box], None]] = {
            "stat": self._draw_stat,
            "timeseries": self._draw_chart,
            "trend": self._draw_curves,
            "state-timeline": self._draw_timeline,
            "bargauge": self._draw_bars,
            "barchart": self._draw_groups,
            "table": self._draw_table,
        }
        kinds[panel["type"]](panel, box)

    def _read_series(self, panel: Json) -> list[NamedSeries]:
        return read_series(self._prometheus, self._board, panel, self._time_range)

    def _draw_no_data(self, panel: Json, box: Box) -> None:
        text = panel["fieldConfig"]["defaults"].get("noValue", "No data")
        self._canvas.write(box.x + box.width / 2, box.y + box.height / 2 + 8, text, ha="center", color=FAINT_TEXT)

    def _draw_stat(self, panel: Json, box: Box) -> None:
        all_series = self._read_series(panel)
        if not all_series:
            return self._draw_no_data(panel, box)
        width = (box.width - 16) / len(all_series)
        texts = [_format_stat(panel, series) for series in all_series]
        show_names = len(all_series) > 1
        size = min(26.0, *(26 * (width - 12) / (text_width(text, 26) * 1.15) for text, _ in texts))
        for position, (series, (text, colour)) in enumerate(zip(all_series, texts, strict=True)):
            x, y = box.x + 8 + width * (position + 0.5), box.y + box.height / 2 + (16 if show_names else 10)
            self._canvas.write(x, y, text, ha="center", color=colour, fontsize=size, fontweight="bold")
            if show_names:
                self._canvas.write(x, y - 30, series.name, ha="center", color=FAINT_TEXT, fontsize=9)
        return None

    def _draw_chart(self, panel: Json, box: Box) -> None:
        all_series = self._read_series(panel)
        if not all_series:
            return self._draw_no_data(panel, box)
        custom = panel["fieldConfig"]["defaults"]["custom"]
        colours = [_series_colour(panel, series.name, position) for position, series in enumerate(all_series)]
        axes = self._canvas.axes(self._draw_legend(box, all_series, colours))
        if custom.get("stacking", {}).get("mode") == "normal":
            self._draw_stack(axes, all_series, colours)
        else:
            for series, colour in zip(all_series, colours, strict=True):
                self._draw_line(axes, panel, series, colour)
        _draw_limits(axes, panel)
        self._format_time_axis(axes, read_annotations(self._prometheus, self._board, panel, self._time_range))
        _format_number_axis(axes, panel)
        return None

    def _draw_line(self, axes: Axes, panel: Json, series: NamedSeries, colour: str) -> None:
        custom = panel["fieldConfig"]["defaults"]["custom"]
        dashed = _find_override(panel, series.name, "custom.lineStyle") is not None
        drawstyle = "steps-post" if custom.get("lineInterpolation") == "stepAfter" else "default"
        x, y = _insert_gaps(series.points, 3.2 * max(self._time_range.step, self._min_interval(panel)))
        axes.plot(x, y, color=colour, linewidth=1.6, drawstyle=drawstyle, linestyle=(0, (5, 4)) if dashed else "-")
        isolated = [(a, b) for a, b, before, after in zip(x, y, [np.nan, *y[:-1]], [*y[1:], np.nan], strict=True)
                 if np.isfinite(b) and not np.isfinite(before) and not np.isfinite(after)]  # fmt: skip
        axes.plot([a for a, _ in isolated], [b for _, b in isolated], "o", color=colour, markersize=3)
        if not dashed and custom["fillOpacity"]:
            floor = panel["fieldConfig"]["defaults"].get("min", float(np.nanmin(y)))
            axes.fill_between(x, y, floor, color=colour, alpha=0.08, linewidth=0,
                              step="post" if drawstyle != "default" else None)  # fmt: skip

    def _min_interval(self, panel: Json) -> float:
        return float(panel["targets"][0].get("interval", "5s").removesuffix("s"))

    def _draw_stack(self, axes: Axes, all_series: list[NamedSeries], colours: list[str]) -> None:
        times = np.array(sorted({when for series in all_series for when, _ in series.points}))
        below = np.zeros(len(times))
        for series, colour in zip(all_series, colours, strict=True):
            known = dict(series.points)
            above = below + np.array([known.get(when, 0.0) for when in times])
            axes.fill_between(times, below, above, color=colour, alpha=0.4, step="post", linewidth=0)
            axes.plot(times, above, color=colour, linewidth=1.4, drawstyle="steps-post")
            below = above

    def _draw_curves(self, panel: Json, box: Box) -> None:
        columns = read_table(self._prometheus, self._board, panel, self._time_range)
        if not columns:
            return self._draw_no_data(panel, box)
        axis, *names = columns
        colours = [PALETTE[position % len(PALETTE)] for position in range(len(names))]
        axes = self._canvas.axes(self._draw_legend(box, [NamedSeries(name, []) for name in names], colours, below=22))
        for name, colour in zip(names, colours, strict=True):
            pairs = [
                (_to_float(x), _to_float(y)) for x, y in zip(columns[axis], columns[name], strict=True) if y is not None
            ]
            axes.plot([x for x, _ in pairs], [y for _, y in pairs], "o-", color=colour, linewidth=2.4, markersize=4)
        axes.set_xlabel(str(_find_override(panel, axis, "custom.axisLabel")), color=FAINT_TEXT, fontsize=9)
        sign = "%" if _find_override(panel, axis, "unit") == "percent" else ""
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}{sign}"))
        axes.grid(color=GRID, linewidth=0.7)
        _format_number_axis(axes, panel)
        return None

    def _draw_timeline(self, panel: Json, box: Box) -> None:
        all_series = self._read_series(panel)
        if not all_series:
            return self._draw_no_data(panel, box)
        names = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
        states = [NamedSeries(state["text"], []) for state in names.values()]
        inner = self._draw_legend(box, states, [theme_colour(state["color"]) for state in names.values()],
                                  left=26 + max(text_width(series.name, 8.5) for series in all_series))  # fmt: skip
        axes = self._canvas.axes(inner)
        for position, series in enumerate(all_series):
            for start, end, value in _merge_spans(series.points, self._time_range.step):
                state = names.get(f"{value:g}", {"text": "", "color": GRID})
                axes.add_patch(Rectangle((start, position - 0.4), end - start, 0.8, color=theme_colour(state["color"]),
                                         linewidth=0))  # fmt: skip
                bar_width = (end - start) / (self._time_range.end - self._time_range.start) * inner.width
                if bar_width > 8 * len(state["text"]):
                    colour = FAINT_TEXT if state["color"].startswith("#2") else "#16181d"
                    axes.text((start + end) / 2, position, state["text"], ha="center", va="center", fontsize=8.5,
                              color=colour, clip_on=True)  # fmt: skip
        axes.set_ylim(len(all_series) - 0.45, -0.55)
        axes.set_yticks(range(len(all_series)), [series.name for series in all_series])
        self._format_time_axis(axes)
        return None

    def _draw_bars(self, panel: Json, box: Box) -> None:
        all_series = self._read_series(panel)
        if not all_series:
            return self._draw_no_data(panel, box)
        defaults = panel["fieldConfig"]["defaults"]
        inner = box.shrink(12, 36, 12, 10)
        axes = self._canvas.pixel_axes(inner)
        texts = [
            format_value(series.points[-1][1], defaults["unit"], defaults.get("decimals")) for series in all_series
        ]
        left = max(text_width(series.name, 9) for series in all_series) + 16
        right = max(text_width(text, 10) for text in texts) * 1.12 + 16
        maximum = max([series.points[-1][1] for series in all_series]) or 1.0
        bar_height = min(36.0, (inner.height - 6 * (len(all_series) - 1)) / len(all_series))
        top = (inner.height - len(all_series) * (bar_height + 6) + 6) / 2
        for position, (series, text) in enumerate(zip(all_series, texts, strict=True)):
            y, value = top + position * (bar_height + 6), series.points[-1][1]
            colour, max_width = threshold_colour(value, defaults), inner.width - left - right
            axes.add_patch(Rectangle((left, y), max_width, bar_height, color="#22252b", linewidth=0))
            axes.add_patch(
                Rectangle((left, y), max_width * value / maximum, bar_height, color=colour, alpha=0.85, linewidth=0)
            )
            axes.text(left - 10, y + bar_height / 2, series.name, ha="right", va="center", fontsize=9, color=TEXT)
            axes.text(inner.width - 4, y + bar_height / 2, text, ha="right", va="center", fontsize=10, color=colour,
                      fontweight="bold")  # fmt: skip
        return None

    def _draw_groups(self, panel: Json, box: Box) -> None:
        columns = read_table(self._prometheus, self._board, panel, self._time_range)
        if len(columns) < 2:  # a key without values
            return self._draw_no_data(panel, box)
        key, *names = columns
        max_length = panel["options"]["xTickLabelMaxLength"]
        keys = [f"{cell}"[:max_length] + "…" * (len(f"{cell}") > max_length) for cell in columns[key]]
        colours = [_series_colour(panel, name, position) for position, name in enumerate(names)]
        titles = [NamedSeries(name, []) for name in names]
        numbers = [np.array([_to_float(cell) for cell in columns[name]]) for name in names]
        if panel["options"]["stacking"] == "normal":
            axes = self._canvas.axes(
                self._draw_legend(box, titles, colours, left=26 + max(text_width(key, 8.5) for key in keys))
            )
            return self._draw_stacked_bars(axes, panel, keys, numbers, colours)
        axes = self._canvas.axes(self._draw_legend(box, titles, colours))
        return self._draw_side_by_side(axes, panel, keys, numbers, colours)

    def _draw_side_by_side(
        self, axes: Axes, panel: Json, keys: Sequence[str], numbers: Sequence[np.ndarray], colours: Sequence[str]
    ) -> None:
        bar_width = 0.75 / len(numbers)
        for position, (values, colour) in enumerate(zip(numbers, colours, strict=True)):
            x = np.arange(len(keys)) + (position - (len(numbers) - 1) / 2) * bar_width
            axes.bar(x, values, width=bar_width * 0.92, color=colour, alpha=0.9)
            for at, value in zip(x, values, strict=True):
                text = format_value(float(value), panel["fieldConfig"]["defaults"]["unit"], 1)
                axes.text(at, value, text, ha="center", va="bottom", fontsize=8.5, color=TEXT)
        axes.set_xticks(range(len(keys)), keys)
        axes.grid(axis="y", color=GRID, linewidth=0.7)
        _format_number_axis(axes, panel)

    def _draw_stacked_bars(
        self, axes: Axes, panel: Json, keys: Sequence[str], numbers: Sequence[np.ndarray], colours: Sequence[str]
    ) -> None:
        left = np.zeros(len(keys))
        for values, colour in zip(numbers, colours, strict=True):
            axes.barh(range(len(keys)), values, height=0.6, left=left, color=colour, alpha=0.9)
            left = left + values
        axes.set_yticks(range(len(keys)), keys)
        axes.set_ylim(len(keys) - 0.4, -0.6)
        unit = panel["fieldConfig"]["defaults"]["unit"]
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_value(value, unit)))
        axes.xaxis.set_major_locator(MultipleLocator(grid_spacing(float(max(left)), unit)))
        axes.grid(axis="x", color=GRID, linewidth=0.7)

    def _draw_table(self, panel: Json, box: Box) -> None:
        columns = read_table(self._prometheus, self._board, panel, self._time_range)
        if not columns:
            return self._draw_no_data(panel, box)
        inner = box.shrink(12, 36, 12, 8)
        axes = self._canvas.pixel_axes(inner)
        key_width = 16 + max(text_width(str(cell), 9.5) for cell in next(iter(columns.values())))
        title_widths = {name: text_width(name, 9) * 1.1 for name in columns}
        spacing = (inner.width - key_width - sum(list(title_widths.values())[1:])) / max(1, len(columns) - 1)
        coloured = panel["fieldConfig"]["defaults"].get("custom", {}).get("cellOptions", {}).get("type") == "color-text"
        for position, (name, cells) in enumerate(columns.items()):
            right = key_width + sum(list(title_widths.values())[1 : position + 1]) + spacing * position
            side: Literal["left", "right"] = "right" if position else "left"
            x = right - 6 if position else 4
            axes.text(x, 10, name, va="center", fontsize=9, color="#6e9fff", fontweight="bold", ha=side)
            unit = _find_override(panel, name, "unit") or panel["fieldConfig"]["defaults"]["unit"]
            for row, cell in enumerate(cells):
                text = (
                    cell
                    if isinstance(cell, str)
                    else format_value(cell, str(unit), _find_override(panel, name, "decimals"))
                )
                colour = (
                    threshold_colour(_to_float(cell), panel["fieldConfig"]["defaults"])
                    if coloured and position
                    else TEXT
                )
                axes.text(x, 40 + 30 * row, text, va="center", fontsize=9.5, color=colour, ha=side)
        for row in range(len(next(iter(columns.values()))) + 1):
            axes.plot([0, inner.width], [25 + 30 * row] * 2, color=GRID, linewidth=0.8)
        return None

    def _draw_legend(
        self,
        box: Box,
        all_series: Sequence[NamedSeries],
        colours: Sequence[str],
        *,
        left: float = 76,
        below: float = 0,
    ) -> Box:
        """Draw the legend below a chart, and return the rectangle that is left for the chart."""
        rows: list[list[tuple[float, NamedSeries, str]]] = [[]]
        x, max_width = 0.0, box.width - 24
        for series, colour in zip(all_series, colours, strict=True):
            entry_width = 34 + text_width(series.name, 8.5)
            if rows[-1] and x + entry_width > max_width:
                rows.append([])
                x = 0
            rows[-1].append((x, series, colour))
            x += entry_width
        for position, row in enumerate(rows):
            y = box.y + box.height - 14 - 17 * (len(rows) - 1 - position)
            for at, series, colour in row:
                self._canvas.write(box.x + 12 + at, y, "▬", color=colour, fontsize=8)
                self._canvas.write(box.x + 28 + at, y, series.name, fontsize=8.5)
        return box.shrink(left, 38, 18, 36 + 17 * len(rows) + below)

    def _format_time_axis(self, axes: Axes, events: Sequence[tuple[float, str]] = ()) -> None:
        start, end = self._time_range.start, self._time_range.end
        tick_interval = next(size for size in (60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 86400)
                     if (end - start) / size <= 6 or size == 86400)  # fmt: skip
        ticks = np.arange(np.ceil(start / tick_interval) * tick_interval, end, tick_interval)
        axes.set_xticks(ticks, [datetime.fromtimestamp(tick).astimezone().strftime("%H:%M") for tick in ticks])
        axes.set_xlim(start, end)
        axes.grid(color=GRID, linewidth=0.7)
        for when, colour in events:
            axes.axvline(when, color=theme_colour(colour), linewidth=0.9, linestyle=(0, (3, 3)), alpha=0.75, zorder=0.5)
            axes.plot([when], [0], "^", color=theme_colour(colour), markersize=4, transform=axes.get_xaxis_transform(),
                      clip_on=False)  # fmt: skip


def _format_stat(panel: Json, series: NamedSeries) -> tuple[str, str]:
    """Return the text and the colour of a number."""
    defaults, value = panel["fieldConfig"]["defaults"], series.points[-1][1]
    mappings = defaults.get("mappings") or [{"options": {}}]
    mapping = mappings[0]["options"].get(f"{value:g}")
    if mapping:
        return str(mapping["text"]), theme_colour(mapping["color"])
    colour = threshold_colour(value, defaults)
    if panel["options"]["textMode"] == "name":
        return series.name, colour
    return format_value(value, defaults["unit"], defaults.get("decimals")), colour


def _series_colour(panel: Json, name: str, position: int) -> str:
    override = _find_override(panel, name, "color")
    return theme_colour(override["fixedColor"]) if override else PALETTE[position % len(PALETTE)]


def _find_override(panel: Json, name: str, property_id: str) -> Any:
    """Return a property that a board overrides for the field of this name, if any."""
    for override in panel["fieldConfig"]["overrides"]:
        pattern, matcher = override["matcher"]["options"], override["matcher"]["id"]
        matches = pattern == name if matcher == "byName" else re.search(pattern.strip("/"), name)
        for entry in override["properties"] if matches else ():
            if entry["id"] == property_id:
                return entry["value"]
    return None


def _draw_limits(axes: Axes, panel: Json) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    if defaults["custom"].get("thresholdsStyle", {}).get("mode") == "dashed":
        for step in defaults["thresholds"]["steps"]:
            if step["value"] is not None:
                axes.axhline(step["value"], color=theme_colour(step["color"]), linewidth=1, linestyle=(0, (5, 4)))


def _format_number_axis(axes: Axes, panel: Json) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    low, high = axes.get_ylim()
    if "min" in defaults:
        low = defaults["min"]
    high = max(defaults.get("max", high), low + 1e-12)
    axes.set_ylim(low, high if high > low + 1e-9 else low + 1)
    spacing = grid_spacing(axes.get_ylim()[1] - low, defaults["unit"])
    axes.yaxis.set_major_locator(MultipleLocator(max(spacing, 1.0) if defaults.get("decimals") == 0 else spacing))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_value(value, defaults["unit"])))


def _insert_gaps(points: list[tuple[float, float]], gap: float) -> tuple[list[float], list[float]]:
    """Return times and numbers, with NaN where a series has a gap."""
    x, y = [points[0][0]], [points[0][1]]
    for (earlier, _), (when, value) in pairwise(points):
        if when - earlier > gap:
            x.append(earlier)
            y.append(float("nan"))
        x.append(when)
        y.append(value)
    return x, y


def _merge_spans(points: list[tuple[float, float]], step: float) -> list[tuple[float, float, float]]:
    """Merge neighbouring points of the same value into spans of (start, end, value)."""
    spans: list[tuple[float, float, float]] = []
    for when, value in points:
        if spans and spans[-1][2] == value and when - spans[-1][1] <= step:
            spans[-1] = (spans[-1][0], when + step, value)
        else:
            spans.append((when, when + step, value))
    return spans


def _to_float(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | float) else 0.0
