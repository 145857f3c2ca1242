"""Train an adapter: configure Axolotl, run it as a child process, report its progress, and stop it on request."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import yaml

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoints import best_checkpoint, complete_checkpoints, finite_or_none
from scriptorium.artifacts.dataset import Row, read_rows, write_rows
from scriptorium.artifacts.training_log import (
    TRAINING_CSV,
    TRAINING_LOG,
    TrainingLogTail,
    read_training_log,
    write_training_csv,
)
from scriptorium.contracts import Checkpoint, Level, TrainRequest, TrainResult
from scriptorium.errors import (
    EnvironmentMissing,
    Interrupted,
    InvalidRecipe,
    OutOfMemory,
    Problem,
    TooFewExamples,
    TrainingFailed,
)
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import chat_tokenizer
from scriptorium.process.child import Child, tail
from scriptorium.recipe import ResolvedTraining
from scriptorium.sampling import spread
from scriptorium.settings import get_settings
from services.trainer.plan_run import plan_run, record_run
from services.trainer.run.axolotl import make_command, make_config, make_environment
from services.trainer.run.measure_checkpoints import measure_checkpoints
from services.trainer.run.progress import TrainingProgress

LOG = "axolotl.log"
POLL_INTERVAL = timedelta(seconds=0.5)
NO_ROWS_NEXT_STEP = "Name a folder that `scriptorium prepare` has written, with a train.jsonl."
MEMORY_WORDS = ("out of memory", "OutOfMemoryError", "Cannot allocate memory", "DefaultCPUAllocator: can't allocate")


def train_adapter(request: TrainRequest, folder: Path, reporter: Reporter) -> TrainResult:
    """Run one training to its end, from the last complete checkpoint in `folder` if there is one.

    Raises TooFewExamples (no rows), InvalidRecipe (rows longer than sequence_len), OutOfMemory, TrainingFailed, or what
    `reporter.check` raises.
    """
    environment = get_settings().axolotl_env
    if not (environment / "bin" / "axolotl").exists():
        raise EnvironmentMissing(f"Axolotl is not installed in {environment}.")
    train, dev = read_rows(request.dataset / "train.jsonl"), read_rows(request.dataset / "dev.jsonl")
    if not train:
        raise TooFewExamples(f"{request.dataset.name} holds no rows to train on.", next_step=NO_ROWS_NEXT_STEP)
    check_lengths(request, train)
    dev = spread(dev, request.training.dev_rows)
    write_rows(folder / "dev.jsonl", dev)
    config = folder / "config.yaml"
    run_plan = plan_run(request, folder, train, dev, reporter)
    training = run_plan.training
    options = make_config(request, training, folder, train, dev, gpu=get_settings().gpu)
    config.write_text(yaml.safe_dump(options, sort_keys=False), encoding="utf-8")
    started, started_at = time.monotonic(), time.time()
    hashes = hash_base(request.base, reporter)
    reporter.message(f"[TRAIN] Starting Axolotl: {len(train)} rows, {describe_settings(training)}")
    child = Child(make_command(environment, config), folder / LOG, make_environment(environment), folder)
    progress = run(child, folder, reporter)
    result = collect_result(folder, progress, training, reporter, time.monotonic() - started)
    measure_checkpoints(request, folder, dev, [checkpoint.step for checkpoint in result.checkpoints], reporter)
    checkpoints = complete_checkpoints(folder)
    for checkpoint in checkpoints:
        reporter.checkpoint(checkpoint)
    result = result.model_copy(
        update={"checkpoints": checkpoints, "base_hashes": hashes, "seconds": round(time.monotonic() - started, 1)}
    )
    return record_run(run_plan, folder, result, started_at)


def hash_base(base: Path, reporter: Reporter) -> dict[str, str]:
    """Return the SHA-256 of the base's weights by file name; this leaves them in the page cache for Axolotl."""
    hashes = {}
    for path in sorted(base.glob("*.safetensors")):
        reporter.check()
        hashes[path.name] = manifest.hash_file(path)
    return hashes


def run(child: Child, folder: Path, reporter: Reporter) -> TrainingProgress:
    """Report the child's progress until it ends; leaves none of its processes behind."""
    progress, lines = (
        TrainingProgress(reporter, read_training_log(folder / TRAINING_LOG)),
        TrainingLogTail(folder / TRAINING_LOG),
    )
    try:
        while child.wait(POLL_INTERVAL) is None:
            progress.report_new(lines)
            reporter.check()
    except Interrupted:
        save_and_stop(child, folder)
        progress.report_new(lines)  # the checkpoint that was just saved
        raise
    finally:
        child.stop(grace=timedelta(seconds=1))
    progress.report_new(lines)
    return progress


def save_and_stop(child: Child, folder: Path) -> None:
    """Have the plugin save a checkpoint for the next attempt; waits at most the settings' `stop_grace`."""
    (folder / "control").write_text("pause", encoding="utf-8")
    before = len(complete_checkpoints(folder))
    deadline = time.monotonic() + get_settings().stop_grace.total_seconds()
    while child.returncode is None and len(complete_checkpoints(folder)) == before and time.monotonic() < deadline:
        time.sleep(0.2)


def collect_result(
    folder: Path, progress: TrainingProgress, training: ResolvedTraining, reporter: Reporter, seconds: float
) -> TrainResult:
    """Check that training reached its end with a complete checkpoint, and return what it produced."""
    lines = read_training_log(folder / TRAINING_LOG)
    checkpoints = complete_checkpoints(folder)
    if not checkpoints or not lines or checkpoints[-1].step < lines[-1]["max_steps"]:
        raise explain_failure(folder, training, progress)
    write_training_csv(lines, folder / TRAINING_CSV)
    shutil.rmtree(folder / "prepared", ignore_errors=True)  # Axolotl's cache of the tokenised rows
    best = best_checkpoint(checkpoints)
    losses = [line["loss"] for line in lines if "loss" in line]
    check_diverged(losses, best, training, reporter)
    tokens = max((int(line.get("tokens/trainable", 0)) for line in lines), default=0)
    reporter.message(f"[TRAIN] Training complete, best checkpoint: checkpoint-{best.step}", **best.model_dump())
    return TrainResult(
        checkpoints=checkpoints,
        first_loss=finite_or_none(losses[0]) if losses else None,
        last_loss=finite_or_none(losses[-1]) if losses else None,
        steps=checkpoints[-1].step,
        trained_tokens=tokens,
        seconds=round(seconds, 1),
    )


def check_diverged(losses: Sequence[float], best: Checkpoint, training: ResolvedTraining, reporter: Reporter) -> None:
    """Raise TrainingFailed if the loss became NaN or infinite and no earlier checkpoint is known to be good."""
    if not losses or finite_or_none(losses[-1]) is not None:
        return
    step = next(step for step, loss in enumerate(losses, start=1) if finite_or_none(loss) is None)
    settings = f"{describe_settings(training)}, learning rate {training.learning_rate:g}"
    message = f"Loss became NaN or infinite at step {step} ({settings})"
    if best.dev_loss is None:
        raise TrainingFailed(f"{message}.", next_step="Halve learning_rate in the recipe, then create the job again.")
    reporter.message(f"[TRAIN] {message}; checkpoint-{best.step} is from before.", Level.WARN)


def explain_failure(
    folder: Path, training: ResolvedTraining, progress: TrainingProgress
) -> TrainingFailed | OutOfMemory:
    """Return the error of a training that ended early: the step, the settings, and the log's last error."""
    log = tail(folder / LOG, 40)
    context = f"at step {progress.step} ({describe_settings(training)})"
    if any(word in line for line in log for word in MEMORY_WORDS):
        return OutOfMemory(f"Training ran out of memory {context}.")
    reason = next(
        (line for line in reversed(log) if "Error" in line or "error" in line), log[-1] if log else "no output"
    )
    return TrainingFailed(f"Training ended {context}: {reason[:300]}")


def describe_settings(training: ResolvedTraining) -> str:
    """Describe the settings that matter when something goes wrong."""
    return (
        f"{training.adapter}, rank {training.lora_r}, micro-batch {training.micro_batch_size}, "
        f"accumulation {training.gradient_accumulation_steps}, sequence_len {training.sequence_len}"
    )


def check_lengths(request: TrainRequest, rows: list[Row]) -> None:
    """Raise InvalidRecipe for rows whose end would be cut off: the model would never learn to stop."""
    tokenizer = chat_tokenizer(request.base)
    lengths = tokenizer.count([tokenizer.render(row.messages) for row in rows])
    limit = request.training.sequence_len
    problems = [
        Problem(f"train.jsonl, row {number}", f"{length:,} tokens, more than sequence_len {limit:,}")
        for number, length in enumerate(lengths, start=1)
        if length > limit
    ]
    if problems:
        raise InvalidRecipe(
            f"{len(problems)} of {len(rows)} rows do not fit into sequence_len.",
            problems=problems[:20],
            next_step="Raise training.sequence_len or lower data.chunking.maximum in the recipe.",
        )
