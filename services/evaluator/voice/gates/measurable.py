"""The gate for a measurement at all: author and base must be separable, on enough prompts."""

from __future__ import annotations

from scriptorium.contracts.report.voice import Gate
from services.evaluator.voice.gates.gate import grade
from services.evaluator.voice.scorer import SCORES
from services.evaluator.voice.separation import separate_base
from services.evaluator.voice.transfer import Scores

MIN_AUC = 0.85  # of author against base
MIN_PROMPTS, WANTED_PROMPTS = 12, 48  # below the first there is no interval; the second narrows it to about 9 points
ASK_MORE = "Ask for more passages (SCRIPTORIUM_EVALUATION_PROMPTS), and hold enough chapters out (data.split.test)."
NEXT_STEP = (
    "Give more of the author's text, so that more chapters can be held out and the author's habits are better known."
)


def check_measurable(scores: Scores) -> Gate:
    """Fail if base and author are too close, a score has no direction, or prompts are too few."""
    prompts, auc = len(scores.genuine), separate_base(scores)
    gaps = scores.genuine.mean(axis=0) - scores.base.mean(axis=0)
    backward = [name for name, gap in zip(SCORES, gaps, strict=True) if gap <= 0]
    too_few = prompts < MIN_PROMPTS
    outcome = grade(auc < MIN_AUC or too_few or bool(backward), prompts < WANTED_PROMPTS)
    return Gate(
        code="measurable",
        outcome=outcome,
        finding=(f"{prompts} prompts are too few to judge a voice by (needed: {MIN_PROMPTS}). " if too_few else "")
        + f"On {prompts} prompts, a judge tells the author from the base in {auc:.0%} of pairs (AUC; needed: "
        + f"{MIN_AUC:.0%})"
        + (f"; without direction: {', '.join(backward)}." if backward else "."),
        next_step="" if outcome == "pass" else ASK_MORE if too_few else NEXT_STEP,
        numbers={"prompts": prompts, "auc": auc, "auc_limit": MIN_AUC, "prompts_wanted": WANTED_PROMPTS},
    )
