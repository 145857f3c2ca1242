"""The Wilson score interval of a share: it has a width even if nothing was counted, and stays between 0 and 1.

Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927), 209-212.

    >>> [round(end, 3) for end in wilson_interval(0, 24)]
    [0.0, 0.138]
"""

from __future__ import annotations

import math
from statistics import NormalDist

Z_95 = NormalDist().inv_cdf(0.975)


def wilson_interval(count: int, number: int) -> tuple[float, float]:
    """Return the two-sided 95 % interval of a share of `count` in `number`; all of 0 to 1 if the number is 0."""
    if number == 0:
        return 0.0, 1.0
    share, square = count / number, Z_95**2
    middle = share + square / (2 * number)
    half = Z_95 * math.sqrt(share * (1 - share) / number + square / (4 * number**2))
    scale = 1 + square / number
    low = 0.0 if count == 0 else (middle - half) / scale
    high = 1.0 if count == number else (middle + half) / scale
    return low, high
