"""What can be said of a share from a few answers: an interval, and how often chance alone does as much."""

from __future__ import annotations

import math

Z = 1.959963984540054  # the 97.5th percentile of the normal distribution: a two-sided 95 % interval


def wilson(chosen: int, answers: int) -> tuple[float, float]:
    """Wilson's score interval of a share, 95 %, two-sided (Wilson 1927, JASA 22:209); `answers` is at least 1.

    Unlike the textbook's plain interval it holds for few answers and for shares near 0 and 1.
    """
    share, spread = chosen / answers, Z * Z / answers
    centre = share + spread / 2
    half = Z * math.sqrt(share * (1 - share) / answers + spread / (4 * answers))
    low, high = (centre - half) / (1 + spread), (centre + half) / (1 + spread)
    return (0.0 if chosen == 0 else low), (1.0 if chosen == answers else high)


def chance(chosen: int, answers: int) -> float:
    """The exact two-sided binomial test against one half: how likely so uneven a count is where nobody can tell."""
    tail = sum(math.comb(answers, count) for count in range(max(chosen, answers - chosen), answers + 1))
    return min(1.0, 2 * tail / (1 << answers))
