"""The loss curve in twenty points, so that runs of any length lie on one axis."""

from __future__ import annotations

import math
from collections import defaultdict

POINTS = 20


class Curve:
    """Mean training loss of the steps in each twentieth of a run; a run of fewer steps has fewer points."""

    def __init__(self) -> None:
        self._losses: dict[int, dict[int, float]] = defaultdict(dict)

    def add(self, step: int, steps: int, loss: float) -> dict[str, float]:
        """Take one step of a run of `steps`; gives the point that is complete with it, by its key in the store."""
        part = math.ceil(step * POINTS / steps)
        first, last = (part - 1) * steps // POINTS + 1, part * steps // POINTS
        losses = self._losses[part]
        losses[step] = loss
        if step != last or len(losses) != last - first + 1:  # not at its end, or not seen from its beginning
            return {}
        return {f"curve_loss/{part * 100 // POINTS}": math.fsum(losses.values()) / len(losses)}
