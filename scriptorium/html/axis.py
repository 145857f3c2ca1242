"""One axis of a picture: where a value lies, and at which round values to put a tick."""

from __future__ import annotations

import math
from dataclasses import dataclass

FINEST = 1e-9  # a smaller spread is none: ticks have ten decimals


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where, and the number beside it."""

    at: float
    label: str


@dataclass(frozen=True)
class Axis:
    """Values from `low` to `high`, drawn from `start` to `end` (picture units; `end` may be the smaller one)."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Where a value is drawn, to a tenth of a unit."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, about: int = 5) -> list[float]:
        """Round values inside the axis, some `about` of them."""
        step = _round_step((self.high - self.low) / about)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(number * step, 10) for number in range(first, last + 1)]


def axis_around(values: list[float], start: float, end: float, margin: float = 0.06) -> Axis:
    """An axis that holds all `values` with some air on both sides, even where they are all the same."""
    low, high = min(values), max(values)
    air = (high - low) * margin if high - low > FINEST else max(abs(high) * margin, 0.5)
    return Axis(low - air, high + air, start, end)


def _round_step(step: float) -> float:
    """The smallest of 1, 2, 5, 10 times a power of ten that is not below `step`."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))
