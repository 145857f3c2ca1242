"""How far the share of instructions followed may really have changed: an interval for paired proportions.

Both models get the same instructions, so only those count that one follows and the other does not. The interval is
Tango's score interval: it keeps its level where such instructions are few, and has a width where there are none.
Source: T. Tango, Equivalence test and confidence interval for the difference in proportions for the paired-sample
design, Statistics in Medicine 17 (1998), 891-908.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from pydantic import BaseModel, ConfigDict

CONFIDENCE = 0.95  # of each bound by itself
NORMAL = NormalDist()
HALVINGS = 50  # of an interval that is two wide


class Change(BaseModel):
    """Share followed by the tuned model less that of the base, in points, with one-sided 95 % bounds."""

    model_config = ConfigDict(frozen=True)

    points: float
    low_points: float
    high_points: float


def change(gained: int, lost: int, number: int) -> Change:
    """The change where `gained` are followed by the tuned model alone and `lost` by the base alone, out of `number`."""
    low = lower_bound(gained, lost, number)
    high = -lower_bound(lost, gained, number)
    return Change(points=100 * (gained - lost) / number, low_points=100 * low, high_points=100 * high)


def lower_bound(gained: int, lost: int, number: int) -> float:
    """The smallest difference that the score test does not reject; found by halving, as the score falls with it."""
    limit = NORMAL.inv_cdf(CONFIDENCE)
    low, high = -1.0, (gained - lost) / number
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if score(gained, lost, number, middle) > limit:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def score(gained: int, lost: int, number: int, difference: float) -> float:
    """Tango's score statistic of a supposed difference; about standard normal where it is the true one."""
    only_base = likeliest(gained, lost, number, difference)
    variance = number * (2 * only_base + difference * (1 - difference))
    distance = gained - lost - number * difference
    if variance > 0:
        return distance / math.sqrt(variance)
    return math.copysign(math.inf, distance) if distance else 0.0


def likeliest(gained: int, lost: int, number: int, difference: float) -> float:
    """The likeliest probability that the base alone follows, given the difference: a root of a x² + b x + c."""
    a = 2 * number
    b = -gained - lost + (2 * number - gained + lost) * difference
    c = -lost * difference * (1 - difference)
    return (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
