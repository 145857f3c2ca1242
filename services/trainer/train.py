"""Train an adapter: configure Axolotl, run it as a child process, report its progress, and stop it on request."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import yaml

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoints import best_checkpoint, complete_checkpoints, finite_or_none
from scriptorium.artifacts.training_log import TRAINING_CSV, TRAINING_LOG, read_training_log, write_training_csv
from scriptorium.artifacts.volume import disk_errors
from scriptorium.contracts import TrainRequest, TrainResult
from scriptorium.errors import EnvironmentMissing
from scriptorium.jobs.reporter import Reporter
from scriptorium.planning.resolve import scale_steps
from scriptorium.process.child import Child
from scriptorium.recipe import ResolvedTraining
from scriptorium.settings import get_settings
from services.trainer.drafts.write_drafts import write_drafts
from services.trainer.failures.explain import describe_settings
from services.trainer.plan_run import measure_dataset, plan_run, record_run
from services.trainer.recovery import train_to_end
from services.trainer.replay.mix import replay_rows
from services.trainer.run.axolotl import TrainingRows, make_command, make_config, make_environment
from services.trainer.run.late_replay import write_in_order
from services.trainer.run.launch import choose_gpus, choose_loss, show_gpus
from services.trainer.run.measure_checkpoints import measure_checkpoints
from services.trainer.run.rows import prepare_rows, read_rows_to_train, report_preferences
from services.trainer.run.sample_order import order_samples
from services.trainer.run.trials import run_trials
from services.trainer.run.wandb_order import order_wandb_run, wandb_environment
from services.trainer.run.watch import watch_training

LOG = "axolotl.log"


def train_adapter(request: TrainRequest, folder: Path, reporter: Reporter) -> TrainResult:
    """Run one training to its end, from the last complete checkpoint in `folder` if there is one.

    Raises TooFewExamples (no rows), InvalidRecipe (rows longer than sequence_len), what `write_drafts`, `replay_rows`
    and `watch_training` raise, or what `reporter.check` and `reporter.ask` raise.
    """
    environment = get_settings().axolotl_env
    if not (environment / "bin" / "axolotl").exists():
        raise EnvironmentMissing(f"Axolotl is not installed in {environment}.")
    gpus = choose_gpus(request.training, get_settings())
    train, hashes = read_rows_to_train(request), hash_base(request.base, reporter)
    report_preferences(request.training, reporter)
    train, drafts = write_drafts(request, folder, train, reporter)
    mixed, replay = replay_rows(request, folder, train, reporter, hashes=hashes)
    if replay:
        steps = scale_steps(request.training, len(train), replay_rows=replay.rows, share=replay.share)
        request = request.model_copy(update={"training": steps})
    rows = prepare_rows(request, folder, mixed, len(mixed) - len(train))
    plan = plan_run(request, folder, measure_dataset(request, rows), max(1, len(gpus)), reporter)
    planned_speed = plan.estimate.tokens_per_second if plan.estimate else None
    order_samples(request, plan.training, folder, rows.dev, reporter)
    order_wandb_run(request, folder, reporter)
    started, started_at = time.monotonic(), time.time()
    with disk_errors():
        start = partial(run_axolotl, request, folder, rows, reporter, gpus=gpus, planned_speed=planned_speed)
        training = train_to_end(start, plan.training, folder, max(rows.lengths), reporter)
    result = collect_result(folder, reporter, time.monotonic() - started)
    request = request.model_copy(update={"training": training})
    measure_checkpoints(request, folder, rows.dev, [checkpoint.step for checkpoint in result.checkpoints], reporter)
    checkpoints = complete_checkpoints(folder)
    for checkpoint in checkpoints:
        reporter.checkpoint(checkpoint)
    trial_seconds = run_trials(request, folder, rows.dev, checkpoints, reporter)
    seconds = round(time.monotonic() - started, 1)
    result = result.model_copy(
        update={
            "checkpoints": checkpoints,
            "base_hashes": hashes,
            "replay": replay,
            "drafts": drafts,
            "seconds": seconds,
        }
    )
    return record_run(replace(plan, training=training), folder, result, started_at, trial_seconds)


def run_axolotl(
    request: TrainRequest,
    folder: Path,
    rows: TrainingRows,
    reporter: Reporter,
    training: ResolvedTraining,
    *,
    gpus: Sequence[str],
    planned_speed: float | None,
) -> None:
    """Start Axolotl once with these options, and watch it to its end; `planned_speed` is in trained tokens/s."""
    environment, config = get_settings().axolotl_env, folder / "config.yaml"
    training, processes = choose_loss(training, environment, reporter), max(1, len(gpus))
    if training.recovery:
        write_in_order(request, training, folder, rows)
    options = make_config(request, training, folder, rows, gpu=get_settings().gpu, processes=processes)
    config.write_text(yaml.safe_dump(options, sort_keys=False), encoding="utf-8")
    reporter.message(f"[TRAIN] Starting Axolotl: {len(rows.train)} rows, {describe_settings(training)}")
    variables = make_environment(environment) | show_gpus(gpus) | wandb_environment(request, folder)
    start = partial(Child, make_command(environment, config, processes), folder / LOG, variables, folder)
    watch_training(start, folder, training, reporter, planned_speed)


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
