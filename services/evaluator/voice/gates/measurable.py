"""Is there anything to measure? Author and base must be told apart, on enough prompts."""

from __future__ import annotations

from services.evaluator.voice.gates.gate import Gate, grade
from services.evaluator.voice.scorer import SCORES
from services.evaluator.voice.separation import separate_base
from services.evaluator.voice.transfer import Scores

APART = 0.85  # AUC of author against base
FEWEST, MANY = 12, 48  # prompts: below the first there is no interval, the second gives an interval of about 9 points
NEXT = "Give more of the author's text, so that more chapters can be held out and the author's habits are better known."


def check_measurable(scores: Scores) -> Gate:
    """Fail where base and author are too close, a score has no direction, or prompts are too few."""
    prompts, apart = len(scores.genuine), separate_base(scores)
    way = scores.genuine.mean(axis=0) - scores.base.mean(axis=0)
    backward = [name for name, gap in zip(SCORES, way, strict=True) if gap <= 0]
    outcome = grade(apart < APART or prompts < FEWEST or bool(backward), prompts < MANY)
    return Gate(
        code="measurable",
        outcome=outcome,
        finding=f"On {prompts} prompts, author and base are told apart with an AUC of {apart:.2f} (needed: {APART})"
        + (f"; without direction: {', '.join(backward)}." if backward else "."),
        next_step="" if outcome == "pass" else NEXT,
        numbers={"prompts": prompts, "auc": apart, "auc_limit": APART, "prompts_wanted": MANY},
    )
