"""Which other trials of calibrating may help against a surprise, and which of them is clearly better.

Two gates have a number of their own among a trial's scores: the instructions followed, and the passages that are long
enough. There a trial must be ahead. The other gates reject what has changed the base too much, so a gentler trial may
help, which nobody has measured: it is offered, and never recommended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scriptorium.contracts import TrialScore
from scriptorium.stats.paired_proportions import CONFIDENCE, NORMAL
from services.evaluator.follow_up.surprise import Surprise
from services.evaluator.voice.gates.length import MIN_LONG_ENOUGH

Compare = Callable[[TrialScore, TrialScore], bool]


def list_helpful(trials: Sequence[TrialScore], merged: TrialScore, surprise: Surprise) -> list[TrialScore]:
    """Return the trials that may help against everything that surprises, those with the most voice first."""
    causes = [HELPS.get(gate, is_gentler) for gate in surprise.gates]
    others = [trial for trial in trials if all(helps(trial, merged) for helps in causes)]
    if surprise.behind and not surprise.gates:
        others = [trial for trial in others if trial.transfer is not None]
    return sorted(others, key=_voice, reverse=True)


def find_clearly_better(trials: Sequence[TrialScore], merged: TrialScore, surprise: Surprise) -> TrialScore | None:
    """Return the trial with the most voice that measurably lacks what surprised, if there is one."""
    if not surprise.gates or any(gate not in CLEARLY_BETTER for gate in surprise.gates):
        return None
    better = [trial for trial in trials if all(CLEARLY_BETTER[gate](trial, merged) for gate in surprise.gates)]
    return max(better, key=_voice, default=None)


def is_gentler(trial: TrialScore, merged: TrialScore) -> bool:
    """Return whether a trial has changed the base less: weaker, or earlier, and neither stronger nor later."""
    weaker_or_equal = trial.strength <= merged.strength and trial.step <= merged.step
    return weaker_or_equal and (trial.strength, trial.step) != (merged.strength, merged.step)


def follows_more(trial: TrialScore, merged: TrialScore) -> bool:
    """Return whether a trial follows more of the dev instructions."""
    return bool(trial.asked) and trial.followed > merged.followed


def follows_clearly_more(trial: TrialScore, merged: TrialScore) -> bool:
    """Return whether a trial keeps the instructions, and is ahead by more than a standard error of its change."""
    if not trial.asked or not merged.asked or trial.low_points is None or not trial.kept:
        return False
    error = (_points(trial) - trial.low_points) / NORMAL.inv_cdf(CONFIDENCE)
    return _points(trial) - _points(merged) > error


def is_longer(trial: TrialScore, merged: TrialScore) -> bool:
    """Return whether more of a trial's passages are long enough."""
    return (trial.long_enough or 0.0) > (merged.long_enough or 0.0)


def is_clearly_longer(trial: TrialScore, merged: TrialScore) -> bool:
    """Return whether a trial is as long on dev as the gate wants it, and the one that was merged is not."""
    return is_long_enough(trial) and not is_long_enough(merged)


def is_long_enough(trial: TrialScore) -> bool:
    """Return whether so many passages are long enough that the gate for length has nothing against them."""
    return (trial.long_enough or 0.0) >= min(MIN_LONG_ENOUGH, trial.base_long_enough or 0.0)


def _points(trial: TrialScore) -> float:
    """Return the change of the instructions followed against the base, in points."""
    return 100 * (trial.followed - trial.base_followed) / trial.asked


def _voice(trial: TrialScore) -> float:
    return float("-inf") if trial.transfer is None else trial.transfer


HELPS: dict[str, Compare] = {"retention": follows_more, "length": is_longer}
CLEARLY_BETTER: dict[str, Compare] = {"retention": follows_clearly_more, "length": is_clearly_longer}
