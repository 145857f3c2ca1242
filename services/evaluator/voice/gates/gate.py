"""The result of a gate."""

from __future__ import annotations

from typing import Literal

from services.evaluator.voice.frozen import Frozen

GateCode = Literal[
    "measurable", "memorisation", "degeneration", "coherence", "length", "caricature", "adherence", "retention"
]
Outcome = Literal["pass", "warn", "fail"]


class Gate(Frozen):
    """One gate. `measured` is false where what it needs was not given; then it cannot pass.

    `samples` are the places of the passages that it speaks of; `next_step` is empty where all is well.
    """

    code: GateCode
    outcome: Outcome
    measured: bool = True
    finding: str
    next_step: str = ""
    numbers: dict[str, float] = {}
    samples: list[int] = []


def grade(failing: bool, warning: bool) -> Outcome:
    """The worse of the two."""
    return "fail" if failing else "warn" if warning else "pass"
