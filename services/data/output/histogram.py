"""The layout of a histogram of passage lengths: the place of each bar and tick. The template draws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from scriptorium.html.axis import Axis, Tick

WIDTH, HEIGHT = 720, 270
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 30, 50
NARROW_WIDTH = 340  # for a phone
TARGET_BARS = 36
GAP = 1.5  # between two bars, in units of the picture


@dataclass(frozen=True)
class HistogramBar:
    """The number of passages from one length to another, with its tooltip."""

    x: float
    y: float
    width: float
    height: float
    label: str


@dataclass(frozen=True)
class Histogram:
    """The layout for the template; the band is the range that the recipe asks for. `narrow` is the same for a phone."""

    bars: list[HistogramBar]
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
    narrow: Histogram | None = None


def draw_histogram(lengths: Sequence[int], minimum: int, maximum: int, unit: str) -> Histogram:
    """Lay out the lengths of at least one passage, with the range that the recipe asks for."""
    narrow = _lay_out(lengths, minimum, maximum, unit, width=NARROW_WIDTH)
    return replace(_lay_out(lengths, minimum, maximum, unit, width=WIDTH), narrow=narrow)


def _lay_out(lengths: Sequence[int], minimum: int, maximum: int, unit: str, *, width: int) -> Histogram:
    """Lay out the lengths in a picture of a width."""
    low, high = min([*lengths, minimum]), max([*lengths, maximum])
    ticks = Axis(low, max(high, low + TARGET_BARS), 0, 1).ticks(TARGET_BARS)
    step = max(1, round(ticks[1] - ticks[0]))
    start = low // step * step
    counts = [0] * ((high - start) // step + 1)
    for length in lengths:
        counts[(length - start) // step] += 1
    x = Axis(start, start + step * len(counts), LEFT, width - RIGHT)
    y = Axis(0, max(counts), HEIGHT - BOTTOM, TOP)
    bars = [
        make_bar(start + step * number, step, count, x=x, y=y, unit=unit)
        for number, count in enumerate(counts)
        if count
    ]
    inside = sum(minimum <= length <= maximum for length in lengths)
    wanted_range = f"between {minimum:,} and {maximum:,} {unit}"
    return Histogram(
        bars=bars,
        x_ticks=[Tick(x.place(value), f"{value:,.0f}") for value in x.ticks(7 if width == WIDTH else 4)],
        y_ticks=[Tick(y.place(value), f"{value:,.0f}") for value in y.ticks(4) if value == int(value)],
        band=(x.place(minimum), x.place(min(maximum, x.high))),
        summary=f"{inside:,} of {len(lengths):,} passages are {wanted_range}, as the recipe asks.",
        width=width,
        right=width - RIGHT,
    )


def make_bar(start: int, step: int, count: int, *, x: Axis, y: Axis, unit: str) -> HistogramBar:
    """Make the bar of the passages from `start` to before `start + step`."""
    left, right, top = x.place(start), x.place(start + step), y.place(count)
    label = f"{count:,} of {start:,} to {start + step - 1:,} {unit}"
    return HistogramBar(left + GAP / 2, top, max(1.0, round(right - left - GAP, 1)), round(y.start - top, 1), label)
