"""Train an adapter: write Axolotl's configuration, run it as a child, tell its progress, stop it when asked."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import yaml

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoints import best_checkpoint, finite, whole_checkpoints
from scriptorium.artifacts.dataset import Row, read_rows, write_rows
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
from scriptorium.recipe import Training
from scriptorium.sampling import spread
from scriptorium.settings import get_settings
from services.trainer.run.axolotl import command, make_config, variables
from services.trainer.run.measure_checkpoints import measure_checkpoints
from services.trainer.run.metrics_csv import CSV, METRICS, read_metrics, write_csv
from services.trainer.run.progress import Progress, Tail

LOG = "axolotl.log"
LOOK = timedelta(seconds=0.5)
NO_ROWS = "Name a folder that `scriptorium prepare` has written, with a train.jsonl."
MEMORY_WORDS = ("out of memory", "OutOfMemoryError", "Cannot allocate memory", "DefaultCPUAllocator: can't allocate")


def train_adapter(request: TrainRequest, folder: Path, reporter: Reporter) -> TrainResult:
    """Run one training to its end, from the last whole checkpoint in `folder` if there is one.

    Raises TooFewExamples (no rows), InvalidRecipe (rows longer than sequence_len), OutOfMemory, TrainingFailed, or what
    `report.check` raises.
    """
    environment = get_settings().axolotl_env
    if not (environment / "bin" / "axolotl").exists():
        raise EnvironmentMissing(f"Axolotl is not installed: {environment} lacks it.")
    train, dev = read_rows(request.dataset / "train.jsonl"), read_rows(request.dataset / "dev.jsonl")
    if not train:
        raise TooFewExamples(f"{request.dataset.name} holds no rows to train on.", next_step=NO_ROWS)
    check_lengths(request, train)
    dev = spread(dev, request.training.dev_rows)
    write_rows(folder / "dev.jsonl", dev)
    config = folder / "config.yaml"
    body = make_config(request, folder, train, dev, gpu=get_settings().gpu)
    config.write_text(yaml.safe_dump(body, sort_keys=False), encoding="utf-8")
    started = time.monotonic()
    hashes = hash_base(request.base, reporter)
    reporter.message(f"[TRAIN] Starting Axolotl: {len(train)} rows, {describe(request.training)}")
    progress = run(Child(command(environment, config), folder / LOG, variables(environment), folder), folder, reporter)
    result = conclude(folder, progress, request.training, reporter, time.monotonic() - started)
    measure_checkpoints(request, folder, dev, [checkpoint.step for checkpoint in result.checkpoints], reporter)
    checkpoints = whole_checkpoints(folder)
    for checkpoint in checkpoints:
        reporter.checkpoint(checkpoint)
    return result.model_copy(
        update={"checkpoints": checkpoints, "base_hashes": hashes, "seconds": round(time.monotonic() - started, 1)}
    )


def hash_base(base: Path, reporter: Reporter) -> dict[str, str]:
    """SHA-256 of the base's weights by file name; reading them now leaves them in the page cache for Axolotl."""
    hashes = {}
    for path in sorted(base.glob("*.safetensors")):
        reporter.check()
        hashes[path.name] = manifest.hash_file(path)
    return hashes


def run(child: Child, folder: Path, reporter: Reporter) -> Progress:
    """Tell what the child does until it ends; whatever happens, nothing of it is left behind."""
    progress, lines = Progress(reporter, read_metrics(folder / METRICS)), Tail(folder / METRICS)
    try:
        while child.wait(LOOK) is None:
            progress.take_all(lines)
            reporter.check()
    except Interrupted:
        save_and_stop(child, folder)
        progress.take_all(lines)  # the checkpoint that was just saved
        raise
    finally:
        child.stop(grace=timedelta(seconds=1))
    progress.take_all(lines)
    return progress


def save_and_stop(child: Child, folder: Path) -> None:
    """Have the plugin save a checkpoint; it is found by the next attempt. Waits at most the grace of the settings."""
    (folder / "control").write_text("pause", encoding="utf-8")
    before = len(whole_checkpoints(folder))
    deadline = time.monotonic() + get_settings().stop_grace.total_seconds()
    while child.returncode is None and len(whole_checkpoints(folder)) == before and time.monotonic() < deadline:
        time.sleep(0.2)


def conclude(folder: Path, progress: Progress, training: Training, reporter: Reporter, seconds: float) -> TrainResult:
    """Check that training came to its end with a whole checkpoint, and say what it left."""
    lines = read_metrics(folder / METRICS)
    checkpoints = whole_checkpoints(folder)
    if not checkpoints or not lines or checkpoints[-1].step < lines[-1]["max_steps"]:
        raise explain(folder, training, progress)
    write_csv(lines, folder / CSV)
    shutil.rmtree(folder / "prepared", ignore_errors=True)  # Axolotl's cache of the tokenised rows
    best = best_checkpoint(checkpoints)
    losses = [line["loss"] for line in lines if "loss" in line]
    check_diverged(losses, best, training, reporter)
    tokens = max((int(line.get("tokens/trainable", 0)) for line in lines), default=0)
    reporter.message(f"[TRAIN] Training complete, best checkpoint: checkpoint-{best.step}", **best.model_dump())
    return TrainResult(
        checkpoints=checkpoints,
        first_loss=finite(losses[0]) if losses else None,
        last_loss=finite(losses[-1]) if losses else None,
        steps=checkpoints[-1].step,
        trained_tokens=tokens,
        seconds=round(seconds, 1),
    )


def check_diverged(losses: Sequence[float], best: Checkpoint, training: Training, reporter: Reporter) -> None:
    """Raise TrainingFailed where the loss became NaN and no checkpoint from before is known to be good."""
    if not losses or finite(losses[-1]) is not None:
        return
    step = next(step for step, loss in enumerate(losses, start=1) if finite(loss) is None)
    told = f"The loss is no number from step {step} on ({describe(training)}, learning rate {training.learning_rate:g})"
    if best.dev_loss is None:
        raise TrainingFailed(f"{told}.", next_step="Halve learning_rate in the recipe, then create the job again.")
    reporter.message(f"[TRAIN] {told}; checkpoint-{best.step} is from before.", Level.WARN)


def explain(folder: Path, training: Training, progress: Progress) -> TrainingFailed | OutOfMemory:
    """The error of a training that ended early: where, with which settings, and the log's own words."""
    log = tail(folder / LOG, 40)
    where = f"at step {progress.step} ({describe(training)})"
    if any(word in line for line in log for word in MEMORY_WORDS):
        return OutOfMemory(f"Training ran out of memory {where}.")
    words = next(
        (line for line in reversed(log) if "Error" in line or "error" in line), log[-1] if log else "no output"
    )
    return TrainingFailed(f"Training ended {where}: {words[:300]}")


def describe(training: Training) -> str:
    """The settings that matter when something goes wrong."""
    return (
        f"{training.adapter}, rank {training.lora_r}, micro-batch {training.micro_batch_size}, "
        f"accumulation {training.gradient_accumulation_steps}, sequence_len {training.sequence_len}"
    )


def check_lengths(request: TrainRequest, rows: list[Row]) -> None:
    """Refuse rows whose end would be cut away: the model would never learn to stop."""
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
