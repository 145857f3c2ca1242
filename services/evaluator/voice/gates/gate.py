"""The outcome of a gate."""

from __future__ import annotations

from scriptorium.contracts.report.voice import GateOutcome


def grade(failing: bool, warning: bool) -> GateOutcome:
    """Return the worse of the two."""
    return "fail" if failing else "warn" if warning else "pass"
