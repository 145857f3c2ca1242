"""Choose among the trials: the most voice of those that keep the base's instructions.

Two trials whose T differs by less than a standard error are taken for equally good, and of those the one whose strength
is nearest to 1 is chosen: the simplest model within one standard error of the best (L. Breiman and others,
Classification and Regression Trees, 1984, 3.4.3).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from scriptorium.contracts import TrialScore
from scriptorium.recipe import Select
from services.evaluator.retention.power import margin

INTERVAL_ERRORS = 2 * 1.96  # standard errors from end to end of a 95 % interval
MIN_VISIBLE_MARGINS = 2  # if the base follows less than twice the margin, losing half of it looks like no loss
NOT_ASKED = "No instructions for choosing were answered, so it is unknown which trials keep them."


@dataclass(frozen=True)
class Choice:
    """The trial chosen, and why."""

    score: TrialScore
    reason: str


def choose(scores: Sequence[TrialScore], select: Select, checkpoint: int | None, strength: float | None) -> Choice:
    """Choose a trial; a `checkpoint` or `strength` that is given leaves only the trials nearest to it."""
    candidates = _limit_to(scores, checkpoint, strength)
    if select == "balance":
        return balance(candidates)
    score = nearest_to_merged(candidates, strength or 1.0)
    return Choice(score, f"The recipe selects by {select}; {_name(score)} is nearest to what is merged.")


def balance(scores: Sequence[TrialScore]) -> Choice:
    """Choose the most voice of the trials that keep the instructions; if none is shown to, one that loses least."""
    asked = [score for score in scores if score.asked]
    keeping = [score for score in asked if score.kept]
    if asked and not keeping:
        best = losing_least(asked)
        limit = f"a loss of {margin(best.asked):.0f} points of the instructions"
        reason = f"No trial rules out {limit}; of those that lose least {_name(best)} is nearest to the base."
        return Choice(best, f"{reason} {describe(best)}.")
    best = strongest(keeping or scores)
    return Choice(best, " ".join([f"{_name(best)} has the most voice. {describe(best)}.", *_doubts(best)]))


def losing_least(scores: Sequence[TrialScore]) -> TrialScore:
    """Return the trial with the highest bound; of those within one instruction of it, the lowest strength.

    A single instruction is chance, and a lower strength surely is nearer to the base (docs/experiments.md, 2026-11-28).
    """
    best = max(map(_bound, scores))
    level = [score for score in scores if _bound(score) >= best - 100 / score.asked]
    return min(level, key=lambda score: (score.strength, -_bound(score), -_voice(score)))


def strongest(scores: Sequence[TrialScore]) -> TrialScore:
    """Return the highest T; among those within a standard error of it, the strength nearest to 1.

    Without any T the selectivity decides.
    """
    best = max(scores, key=_voice)
    error = (best.high - best.low) / INTERVAL_ERRORS if best.high is not None and best.low is not None else 0.0
    equal = [score for score in scores if _voice(score) >= _voice(best) - error]
    return min(equal, key=lambda score: (round(abs(score.strength - 1), 6), -_voice(score)))


def nearest_to_merged(scores: Sequence[TrialScore], strength: float) -> TrialScore:
    """Return the trial nearest to a strength; of several checkpoints the one that was tried most, which is the best."""
    tried = Counter(score.step for score in scores)
    return min(scores, key=lambda score: (round(abs(score.strength - strength), 6), -tried[score.step], -score.step))


def describe(score: TrialScore) -> str:
    """Describe a trial's numbers in one line."""
    parts = [f"Written at temperature {score.temperature:.2f}"]
    if score.transfer is not None and score.low is not None and score.high is not None:
        parts.append(f"T {score.transfer:.0f} ({score.low:.0f} to {score.high:.0f}) on chapters kept for choosing")
    elif score.selectivity is not None:
        parts.append(f"selectivity {score.selectivity:.3f}")
    if score.asked and score.low_points is not None:
        parts.append(
            f"{score.followed} of {score.asked} instructions (base {score.base_followed}; change surely above "
            f"{score.low_points:+.1f} points{'' if score.kept else ', not shown to be kept'})"
        )
    if score.long_enough is not None and score.base_long_enough is not None:
        parts.append(f"{score.long_enough:.0%} long enough (base {score.base_long_enough:.0%})")
    return ", ".join(parts).replace("-", "−")


def _limit_to(scores: Sequence[TrialScore], checkpoint: int | None, strength: float | None) -> list[TrialScore]:
    """Return the trials of a checkpoint, if it was tried, at the strength that is nearest to the one given."""
    candidates = [score for score in scores if score.step == checkpoint] or list(scores)
    if strength is None:
        return candidates
    distance = min(abs(score.strength - strength) for score in candidates)
    return [score for score in candidates if abs(score.strength - strength) == distance]


def _voice(score: TrialScore) -> float:
    """Return what trials are ordered by: T, or without it the selectivity."""
    measured = score.selectivity if score.transfer is None else score.transfer
    return float("-inf") if measured is None else measured


def _bound(score: TrialScore) -> float:
    """Return the bound of the change in instructions followed, in points; 0 if it is unknown."""
    return 0.0 if score.low_points is None else score.low_points


def _doubts(score: TrialScore) -> list[str]:
    """Say what the instructions do not show."""
    if not score.asked:
        return [NOT_ASKED]
    if 100 * score.base_followed / score.asked >= MIN_VISIBLE_MARGINS * margin(score.asked):
        return []
    return [f"The base follows only {score.base_followed} of {score.asked}: a loss can hardly be seen."]


def _name(score: TrialScore) -> str:
    return f"Checkpoint {score.step} at strength {score.strength:g}"
