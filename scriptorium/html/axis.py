"""One axis of a plot: the position of a value, and round values for the ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

MIN_RANGE = 1e-9  # a smaller range of values counts as none: ticks have ten decimals


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: its position and its label."""

    at: float
    label: str


@dataclass(frozen=True)
class Axis:
    """Values from `low` to `high`, drawn from `start` to `end` (in units of the plot; `end` may be below `start`)."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Return the position of a value, to a tenth of a unit."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, about: int = 5) -> list[float]:
        """Return round values on the axis, about as many as `about`."""
        step = _round_step((self.high - self.low) / about)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(number * step, 10) for number in range(first, last + 1)]


def axis_around(values: list[float], start: float, end: float, margin: float = 0.06) -> Axis:
    """Return an axis for all `values` with a margin on both sides, even if they are all equal."""
    low, high = min(values), max(values)
    padding = (high - low) * margin if high - low > MIN_RANGE else max(abs(high) * margin, 0.5)
    return Axis(low - padding, high + padding, start, end)


def free_height(y: float, taken: Iterable[float], gap: float) -> float:
    """Return a height near `y` for a label, at least `gap` away from the nearest one that is taken."""
    for other in taken:
        if abs(y - other) < gap:
            return other + (gap if y >= other else -gap)
    return y


def _round_step(step: float) -> float:
    """Return the smallest of 1, 2, 5, 10 times a power of ten that is not below `step`."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))
