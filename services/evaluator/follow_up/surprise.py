"""Whether a verdict surprises: a gate failed, or T on the test falls far behind T of the same trial on dev.

A trial's T is too high on dev for two reasons. The scores have learned from the very passages of the base that are the
0 of the scale, and the trial was chosen because its T is high. So the test is far behind only if its whole 95 %
interval lies below the trial's by more than `DEV_EXCESS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scriptorium.contracts import TrialScore, VoiceScore

DEV_EXCESS = 10.0  # points: about what a T on dev is too high by; see docs/evaluation.md


@dataclass(frozen=True)
class Surprise:
    """The gates that failed, whether the test is far behind dev, and both in words."""

    gates: tuple[str, ...]
    behind: bool
    reason: str


def find_surprise(voice: VoiceScore | None, trial: TrialScore | None) -> Surprise | None:
    """Return what surprises; `trial` is that of the model on dev, None if it was not tried."""
    if voice is None:
        return None
    gates = tuple(voice.gates) if voice.verdict == "rejected" else ()
    behind = trial is not None and is_far_behind(voice, trial)
    if not gates and not behind:
        return None
    reasons = [*_name_gates(gates), *(_compare_with_dev(voice, trial) if behind and trial else [])]
    return Surprise(gates, behind, " ".join(reasons))


def is_far_behind(voice: VoiceScore, trial: TrialScore) -> bool:
    """Return whether the interval of T on the test lies below that on dev, with the excess of dev taken off."""
    return voice.high is not None and trial.low is not None and voice.high < trial.low - DEV_EXCESS


def _name_gates(gates: Sequence[str]) -> list[str]:
    if not gates:
        return []
    return [f"The gate{'s' if len(gates) > 1 else ''} {', '.join(gates)} failed."]


def _compare_with_dev(voice: VoiceScore, trial: TrialScore) -> list[str]:
    test = f"{voice.folded:.0f} ({voice.low:.0f} to {voice.high:.0f})"
    dev = f"{trial.transfer:.0f} ({trial.low:.0f} to {trial.high:.0f})"
    return [f"T is {test} on the test, far below {dev} on the chapters kept for choosing."]
