"""The question that a surprising verdict asks, its options, and the one that is recommended.

`end` is the first option and the recommended one, unless another trial is clearly better in what surprised. Such a
trial is recommended once: nobody may be there to stop a job that goes on measuring.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scriptorium.contracts import (
    MAX_ROUNDS,
    Decision,
    DecisionKind,
    MeasuredModel,
    Option,
    TrialScore,
    best_round,
)
from services.evaluator.calibration.choose import describe
from services.evaluator.follow_up.other_trials import find_clearly_better, list_helpful
from services.evaluator.follow_up.surprise import Surprise

END_ANSWER, TRAIN_ANSWER = "end", "train_again"
KEEP_PREFIX = "keep-round-"
NO_SPACE = "There is no space for another merged model."
NO_ROUNDS = f"{MAX_ROUNDS} models have been measured, which is the most for a job."


@dataclass(frozen=True)
class Findings:
    """What a question is made from: what surprised, the rounds measured so far, the present one, and all trials.

    `named` means that the user has named checkpoint or strength: then no other is recommended. `has_space` says that
    one more merged model fits on the volume. `change` is what another training should change, in words; empty: nothing.
    """

    surprise: Surprise
    measured: Mapping[int, MeasuredModel]
    number: int
    trials: Sequence[TrialScore]
    merged: TrialScore | None
    named: bool
    has_space: bool
    change: str


def make_question(findings: Findings) -> Decision:
    """Ask what becomes of a model whose verdict surprises."""
    helpful = list_unmeasured(findings)
    best = best_round(findings.measured)
    recommended = recommend(findings, helpful)
    return Decision(
        kind=DecisionKind.VERDICT,
        question="The verdict surprises. Measure another trial, train again, or end?",
        reason=" ".join([findings.surprise.reason, *_explain(findings, helpful, recommended)]),
        options=[
            Option(name=END_ANSWER, meaning=f"end with {describe_model(findings.measured[best])}"),
            *(Option(name=name_trial(trial), meaning=f"merge and measure it: {describe(trial)}") for trial in helpful),
            *(
                Option(name=f"{KEEP_PREFIX}{number}", meaning=f"end with {describe_model(model)}")
                for number, model in sorted(findings.measured.items())
                if number != best
            ),
            *([Option(name=TRAIN_ANSWER, meaning=f"end, and {findings.change}")] if findings.change else []),
        ],
        recommended=name_trial(recommended) if recommended else END_ANSWER,
    )


def list_unmeasured(findings: Findings) -> list[TrialScore]:
    """Return the trials that may help and were not measured yet, if one more may be."""
    if findings.merged is None or not findings.has_space or findings.number >= MAX_ROUNDS:
        return []
    measured = {(model.step, model.strength) for model in findings.measured.values()}
    others = [trial for trial in findings.trials if (trial.step, trial.strength) not in measured]
    return list_helpful(others, findings.merged, findings.surprise)


def recommend(findings: Findings, helpful: Sequence[TrialScore]) -> TrialScore | None:
    """Return the trial to measure without asking: in the first round only, and not if the user has named one."""
    if findings.number > 1 or findings.named or findings.merged is None:
        return None
    return find_clearly_better(helpful, findings.merged, findings.surprise)


def name_trial(trial: TrialScore) -> str:
    """Return the answer that takes a trial."""
    return f"trial-{trial.step}-at-{trial.strength:g}"


def describe_model(model: MeasuredModel) -> str:
    """Describe a measured model by checkpoint, strength, verdict and T."""
    transfer = "" if model.transfer is None else f", T {model.transfer:.0f}"
    verdict = (model.verdict or "not_measurable").replace("_", " ")
    return f"{model.name} ({verdict}{transfer})"


def _explain(findings: Findings, helpful: Sequence[TrialScore], recommended: TrialScore | None) -> list[str]:
    """Say why a trial is recommended, or why none is."""
    if recommended:
        return ["On the chapters kept for choosing another trial is clearly better in that."]
    if findings.number >= MAX_ROUNDS:
        return [NO_ROUNDS]
    if not findings.has_space:
        return [NO_SPACE]
    return ["No other trial is known to be clearly better in that." if helpful else "No other trial promises to help."]
