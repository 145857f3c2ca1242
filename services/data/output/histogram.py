"""How long passages are, as a picture: where each bar and tick goes. The template draws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scriptorium.html.axis import Axis, Tick

WIDTH, HEIGHT = 720, 270
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 30, 50
BARS = 36  # about
AIR = 1.5  # picture units between two bars


@dataclass(frozen=True)
class Bar:
    """How many passages are from one length to another."""

    x: float
    y: float
    width: float
    height: float
    label: str


@dataclass(frozen=True)
class Histogram:
    """Everything the template needs; the band is the range that the recipe asks for."""

    bars: list[Bar]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    band: tuple[float, float]
    summary: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def draw_histogram(lengths: Sequence[int], minimum: int, maximum: int, unit: str) -> Histogram:
    """Lay out the lengths of passages, at least one, beside the range that was asked for."""
    low, high = min([*lengths, minimum]), max([*lengths, maximum])
    ticks = Axis(low, max(high, low + BARS), 0, 1).ticks(BARS)
    step = max(1, round(ticks[1] - ticks[0]))
    start = low // step * step
    counts = [0] * ((high - start) // step + 1)
    for length in lengths:
        counts[(length - start) // step] += 1
    x = Axis(start, start + step * len(counts), LEFT, WIDTH - RIGHT)
    y = Axis(0, max(counts), HEIGHT - BOTTOM, TOP)
    bars = [
        make_bar(start + step * number, step, count, x=x, y=y, unit=unit)
        for number, count in enumerate(counts)
        if count
    ]
    inside = sum(minimum <= length <= maximum for length in lengths)
    wanted = f"between {minimum:,} and {maximum:,} {unit}"
    return Histogram(
        bars=bars,
        x_ticks=[Tick(x.place(value), f"{value:,.0f}") for value in x.ticks(7)],
        y_ticks=[Tick(y.place(value), f"{value:,.0f}") for value in y.ticks(4) if value == int(value)],
        band=(x.place(minimum), x.place(min(maximum, x.high))),
        summary=f"{inside:,} of {len(lengths):,} passages are {wanted}, as the recipe asks.",
    )


def make_bar(start: int, step: int, count: int, *, x: Axis, y: Axis, unit: str) -> Bar:
    """The bar of the passages from `start` to before `start + step`."""
    left, right, top = x.place(start), x.place(start + step), y.place(count)
    label = f"{count:,} of {start:,} to {start + step - 1:,} {unit}"
    return Bar(left + AIR / 2, top, max(1.0, round(right - left - AIR, 1)), round(y.start - top, 1), label)
