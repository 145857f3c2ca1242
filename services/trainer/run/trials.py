"""Try checkpoints at several strengths after training, in a child process in Axolotl's environment.

The trials lie beside the checkpoints (see `scriptorium.artifacts.trials`); calibrating judges them. All prompts and
passages are dev ones. A training without trials is still complete: its adapter is then merged as it is.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from scriptorium.artifacts.checkpoint_losses import FOLDER as MEASURED
from scriptorium.artifacts.checkpoint_losses import checkpoint_losses_path
from scriptorium.artifacts.checkpoints import best_checkpoint, checkpoint_folder
from scriptorium.artifacts.dataset import REFERENCE, Row, read_rows
from scriptorium.artifacts.trials import FOLDER, Trial, trial_path
from scriptorium.artifacts.writing_progress import ProgressWatch
from scriptorium.contracts import Checkpoint, Level, TrainRequest
from scriptorium.instructions.catalogue import write_dev_instructions
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.token_budget import choose_budget
from scriptorium.models.tokenizer import ChatTokenizer, chat_tokenizer
from scriptorium.process.child import Child
from scriptorium.sampling import spread
from scriptorium.settings import get_settings
from services.trainer.run.launch import start_program
from services.trainer.run.measure_checkpoints import MIN_OTHERS, REFERENCES, locate_passages, watch_child
from services.trainer.run.rows import read_training_rows

LOG = "trials.log"
PROGRESS = "trials_progress.json"
PROGRAM = "services.trainer.inside_axolotl.writing.run_trials"
PROBE_TOKENS = 160  # of a passage that a temperature is found with: enough to tell prose from babble
ANSWER_TOKENS = 96  # of an answer to an instruction

PlannedTrial = tuple[int | None, float]  # step and strength; None and 0 for the base alone


def run_trials(
    request: TrainRequest, folder: Path, measured: Sequence[Row], checkpoints: Sequence[Checkpoint], reporter: Reporter
) -> float:
    """Write the trials that are missing, and return the seconds that it took. A failure is reported and leaves none.

    Briefs are those of all dev rows, evenly spread; `measured` are the dev rows whose losses are measured for each
    checkpoint. Raises what `check` raises.
    """
    started = time.monotonic()
    trials = plan_trials(checkpoints, request.calibration.strengths)
    missing = [trial for trial in trials if not all(path.exists() for path in result_paths(folder, trial))]
    dev = read_training_rows(request, "dev")
    if not trials or not dev or not missing:
        return 0.0
    (folder / FOLDER).mkdir(exist_ok=True)
    (folder / MEASURED).mkdir(exist_ok=True)
    order = folder / "trials_order.json"  # not in their folder, where every file is a trial
    progress = ProgressWatch(folder / PROGRESS)
    progress.clear()
    body = {**make_order(request, folder, dev, measured, missing), "progress": str(folder / PROGRESS)}
    order.write_text(json.dumps(body), encoding="utf-8")
    reporter.message(
        f"[TRAIN] {len(missing)} trial(s): {min(len(dev), request.calibration.briefs)} passages and "
        f"{request.calibration.instructions} answers each"
    )
    child = start_program(PROGRAM, order, folder / LOG, request.training)
    watch(child, folder, trials, missing, reporter, progress=progress)
    order.unlink()
    return time.monotonic() - started


def plan_trials(checkpoints: Sequence[Checkpoint], strengths: Sequence[float]) -> list[PlannedTrial]:
    """Return the base, the best checkpoint at every strength, and the others at 1; nothing without a strength."""
    if not strengths or not checkpoints:
        return []
    best = best_checkpoint(checkpoints).step
    others = [checkpoint.step for checkpoint in checkpoints if checkpoint.step != best]
    return [(None, 0.0), *((best, strength) for strength in sorted(set(strengths))), *((step, 1.0) for step in others)]


def result_paths(folder: Path, trial: PlannedTrial) -> list[Path]:
    """Return the files of a trial: what was written, and a checkpoint's losses at that strength."""
    step, strength = trial
    losses = [] if step is None else [checkpoint_losses_path(folder, step, strength)]
    return [trial_path(folder, step, strength), *losses]


def make_order(
    request: TrainRequest,
    folder: Path,
    dev: Sequence[Row],
    measured: Sequence[Row],
    trials: Sequence[PlannedTrial],
) -> dict[str, object]:
    """Make the child's order: the trials, and everything that is written and read in each of them."""
    tokenizer, calibration, settings = chat_tokenizer(request.base), request.calibration, get_settings()
    rows = spread(dev, calibration.briefs)
    briefs = [tokenizer.encode(tokenizer.render(row.messages[:-1], add_generation_prompt=True)) for row in rows]
    requests = [instruction.request for instruction in write_dev_instructions(calibration.instructions)]
    passages = locate_passages(request, measured)
    others = spread(read_rows(request.dataset / f"{REFERENCE}.jsonl"), max(MIN_OTHERS, len(passages)))
    return {
        "base": str(request.base),
        "seed": request.seed,
        "end": tokenizer.encode(tokenizer.end_of_turn)[0],
        "trials": [describe_trial(folder, trial) for trial in trials],
        "briefs": briefs,
        "max_tokens": choose_budget(rows, tokenizer, settings.evaluation_max_tokens, settings.engine_context),
        "instructions": [encode_request(tokenizer, text) for text in requests],
        "answer_tokens": ANSWER_TOKENS,
        "genuine": [tokenizer.encode_text(row.passage)[:PROBE_TOKENS] for row in rows],
        "probe_tokens": PROBE_TOKENS,
        "passages": passages,
        "others": locate_passages(request, others),
        "references": REFERENCES,
        "quantised": str(folder / "quantised.safetensors"),
    }


def describe_trial(folder: Path, trial: PlannedTrial) -> dict[str, object]:
    """Return a trial as the child reads it."""
    step, strength = trial
    path, *losses = result_paths(folder, trial)
    body: dict[str, object] = {"path": str(path), "step": step, "strength": strength}
    if step is None:
        return body
    return body | {"adapter": str(checkpoint_folder(folder, step)), "losses": str(losses[0])}


def encode_request(tokenizer: ChatTokenizer, text: str) -> list[int]:
    """Encode a request of a user, up to the beginning of the answer."""
    return tokenizer.encode(tokenizer.render([{"role": "user", "content": text}], add_generation_prompt=True))


def watch(
    child: Child,
    folder: Path,
    trials: Sequence[PlannedTrial],
    missing: Sequence[PlannedTrial],
    reporter: Reporter,
    *,
    progress: ProgressWatch,
) -> None:
    """Report each trial as it comes. If the child fails, no trial is left: some without the others would mislead."""
    pending = list(missing)

    def report_new() -> None:
        for trial in [trial for trial in pending if trial_path(folder, *trial).exists()]:
            pending.remove(trial)
            report_trial(folder, trial, trials.index(trial) + 1, len(trials), reporter)
        if pending and (batch := progress.news()):
            number = trials.index(pending[0]) + 1
            reporter.message(f"[TRAIN] Trial {number}/{len(trials)}: {batch}", **asdict(batch))

    try:
        reason = watch_child(child, report_new, reporter)
    finally:
        progress.clear()
    if reason:
        shutil.rmtree(folder / FOLDER, ignore_errors=True)
        reporter.message(f"[TRAIN] The trials failed, so the adapter is merged at strength 1: {reason}", Level.WARN)


def report_trial(folder: Path, trial: PlannedTrial, number: int, total: int, reporter: Reporter) -> None:
    """Report the temperature that a trial found."""
    step, strength = trial
    written = Trial.model_validate_json(trial_path(folder, step, strength).read_text("utf-8"))
    writer = "the base" if step is None else f"checkpoint-{step} at strength {strength:g}"
    reporter.message(
        f"[TRAIN] Trial {number}/{total}: {writer} writes at temperature {written.temperature:.2f}",
        step=step,
        strength=strength,
        temperature=written.temperature,
    )
