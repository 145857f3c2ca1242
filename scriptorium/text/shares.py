"""A share as people read it: "0.5 %", "30 %", and never "0 %" for what is there."""

from __future__ import annotations

SMALLEST_SHARE = 0.001  # that is given as a number


def format_share(share: float) -> str:
    """Format a share in percent with at most one decimal.

    >>> format_share(0.02), format_share(0.0004)
    ('2 %', 'less than 0.1 %')
    """
    if 0 < share < SMALLEST_SHARE:
        return f"less than {format_share(SMALLEST_SHARE)}"
    return f"{100 * share:.1f}".removesuffix(".0") + " %"
