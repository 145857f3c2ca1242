"""Would the base model believe it? Its negative log-likelihood of each passage against that of genuine held-out text.

The best single gate: babble made of the author's own word pairs passes every count of features, and a text that was
drawn too cold is too easy to foresee.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.evaluator.voice.gates.gate import Gate, grade
from services.evaluator.voice.inputs import Losses

FEW = 8  # genuine passages: with fewer their range is not known
SPREAD = 2.58  # standard deviations: 99 % of a normal distribution, where few passages make poor percentiles
OUTSIDE, SOME = 0.20, 0.10  # share of passages outside the range: fail, warn
NEXT = "Too easy to foresee: sample at temperature 1. Too hard: train for fewer steps, or take a larger base model."


def check_coherence(losses: Losses | None) -> Gate:
    """Fail where too many passages lie outside the range of genuine text, or the middle one does."""
    if losses is None or len(losses.genuine) < FEW or not losses.tuned:
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
    outcome = grade(share > OUTSIDE or not low <= middle <= high, share > SOME)
    return Gate(
        code="coherence",
        outcome=outcome,
        finding=f"The base model's loss on the passages is {tuned.mean():.2f} nats per token, on genuine text "
        f"{np.mean(losses.genuine):.2f} ({low:.2f} to {high:.2f}); {share:.0%} lie outside.",
        next_step="" if outcome == "pass" else NEXT,
        numbers={
            "tuned": float(tuned.mean()),
            **({"base": float(np.mean(losses.base))} if losses.base else {}),
            "genuine": float(np.mean(losses.genuine)),
            "low": low,
            "high": high,
            "outside": share,
        },
        samples=[int(place) for place in np.flatnonzero(outside)],
    )


def find_range(genuine: Sequence[float]) -> tuple[float, float]:
    """The wider of the 1st to 99th percentile and of 2.58 standard deviations to both sides."""
    found = np.asarray(genuine, float)
    low, high = np.percentile(found, (1, 99))
    around = SPREAD * found.std(ddof=1)
    return float(min(low, found.mean() - around)), float(max(high, found.mean() + around))
