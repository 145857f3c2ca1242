"""The layout of a dot plot: dots with their intervals, one row each, on one axis.

Pages draw it with the macro `dot_plot` of dot_plot.svg.j2, which `scriptorium.html.templates` makes available.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scriptorium.html.axis import Axis, Tick, axis_around

WIDTH, LEFT, RIGHT, ROW_HEIGHT, TOP, BOTTOM = 720, 150, 90, 46, 8, 50


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
    """Everything that the template needs; `lines` cross all rows."""

    rows: list[DotRow]
    ticks: list[Tick]
    lines: list[Tick]
    height: int
    top: int
    bottom: int
    width: int = WIDTH
    left: int = LEFT
    right: int = WIDTH - RIGHT


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
    x = Axis(*ends, LEFT, WIDTH - RIGHT) if ends else axis_around(shown, LEFT, WIDTH - RIGHT)
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
    ticks = [Tick(x.place(value), f"{value:g}".replace("-", "−")) for value in x.ticks(6)]
    return DotPlot(rows, ticks, [Tick(x.place(value), label) for value, label in lines], bottom + BOTTOM, top, bottom)


def _interval_values(values: Sequence[PlotValue]) -> list[float]:
    return [number for value in values for number in (value.low, value.value, value.high)]
