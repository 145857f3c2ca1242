"""Follow an evaluation up: ask about a verdict that surprises, and choose the round that the job goes on or ends with.

It reads what was published and asks the same question each time, so it may be called again after a crash.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from scriptorium.artifacts.file_store import FileStore
from scriptorium.contracts import (
    CalibrateResult,
    EvaluateResult,
    Job,
    Level,
    MeasuredModel,
    MergeResult,
    NextRound,
    Phase,
    TrialChoice,
    TrialScore,
    best_round,
)
from scriptorium.errors import FileMissing, InvalidRecipe
from scriptorium.jobs.reporter import Reporter
from scriptorium.jobs.requests import RequestContext, calibration, named_strength
from scriptorium.jobs.runner import FollowedUp
from scriptorium.recipe import Recipe, find_recipe
from services.evaluator.follow_up.next_training import name_changes, trained_recipe, write_command
from services.evaluator.follow_up.question import (
    END_ANSWER,
    KEEP_PREFIX,
    TRAIN_ANSWER,
    Findings,
    make_question,
    name_trial,
)
from services.evaluator.follow_up.surprise import Surprise, find_surprise

SPARE_SPACE = 1.2  # of a merged model's size: the scaled adapter, the report, and some for the rest of the stack


@dataclass(frozen=True)
class RoundOutcome:
    """The model of the job's present round: what was merged, and what came out."""

    job: Job
    merged: MergeResult
    result: EvaluateResult
    calibrated: CalibrateResult

    @property
    def trial(self) -> TrialScore | None:
        """The trial that was merged; None if this checkpoint was not tried at this strength."""
        merged = self.merged.step, self.merged.strength
        return next((score for score in self.calibrated.scores if (score.step, score.strength) == merged), None)


def follow_up_verdict(job: Job, result: EvaluateResult, context: RequestContext, reporter: Reporter) -> FollowedUp:
    """Return the round that the job goes on with, and its measured models; raises what `reporter.ask` raises."""
    merged = MergeResult.model_validate(context.result(job, Phase.MERGE))
    outcome = RoundOutcome(job, merged, result, calibration(job, context) or CalibrateResult())
    measured = {**job.measured, job.round: summarise_model(outcome)}
    if job.settled:
        return FollowedUp(updates={"measured": measured})
    surprise = find_surprise(result.voice, outcome.trial)
    answer = _ask(outcome, surprise, measured, context, reporter) if surprise else END_ANSWER
    if surprise:
        measured[job.round] = measured[job.round].model_copy(update={"answer": answer})
    return FollowedUp(choose_round(answer, outcome, measured), {"measured": measured})


def summarise_model(outcome: RoundOutcome) -> MeasuredModel:
    """Return the few numbers of the present round's model that the record keeps."""
    job, merged, voice = outcome.job, outcome.merged, outcome.result.voice
    known = job.measured.get(job.round)
    return MeasuredModel(
        step=merged.step,
        strength=merged.strength,
        temperature=merged.temperature,
        verdict=voice.verdict if voice else None,
        transfer=voice.folded if voice else None,
        lower_bound=voice.lower_bound if voice else None,
        gates=voice.gates if voice else [],
        trial=job.trial,
        answer=known.answer if known else None,
    )


def choose_round(answer: str, outcome: RoundOutcome, measured: dict[int, MeasuredModel]) -> NextRound | None:
    """Return the round that an answer leads to; None ends the job with the present one."""
    for trial in outcome.calibrated.scores:
        if answer == name_trial(trial):
            choice = TrialChoice(step=trial.step, strength=trial.strength, temperature=trial.temperature)
            return NextRound(number=max(measured) + 1, trial=choice)
    number = int(answer.removeprefix(KEEP_PREFIX)) if answer.startswith(KEEP_PREFIX) else best_round(measured)
    return None if number == outcome.job.round else NextRound(number=number, trial=measured[number].trial, settled=True)


def _ask(
    outcome: RoundOutcome,
    surprise: Surprise,
    measured: dict[int, MeasuredModel],
    context: RequestContext,
    reporter: Reporter,
) -> str:
    """Ask what follows the surprise; if the job ends, log the command that trains again with a change."""
    job = outcome.job
    command = suggest_training(job, surprise, context)
    findings = Findings(
        surprise=surprise,
        measured=measured,
        number=job.round,
        trials=outcome.calibrated.scores,
        merged=outcome.trial,
        named=job.checkpoint is not None or named_strength(job) is not None,
        has_space=has_space(context.volume.root, outcome.merged.bytes),
        change=f"train again with: {command}" if command else "",
    )
    answer = reporter.ask(make_question(findings))
    if command and answer in (END_ANSWER, TRAIN_ANSWER):
        reporter.message(f"[VALIDATE] To train again with a change: {command}", level=Level.WARN, command=command)
    return answer


def suggest_training(job: Job, surprise: Surprise, context: RequestContext) -> str:
    """Return the command of a job with a change that may help; empty if no change is known."""
    changes = name_changes(surprise, trained_recipe(job))
    if not changes:
        return ""
    return write_command(
        job,
        changes,
        book=_filename(job.training_file, context) or "BOOK",
        impostors=_filename(job.impostors, context) if job.impostors else None,
        validation=_filename(job.validation_file, context) if job.validation_file else None,
        original=_original_recipe(job, context.settings.recipes_dir),
    )


def has_space(root: Path, merged_bytes: int) -> bool:
    """Return whether one more merged model fits on the volume; that of the present round stays beside it."""
    return shutil.disk_usage(root).free > SPARE_SPACE * merged_bytes


def _filename(file_id: str, context: RequestContext) -> str | None:
    try:
        return FileStore(context.volume.files).get(file_id).filename
    except FileMissing:
        return None


def _original_recipe(job: Job, folder: Path) -> Recipe | None:
    """Return the recipe that the job's was made from; None if it was not one of the server's."""
    try:
        return find_recipe(job.recipe.name, folder)
    except InvalidRecipe:
        return None
