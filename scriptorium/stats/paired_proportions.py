"""Bounds for the difference of two shares that were counted on the same items.

Only the items count of which one share has counted what the other has not. The bounds are those of Tango's score
interval: it keeps its level if such items are few, and has a width even if there are none.
Source: T. Tango, Equivalence test and confidence interval for the difference in proportions for the paired-sample
design, Statistics in Medicine 17 (1998), 891-908.
"""

from __future__ import annotations

import math
from statistics import NormalDist

CONFIDENCE = 0.95  # of each bound by itself
NORMAL = NormalDist()
BISECTIONS = 50  # of an interval of width two


def upper_bound(gained: int, lost: int, number: int) -> float:
    """Return the largest difference that the score test does not reject."""
    return -lower_bound(lost, gained, number)


def lower_bound(gained: int, lost: int, number: int) -> float:
    """Return the smallest difference that the score test does not reject, by bisection: the score falls with it."""
    limit = NORMAL.inv_cdf(CONFIDENCE)
    low, high = -1.0, (gained - lost) / number
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if score_statistic(gained, lost, number, middle) > limit:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def score_statistic(gained: int, lost: int, number: int, difference: float) -> float:
    """Return Tango's score statistic of a supposed difference; about standard normal if it is the true one."""
    only_base = likeliest_only_base(gained, lost, number, difference)
    variance = number * (2 * only_base + difference * (1 - difference))
    distance = gained - lost - number * difference
    if variance > 0:
        return distance / math.sqrt(variance)
    return math.copysign(math.inf, distance) if distance else 0.0


def likeliest_only_base(gained: int, lost: int, number: int, difference: float) -> float:
    """Return the likeliest probability that the base alone follows, given the difference: a root of a x² + b x + c."""
    a = 2 * number
    b = -gained - lost + (2 * number - gained + lost) * difference
    c = -lost * difference * (1 - difference)
    return (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
