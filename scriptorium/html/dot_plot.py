"""The layout of a dot plot: dots with their intervals, one row each, on one axis.

It is laid out twice: on a phone the wide picture's letters would be too small, so the narrow one has each name above
its row, and the page shows the one that fits (`.wide` and `.narrow` of its style). Pages draw it with the macro
`dot_plot` of dot_plot.svg.j2, which `scriptorium.html.templates` makes available.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from scriptorium.html.axis import Axis, Tick, axis_around

WIDTH, LEFT, RIGHT, ROW_HEIGHT, TOP, BOTTOM = 720, 150, 90, 46, 8, 50
NARROW_WIDTH, NARROW_SIDE, NARROW_ROW, NARROW_BOTTOM = 340, 14, 52, 28
TICK_GAP = 80  # units between two ticks, about


@dataclass(frozen=True)
class PlotValue:
    """A value to plot: its name, its CSS class, the value with its interval, and its label."""

    name: str
    kind: str
    value: float
    low: float
    high: float
    label: str


@dataclass(frozen=True)
class DotRow:
    """A row of the plot: its name, its CSS class, the positions of the dot and the interval, and its label."""

    name: str
    kind: str
    y: float
    dot: float
    low: float
    high: float
    label: str


@dataclass(frozen=True)
class DotPlot:
    """Everything that the template needs; `lines` cross all rows. `narrow` is the same for a phone."""

    rows: list[DotRow]
    ticks: list[Tick]
    lines: list[Tick]
    height: int
    top: int
    bottom: int
    width: int = WIDTH
    left: int = LEFT
    right: int = WIDTH - RIGHT
    narrow: DotPlot | None = None


def lay_out(
    values: Sequence[PlotValue],
    lines: Sequence[tuple[float, str]],
    *,
    ends: tuple[float, float] | None = None,
    row_height: int = ROW_HEIGHT,
    top: int = TOP,
) -> DotPlot:
    """Lay out one row per value, each `row_height` units high, and lines (value and label) across them.

    The axis covers the `ends`, by default all values, intervals and lines.
    """
    shown = [*(value for value, _ in lines), *_interval_values(values)]
    low, high = ends or (min(shown), max(shown))

    def axis(start: float, end: float) -> Axis:
        return Axis(low, high, start, end) if ends else axis_around([low, high], start, end)

    wide = _lay_out_rows(values, lines, axis(LEFT, WIDTH - RIGHT), row_height, top)
    across = axis(NARROW_SIDE, NARROW_WIDTH - NARROW_SIDE)
    narrow = _lay_out_rows(values, lines, across, NARROW_ROW, top)
    narrow = replace(narrow, height=narrow.bottom + NARROW_BOTTOM, width=NARROW_WIDTH)
    return replace(wide, narrow=replace(narrow, left=int(across.start), right=int(across.end)))


def _lay_out_rows(
    values: Sequence[PlotValue], lines: Sequence[tuple[float, str]], x: Axis, row_height: int, top: int
) -> DotPlot:
    """Lay out the rows on an axis."""
    rows = [
        DotRow(
            name=value.name,
            kind=value.kind,
            y=top + row_height * (number + 0.5),
            dot=x.place(value.value),
            low=x.place(value.low),
            high=x.place(value.high),
            label=value.label,
        )
        for number, value in enumerate(values)
    ]
    bottom = top + row_height * len(rows)
    marks = [
        Tick(x.place(value), f"{value:g}".replace("-", "−")) for value in x.ticks(round((x.end - x.start) / TICK_GAP))
    ]
    return DotPlot(rows, marks, [Tick(x.place(value), label) for value, label in lines], bottom + BOTTOM, top, bottom)


def _interval_values(values: Sequence[PlotValue]) -> list[float]:
    return [number for value in values for number in (value.low, value.value, value.high)]
