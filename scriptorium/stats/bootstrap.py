"""The percentile bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).

What is drawn stays whole: a row is a passage, a brief or a prompt with everything that was measured of it.

    >>> losses = np.array([1.0, 2.0, 4.0, 3.0])
    >>> percentile_interval(losses[draw_rows(7, len(losses))].mean(axis=1))
    (1.5, 3.5)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
TWO_SIDED_95 = (2.5, 97.5)  # percentiles
ONE_SIDED_95 = (5.0, 95.0)  # each end is a bound of its own

Indices = NDArray[np.int64]


def draw_rows(seed: int | np.random.Generator, rows: int, draws: int = DRAWS, size: int | None = None) -> Indices:
    """Draw row numbers with replacement, `draws` times `size` of them (`rows` unless given): shape (draws, size)."""
    return np.random.default_rng(seed).integers(0, rows, size=(draws, rows if size is None else size))


def percentile_interval(
    values: NDArray[np.float64], percentiles: tuple[float, float] = TWO_SIDED_95
) -> tuple[float, float]:
    """Return the low and the high end of a drawn statistic."""
    low, high = np.percentile(values, percentiles)
    return float(low), float(high)
