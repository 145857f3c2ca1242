"""A training's plan: "auto" resolved for the real rows, the checklist logged, a plan that does not fit refused.

When the training has ended, what it needed is added to the machine's measured runs.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from scriptorium.artifacts.checkpoints import FOLDER
from scriptorium.artifacts.training_log import TRAINING_LOG, LogLine, read_training_log
from scriptorium.contracts import Level, TrainRequest, TrainResult
from scriptorium.contracts.estimate import DurationParts, TrainingEstimate
from scriptorium.errors import BaseModelUnusable, DiskLow, MemoryLow
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import chat_tokenizer
from scriptorium.planning.dataset_size import DatasetSize, size_of_rows
from scriptorium.planning.describe import describe_changes, describe_plan, format_bytes
from scriptorium.planning.device import Device
from scriptorium.planning.disk import count_checkpoints
from scriptorium.planning.estimate import estimate
from scriptorium.planning.measured_runs import MeasuredRun, add_run, read_runs
from scriptorium.planning.memory import CUDA_CONTEXT
from scriptorium.planning.model_shape import ModelShape, read_shape
from scriptorium.planning.packing import count_rows
from scriptorium.planning.resolve import resolve_training
from scriptorium.planning.this_machine import read_device
from scriptorium.recipe import ResolvedTraining
from scriptorium.settings import get_settings
from services.trainer.run.axolotl import TrainingRows

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunPlan:
    """The training with a number for every "auto", and its estimate with what that was made from.

    A base of a kind that cannot be planned has a training only.
    """

    training: ResolvedTraining
    estimate: TrainingEstimate | None = None
    shape: ModelShape | None = None
    dataset: DatasetSize | None = None
    device: Device | None = None


def measure_dataset(request: TrainRequest, rows: TrainingRows) -> DatasetSize:
    """Return the size of a training's dataset, its packed rows counted."""
    answers = chat_tokenizer(request.base).count([row.answer for row in rows.train])
    size = size_of_rows(rows.lengths, answers, len(rows.dev))
    packed = count_rows(request.training, rows.lengths) if request.training.sample_packing else None
    return replace(size, counted_packed_rows=packed)


def plan_run(request: TrainRequest, folder: Path, dataset: DatasetSize, processes: int, reporter: Reporter) -> RunPlan:
    """Plan a training on a dataset in so many processes, and report the plan and the seed workflow's checklist.

    Raises MemoryLow with the options that make it fit, or DiskLow, if it needs more than is free.
    """
    settings = get_settings()
    try:
        shape = read_shape(request.base)
    except BaseModelUnusable as error:
        reporter.message(f"[TRAIN] Memory and time are not planned: {error}", Level.WARN)
        rows = dataset.counted_packed_rows or dataset.rows
        return RunPlan(resolve_training(request.training, math.ceil(rows / processes)))
    runs = read_runs(settings.measured_runs)
    device = read_device(settings, runs, gpus=processes, now=True)
    plan = estimate(request.training, shape, dataset, device, runs, calibration=request.calibration)
    report_plan(request, folder, plan, reporter)
    check_fit(plan)
    return RunPlan(plan.training, plan, shape, dataset, device)


def report_plan(request: TrainRequest, folder: Path, plan: TrainingEstimate, reporter: Reporter) -> None:
    """Report the checklist, the plan and its warnings; the job's finish is expected from now on."""
    checkpoints = count_checkpoints(plan.training, plan.updates)
    end_of_turn = chat_tokenizer(request.base).end_of_turn
    checklist: dict[str, Any] = {
        "dataset": str(request.dataset / "train.jsonl"),
        "rows": plan.rows,
        "dev_rows": plan.dev_rows,
        "output": str(folder / FOLDER),
        "logging": str(folder / TRAINING_LOG),
        "checkpoints": checkpoints,
        "disk_bytes": plan.disk_bytes,
        "free_disk_bytes": plan.free_disk_bytes,
        "peak_bytes": plan.peak_bytes,
        "available_bytes": plan.available_bytes,
        "end_of_turn": end_of_turn,
    }
    reporter.message(
        f"[TRAIN] Checklist: {plan.rows:,} rows to train on and {plan.dev_rows:,} dev rows in {request.dataset.name}/; "
        f"{checkpoints} checkpoint(s) to {FOLDER}/, numbers to {TRAINING_LOG}; "
        f"disk {format_bytes(plan.disk_bytes)} of {format_bytes(plan.free_disk_bytes)} free, "
        f"memory {format_bytes(plan.peak_bytes)} of {format_bytes(plan.available_bytes)} free; "
        f"the chat template ends a turn with {end_of_turn}",
        **checklist,
    )
    for warning in plan.warnings:
        reporter.message(f"[TRAIN] {warning}", Level.WARN)
    reporter.metrics(
        f"[TRAIN] Plan: {describe_plan(plan)}",
        total_steps=plan.updates,
        eta_seconds=plan.seconds,
        planned_seconds=plan.seconds,
        planned_peak_bytes=plan.peak_bytes,
        planned_tokens_per_second=plan.tokens_per_second,
        planned_epochs=plan.training.num_epochs,
        planned_batch_size=plan.training.micro_batch_size * plan.training.gradient_accumulation_steps,
    )


def check_fit(plan: TrainingEstimate) -> None:
    """Raise MemoryLow or DiskLow if the plan needs more than is free."""
    if plan.available_bytes is not None and plan.peak_bytes > plan.available_bytes:
        needed, free = format_bytes(plan.peak_bytes), format_bytes(plan.available_bytes)
        raise MemoryLow(
            f"This training needs about {needed} of memory on {plan.device}, of which {free} can be used.",
            next_step=describe_changes(plan),
        )
    if plan.free_disk_bytes is not None and plan.disk_bytes > plan.free_disk_bytes:
        needed, free = format_bytes(plan.disk_bytes), format_bytes(plan.free_disk_bytes)
        raise DiskLow(f"This job will write about {needed} (checkpoints, merged model), and {free} are free.")


def record_run(
    plan: RunPlan, folder: Path, result: TrainResult, started_at: float, trial_seconds: float = 0.0
) -> TrainResult:
    """Return the result with its peak memory and speed, and add the run to the machine's measured ones.

    `started_at` is in Unix seconds, `trial_seconds` are those of the trials at the end. Only a run without an
    interruption is added: another one's times say little.
    """
    lines = read_training_log(folder / TRAINING_LOG)
    peak = measured_peak(lines, gpu=get_settings().gpu)
    duration = measured_duration(lines, started_at, result.seconds, trial_seconds)
    if duration is None or peak is None:
        return result.model_copy(update={"peak_bytes": peak})
    speed = round(result.trained_tokens / duration.steps, 1) if duration.steps else None
    if plan.shape and plan.dataset and plan.device and lines[0].get("step") == 0:
        peak_flops = next((float(line["peak_flops"]) for line in lines if line.get("peak_flops")), None)
        settings = get_settings()
        run = MeasuredRun(
            ended_at=int(time.time()),
            machine=settings.machine_name,
            device=replace(plan.device, peak_flops=peak_flops),
            shape=plan.shape,
            training=plan.training,
            dataset=plan.dataset,
            updates=result.steps,
            peak_bytes=peak,
            duration=duration,
        )
        try:
            add_run(settings.measured_runs, run)
        except OSError as error:  # the training has ended well all the same
            log.warning("the run is not kept for the next estimates: %s", error)
    return result.model_copy(update={"peak_bytes": peak, "tokens_per_second": speed})


def measured_peak(lines: Sequence[LogLine], *, gpu: bool) -> int | None:
    """Return the most bytes that the log's training needed; on a GPU its tensors and the context around them."""
    peak = max((int(line["peak_memory_bytes"]) for line in lines if line.get("peak_memory_bytes")), default=0)
    return peak + (CUDA_CONTEXT if gpu else 0) if peak else None


def measured_duration(
    lines: Sequence[LogLine], started_at: float, seconds: float, trial_seconds: float
) -> DurationParts | None:
    """Return the parts of a training phase of so many seconds from its log; None if it was interrupted.

    Each line says when its part ended: the beginning, a step, an evaluation, a checkpoint, the sample passages.
    """
    beginnings = [number for number, line in enumerate(lines) if line.get("event") == "begin"]
    if len(beginnings) != 1 or any(line["step"] for line in lines[: beginnings[0]]):
        return None
    trained = lines[beginnings[0] :]
    spent = {"steps": 0.0, "evaluations": 0.0, "saving": 0.0, "samples": 0.0}
    for before, line in pairwise(trained):
        spent[name_part(line)] += max(0.0, line["time"] - before["time"])
    start = max(0.0, trained[0]["time"] - started_at)
    measuring = max(0.0, seconds - start - sum(spent.values()) - trial_seconds)
    return DurationParts(start=start, **spent, measuring=measuring, trials=trial_seconds)


def name_part(line: LogLine) -> str:
    """Return the part of a training that ended with a line."""
    if "eval_loss" in line:
        return "evaluations"
    return "steps" if "loss" in line else "samples" if line.get("event") == "samples" else "saving"
