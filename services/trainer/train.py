"""Train an adapter: configure Axolotl, run it as a child process, report its progress, and stop it on request."""

from __future__ import annotations

import shutil
import time
from functools import partial
from pathlib import Path

import yaml

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoints import best_checkpoint, complete_checkpoints, finite_or_none
from scriptorium.artifacts.dataset import Row, read_rows, write_rows
from scriptorium.artifacts.training_log import TRAINING_CSV, TRAINING_LOG, read_training_log, write_training_csv
from scriptorium.artifacts.volume import disk_errors
from scriptorium.contracts import TrainRequest, TrainResult
from scriptorium.errors import EnvironmentMissing, InvalidRecipe, Problem, TooFewExamples
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import chat_tokenizer
from scriptorium.planning.resolve import resolve_training
from scriptorium.process.child import Child
from scriptorium.recipe import ResolvedTraining
from scriptorium.sampling import spread
from scriptorium.settings import get_settings
from services.trainer.failures.explain import describe_settings
from services.trainer.recovery import train_to_end
from services.trainer.run.axolotl import make_command, make_config, make_environment
from services.trainer.run.measure_checkpoints import measure_checkpoints
from services.trainer.run.watch import watch_training

LOG = "axolotl.log"
NO_ROWS_NEXT_STEP = "Name a folder that `scriptorium prepare` has written, with a train.jsonl."


def train_adapter(request: TrainRequest, folder: Path, reporter: Reporter) -> TrainResult:
    """Run one training to its end, from the last complete checkpoint in `folder` if there is one.

    Raises TooFewExamples (no rows), InvalidRecipe (rows longer than sequence_len), what `watch_training` raises, or
    what `reporter.check` and `reporter.ask` raise.
    """
    environment = get_settings().axolotl_env
    if not (environment / "bin" / "axolotl").exists():
        raise EnvironmentMissing(f"Axolotl is not installed in {environment}.")
    train, dev = read_rows(request.dataset / "train.jsonl"), read_rows(request.dataset / "dev.jsonl")
    if not train:
        raise TooFewExamples(f"{request.dataset.name} holds no rows to train on.", next_step=NO_ROWS_NEXT_STEP)
    longest = check_lengths(request, train)
    dev = spread(dev, request.training.dev_rows)
    write_rows(folder / "dev.jsonl", dev)
    training = resolve_training(request.training, len(train))
    started = time.monotonic()
    hashes = hash_base(request.base, reporter)
    with disk_errors():
        start = partial(run_axolotl, request, folder, reporter, train=train, dev=dev)
        training = train_to_end(start, training, folder, longest, reporter)
    result = collect_result(folder, reporter, time.monotonic() - started)
    request = request.model_copy(update={"training": training})
    measure_checkpoints(request, folder, dev, [checkpoint.step for checkpoint in result.checkpoints], reporter)
    checkpoints = complete_checkpoints(folder)
    for checkpoint in checkpoints:
        reporter.checkpoint(checkpoint)
    return result.model_copy(
        update={"checkpoints": checkpoints, "base_hashes": hashes, "seconds": round(time.monotonic() - started, 1)}
    )


def run_axolotl(
    request: TrainRequest,
    folder: Path,
    reporter: Reporter,
    training: ResolvedTraining,
    *,
    train: list[Row],
    dev: list[Row],
    planned_speed: float | None = None,
) -> None:
    """Start Axolotl once with these options, and watch it to its end; `planned_speed` is in trained tokens/s."""
    environment, config = get_settings().axolotl_env, folder / "config.yaml"
    options = make_config(request, training, folder, train, dev, gpu=get_settings().gpu)
    config.write_text(yaml.safe_dump(options, sort_keys=False), encoding="utf-8")
    reporter.message(f"[TRAIN] Starting Axolotl: {len(train)} rows, {describe_settings(training)}")
    child = Child(make_command(environment, config), folder / LOG, make_environment(environment), folder)
    watch_training(child, folder, training, reporter, planned_speed)


def hash_base(base: Path, reporter: Reporter) -> dict[str, str]:
    """Return the SHA-256 of the base's weights by file name; this leaves them in the page cache for Axolotl."""
    hashes = {}
    for path in sorted(base.glob("*.safetensors")):
        reporter.check()
        hashes[path.name] = manifest.hash_file(path)
    return hashes


def collect_result(folder: Path, reporter: Reporter, seconds: float) -> TrainResult:
    """Return what a finished training produced."""
    lines = read_training_log(folder / TRAINING_LOG)
    checkpoints = complete_checkpoints(folder)
    write_training_csv(lines, folder / TRAINING_CSV)
    shutil.rmtree(folder / "prepared", ignore_errors=True)  # Axolotl's cache of the tokenised rows
    best = best_checkpoint(checkpoints)
    losses = [line["loss"] for line in lines if "loss" in line]
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


def check_lengths(request: TrainRequest, rows: list[Row]) -> int:
    """Return the longest row's tokens.

    Raises InvalidRecipe for rows whose end would be cut off: the model would never learn to stop.
    """
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
    return max(lengths)
