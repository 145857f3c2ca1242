"""The gate against incoherence: the base model's negative log-likelihood of each passage against that of genuine text.

The best single gate: babble made of the author's own word pairs passes every count of features, and a text that was
sampled too cold is too easy to predict.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scriptorium.contracts.report.voice import Gate
from services.evaluator.voice.gates.gate import grade
from services.evaluator.voice.inputs import Losses

MIN_PASSAGES = 8  # genuine ones: with fewer their range is not known
RANGE_DEVIATIONS = 2.58  # 99 % of a normal distribution, because few passages make poor percentiles
MAX_OUTSIDE, WARN_OUTSIDE = 0.20, 0.10  # share of passages outside the range: fail above, warn above
NEXT_STEP = (
    "Too easy to predict: sample at a higher temperature. Too hard: train for fewer steps, or take a larger base model."
)


def check_coherence(losses: Losses | None) -> Gate:
    """Fail if too many passages lie outside the range of genuine text, or the median passage does."""
    if losses is None or len(losses.genuine) < MIN_PASSAGES or not losses.tuned:
        return Gate(
            code="coherence",
            outcome="warn",
            measured=False,
            finding="The base model was not asked how likely the passages are.",
            next_step="Evaluate with the base model's log-probabilities of at least 8 genuine passages.",
        )
    return _compare(losses)


def _compare(losses: Losses) -> Gate:
    low, high = find_range(losses.genuine)
    tuned = np.array(losses.tuned)
    outside = (tuned < low) | (tuned > high)
    middle = float(np.median(tuned))
    share = float(outside.mean())
    outcome = grade(share > MAX_OUTSIDE or not low <= middle <= high, share > WARN_OUTSIDE)
    return Gate(
        code="coherence",
        outcome=outcome,
        finding=f"The passages surprise the base model by {tuned.mean():.2f} nats per token (its loss), genuine text "
        f"by {np.mean(losses.genuine):.2f} ({low:.2f} to {high:.2f}); {share:.0%} lie outside.",
        next_step="" if outcome == "pass" else NEXT_STEP,
        numbers={
            "tuned": float(tuned.mean()),
            **({"base": float(np.mean(losses.base))} if losses.base else {}),
            "genuine": float(np.mean(losses.genuine)),
            "low": low,
            "high": high,
            "outside": share,
        },
        samples=[int(index) for index in np.flatnonzero(outside)],
    )


def find_range(genuine: Sequence[float]) -> tuple[float, float]:
    """Return the wider of the 1st to 99th percentile and of 2.58 standard deviations to both sides of the mean."""
    losses = np.asarray(genuine, float)
    low, high = np.percentile(losses, (1, 99))
    margin = RANGE_DEVIATIONS * losses.std(ddof=1)
    return float(min(low, losses.mean() - margin)), float(max(high, losses.mean() + margin))
