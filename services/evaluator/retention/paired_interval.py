"""Estimate the change in the share of instructions followed; both models get the same instructions."""

from __future__ import annotations

from scriptorium.contracts.report.retention import PairedChange
from scriptorium.stats.paired_proportions import lower_bound, upper_bound


def estimate_change(gained: int, lost: int, number: int) -> PairedChange:
    """Estimate the change from `gained` followed by the tuned model alone and `lost` by the base alone, of `number`."""
    low, high = lower_bound(gained, lost, number), upper_bound(gained, lost, number)
    return PairedChange(points=100 * (gained - lost) / number, low_points=100 * low, high_points=100 * high)
