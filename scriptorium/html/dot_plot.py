"""Dots with their intervals, a row each, on one axis: where everything goes.

Pages draw it with the macro in dot_plot.svg.j2, which `scriptorium.html.templates` finds for every one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scriptorium.html.axis import Axis, Tick, axis_around

WIDTH, LEFT, RIGHT, ROW, TOP, BOTTOM = 720, 150, 90, 46, 8, 50


@dataclass(frozen=True)
class Row:
    """What is to be drawn: a name, its css class, a value with its interval, and how it reads."""

    name: str
    kind: str
    value: float
    low: float
    high: float
    label: str


@dataclass(frozen=True)
class Bar:
    """A row: its name, its css class, the dot, the ends of the interval and the value in words."""

    name: str
    kind: str
    y: float
    dot: float
    low: float
    high: float
    label: str


@dataclass(frozen=True)
class Bars:
    """Everything the template needs; `lines` stand across all rows."""

    bars: list[Bar]
    ticks: list[Tick]
    lines: list[Tick]
    height: int
    top: int
    bottom: int
    width: int = WIDTH
    left: int = LEFT
    right: int = WIDTH - RIGHT


def lay_out(
    rows: Sequence[Row],
    lines: Sequence[tuple[float, str]],
    *,
    ends: tuple[float, float] | None = None,
    row: int = ROW,
    top: int = TOP,
) -> Bars:
    """Place rows of `row` units' height below each other, and lines (value and name) across them.

    The axis goes from one of the `ends` to the other, or as far as there is something to see.
    """
    values = [*(value for value, _ in lines), *_ends(rows)]
    x = Axis(*ends, LEFT, WIDTH - RIGHT) if ends else axis_around(values, LEFT, WIDTH - RIGHT)
    bars = [
        Bar(
            name=found.name,
            kind=found.kind,
            y=top + row * (number + 0.5),
            dot=x.place(found.value),
            low=x.place(found.low),
            high=x.place(found.high),
            label=found.label,
        )
        for number, found in enumerate(rows)
    ]
    bottom = top + row * len(bars)
    ticks = [Tick(x.place(value), f"{value:g}".replace("-", "−")) for value in x.ticks(6)]
    return Bars(bars, ticks, [Tick(x.place(value), name) for value, name in lines], bottom + BOTTOM, top, bottom)


def _ends(rows: Sequence[Row]) -> list[float]:
    return [end for row in rows for end in (row.low, row.value, row.high)]
