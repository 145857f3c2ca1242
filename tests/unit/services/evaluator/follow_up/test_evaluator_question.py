"""The question: its first option ends the job, and at most one other trial is recommended."""

from typing import Any

from scriptorium.contracts import MAX_ROUNDS, MeasuredModel, TrialScore
from services.evaluator.follow_up.question import NO_ROUNDS, NO_SPACE, Findings, make_question
from services.evaluator.follow_up.surprise import Surprise

KEPT = {"temperature": 0.9, "asked": 96, "base_followed": 40, "kept": True}
MERGED = TrialScore(step=8, strength=1, followed=30, low_points=-18, **KEPT)
BETTER = TrialScore(step=8, strength=0.5, followed=41, low_points=-4, **KEPT)
FIRST = MeasuredModel(step=8, strength=1, verdict="rejected", transfer=66, lower_bound=60, gates=["retention"])


def findings(**changes: Any) -> Findings:
    fields: dict[str, Any] = {
        "surprise": Surprise(("retention",), False, "The gate retention failed."), "measured": {1: FIRST}, "number": 1,
        "trials": [MERGED, BETTER], "merged": MERGED, "named": False, "has_space": True, "change": "train again",
    }  # fmt: skip
    return Findings(**{**fields, **changes})


def options(**changes: Any) -> tuple[list[str], str]:
    decision = make_question(findings(**changes))
    return [option.name for option in decision.options], decision.recommended


def test_the_clearly_better_trial_is_recommended_once() -> None:
    assert options() == (["end", "trial-8-at-0.5", "train_again"], "trial-8-at-0.5")
    second = FIRST.model_copy(update={"strength": 0.75, "lower_bound": 50})
    assert options(number=2, measured={1: FIRST, 2: second}) == (
        ["end", "trial-8-at-0.5", "keep-round-2", "train_again"], "end",
    )  # fmt: skip


def test_what_the_user_named_is_not_overruled() -> None:
    assert options(named=True) == (["end", "trial-8-at-0.5", "train_again"], "end")


def test_what_was_measured_does_not_fit_or_is_too_much_is_not_offered() -> None:
    measured = {1: FIRST, 2: FIRST.model_copy(update={"strength": 0.5})}
    assert "trial-8-at-0.5" not in options(number=2, measured=measured)[0]
    assert options(has_space=False) == (["end", "train_again"], "end")
    assert NO_SPACE in make_question(findings(has_space=False)).reason
    assert options(number=MAX_ROUNDS) == (["end", "train_again"], "end")
    assert NO_ROUNDS in make_question(findings(number=MAX_ROUNDS)).reason
    assert options(merged=None, change="") == (["end"], "end")


def test_the_end_names_the_model_that_stays() -> None:
    (end, *_) = make_question(findings()).options
    assert end.meaning == "end with checkpoint 8 at strength 1 (rejected, T 66)"
