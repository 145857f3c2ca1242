"""Calibrate: judge the trials of a training on dev text, and choose what is merged and how it writes.

Reads the dataset and the trials; needs neither an engine nor a device. Writes calibration.json and calibration.svg.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from scriptorium.artifacts.dataset import Row, read_rows
from scriptorium.artifacts.trials import Trial, read_trials
from scriptorium.contracts import CalibrateRequest, CalibrateResult, Level, TrialScore
from scriptorium.errors import EvaluationFailed
from scriptorium.instructions.catalogue import write_dev_instructions
from scriptorium.instructions.instruction import Instruction
from scriptorium.jobs.reporter import Reporter
from scriptorium.sampling import spread
from services.evaluator.calibration.choose import choose, describe
from services.evaluator.calibration.dev_voice import DevVoice, learn_dev_voice
from services.evaluator.calibration.picture import draw_calibration, render_calibration
from services.evaluator.calibration.score_trials import Yardstick, describe_trial, list_passages, score_trial
from services.evaluator.voice.gates.measurable import check_measurable
from services.evaluator.voice.inputs import HeldOutPassage

CALIBRATION, PICTURE = "calibration.json", "calibration.svg"
NO_TRIALS = "Nothing was tried: the adapter is merged as it is and writes at temperature 1."
NO_BASE = "The base was not tried, so the trials have nothing to be compared with: selectivity decides."


def calibrate_voice(
    request: CalibrateRequest,
    folder: Path,
    reporter: Reporter,
    *,
    write_instructions: Callable[[int], list[Instruction]] = write_dev_instructions,
) -> CalibrateResult:
    """Score every trial, choose one, and write the result into `folder`; raises Stopped.

    `write_instructions` writes the instructions that the trials answered, in their order.
    """
    trials = read_trials(request.training)
    base = next((trial for trial in trials if trial.step is None), None)
    candidates = [trial for trial in trials if trial.step is not None]
    scores, doubts = _score(candidates, base, request, write_instructions, reporter)
    result = _conclude(request, candidates, base, scores, doubts)
    (folder / CALIBRATION).write_text(result.model_dump_json(indent=2) + "\n", encoding="utf-8")
    if picture := draw_calibration(result.scores):
        (folder / PICTURE).write_text(render_calibration(picture), encoding="utf-8")
    _report_choice(result, reporter)
    return result


def _score(
    candidates: Sequence[Trial],
    base: Trial | None,
    request: CalibrateRequest,
    write_instructions: Callable[[int], list[Instruction]],
    reporter: Reporter,
) -> tuple[list[TrialScore], list[str]]:
    """Score the candidates one by one; returns what could not be measured as well."""
    if not candidates or base is None:
        return [describe_trial(trial) for trial in candidates], [NO_BASE] if candidates else []
    rows = read_tried_rows(request.dataset, base)
    voice, doubts = _learn(request, rows, base, reporter)
    yardstick = Yardstick(base, rows, write_instructions(len(base.answers)), voice)
    scores = []
    for trial in candidates:
        reporter.check()
        score = score_trial(trial, yardstick)
        scores.append(score)
        _report_score(score, reporter)
    return scores, doubts


def read_tried_rows(dataset: Path, base: Trial) -> list[Row]:
    """Return the dev rows whose briefs were answered: as many as there are passages, evenly spread."""
    return spread(read_rows(dataset / "dev.jsonl"), len(base.passages))


def _learn(
    request: CalibrateRequest, rows: Sequence[Row], base: Trial, reporter: Reporter
) -> tuple[DevVoice | None, list[str]]:
    """Learn the author's voice; if it cannot be measured on these rows, returns why."""
    reporter.message("[CALIBRATE] Learning the author's voice from the training text")
    genuine = [HeldOutPassage(row.passage, row.brief, row.chapter) for row in rows]
    written = list_passages(base)
    try:
        voice = learn_dev_voice(request.dataset, genuine, written, base_calibration=written, seed=request.seed)
        measurable = check_measurable(voice.score(written))
        if measurable.outcome == "fail":
            raise EvaluationFailed(measurable.finding, next_step=measurable.next_step)
        return voice, []
    except EvaluationFailed as error:
        problems = "; ".join(f"{problem.place} {problem.message}" for problem in error.problems)
        details = f"{error.message} {problems.capitalize()}." if problems else error.message
        doubt = f"T cannot be measured on the chapters kept for choosing, so selectivity decides. {details}"
        reporter.message(f"[CALIBRATE] {doubt}", level=Level.WARN)
        return None, [doubt]


def _conclude(
    request: CalibrateRequest,
    candidates: Sequence[Trial],
    base: Trial | None,
    scores: Sequence[TrialScore],
    doubts: Sequence[str],
) -> CalibrateResult:
    """Choose, and put the result together."""
    base_temperature = base.temperature if base else 1.0
    if not scores:
        strength = 1.0 if request.strength is None else request.strength
        return CalibrateResult(
            step=request.checkpoint, strength=strength, base_temperature=base_temperature, reason=NO_TRIALS
        )
    choice = choose(scores, request.select, request.checkpoint, request.strength)
    chosen = choice.score
    trial = candidates[scores.index(chosen)]
    balanced = request.select == "balance"
    strength = chosen.strength if balanced else 1.0
    return CalibrateResult(
        step=chosen.step if balanced and request.checkpoint is None else request.checkpoint,
        strength=strength if request.strength is None else request.strength,
        temperature=chosen.temperature,
        base_temperature=base_temperature,
        scores=[score.model_copy(update={"chosen": score is chosen}) for score in scores],
        temperatures=trial.temperatures,
        genuine_loss=trial.genuine_loss,
        reason=" ".join([choice.reason, *doubts]),
    )


def _report_score(score: TrialScore, reporter: Reporter) -> None:
    name = f"Checkpoint {score.step} at strength {score.strength:g}"
    reporter.message(f"[CALIBRATE] {name}. {describe(score)}", **score.model_dump(exclude={"chosen"}))


def _report_choice(result: CalibrateResult, reporter: Reporter) -> None:
    reporter.message(
        f"[CALIBRATE] {result.reason}",
        step=result.step,
        strength=result.strength,
        temperature=result.temperature,
        base_temperature=result.base_temperature,
    )
