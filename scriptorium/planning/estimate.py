"""The estimate of a training, from the recipe, the base's shape, the dataset's size, the device and measured runs.

    estimate(training, shape, dataset, device, history) -> TrainingEstimate

Pure: everything is passed in, nothing is read. docs/planning.md has the formulas and how good they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from scriptorium.contracts.estimate import DurationParts, MemoryParts, TrainingEstimate
from scriptorium.planning.dataset_size import DatasetSize
from scriptorium.planning.device import Device
from scriptorium.planning.disk import plan_disk
from scriptorium.planning.duration import NO_TRIALS, plan_duration
from scriptorium.planning.measured_runs import MeasuredRun, correction, nearest_runs
from scriptorium.planning.memory import plan_memory
from scriptorium.planning.model_shape import ModelShape
from scriptorium.planning.reductions import find_fitting
from scriptorium.planning.resolve import MIN_UPDATES, count_updates, count_warmup, resolve_training, scale_steps
from scriptorium.recipe import Calibration, Export, ResolvedTraining, Training

GIB = 1024**3
USABLE_SHARE = 0.92  # of a GPU: beyond it WSL 2 spills into system memory without an error
MICRO_BATCHES = (8, 4, 2)
CHATS_OF_PREFERENCE = 2.0  # all tokens of both count as trained
FULL_BATCH_TOKENS = 4096  # fill a card: a longer micro-batch is not faster
MICRO_BATCH_ROOM = 0.85  # of the free memory that a micro-batch above 1 may take


def estimate(
    training: Training,
    shape: ModelShape,
    dataset: DatasetSize,
    device: Device,
    history: Sequence[MeasuredRun] = (),
    *,
    recipe: str = "",
    exports: Sequence[Export] = (),
    calibration: Calibration = NO_TRIALS,
) -> TrainingEstimate:
    """Return what a training will need and do; `history` are the runs that `nearest_runs` chooses from."""
    share = dataset.replay_tokens / dataset.answer_tokens
    training = scale_steps(training, dataset.rows - dataset.replay_rows, replay_rows=dataset.replay_rows, share=share)
    resolved = choose_values(training, shape, dataset, device)
    rows = rows_per_device(resolved, dataset, device)
    updates = count_updates(resolved, rows)
    runs = nearest_runs(history, resolved, shape, dataset, device)
    memory = scale_memory(plan_memory(resolved, shape, dataset, device), device, runs)
    unanswered = leave_out_answered(dataset, shape, history)
    expected = plan_duration(resolved, shape, unanswered, device, updates, calibration=calibration)
    duration = scale_duration(expected, device, runs)
    disk = plan_disk(resolved, shape, dataset, updates, exports)
    available = usable_bytes(device)
    enough_disk = device.free_disk_bytes is None or disk.total <= device.free_disk_bytes
    enough_memory = available is None or memory.total <= available
    answer_share = CHATS_OF_PREFERENCE if resolved.method == "dpo" else dataset.answer_tokens / dataset.tokens
    return TrainingEstimate(
        model=shape.name,
        recipe=recipe,
        training=resolved,
        basis=dataset.basis,
        device=device.name,
        rows=dataset.rows,
        dev_rows=min(dataset.dev_rows, resolved.dev_rows),
        longest_row=dataset.longest_row,
        tokens_per_epoch=dataset.tokens,
        updates=updates,
        warmup_steps=count_warmup(resolved, rows),
        memory=memory,
        peak_bytes=memory.total,
        available_bytes=available,
        duration=duration,
        seconds=round(duration.total, 1),
        tokens_per_second=round(step_tokens(resolved, dataset, device, updates) * answer_share / duration.steps, 1),
        disk=disk,
        disk_bytes=disk.total,
        free_disk_bytes=device.free_disk_bytes,
        measured_runs=len(runs),
        warnings=list_warnings(resolved, dataset, device, rows),
        fits=enough_memory and enough_disk,
        changes=None if available is None or enough_memory else find_fitting(
            resolved,
            dataset.longest_row,
            gpu=device.gpu,
            needed=lambda other: scale_memory(plan_memory(other, shape, dataset, device), device, runs).total,
            limit=available,
        ),
    )  # fmt: skip


def leave_out_answered(dataset: DatasetSize, shape: ModelShape, history: Sequence[MeasuredRun]) -> DatasetSize:
    """Return the dataset without answers to write, if an earlier training has had most of them from the same base."""
    answered = any(run.shape.name == shape.name and run.training.keep for run in history)
    return replace(dataset, replay_tokens=0) if answered else dataset


def choose_values(training: Training, shape: ModelShape, dataset: DatasetSize, device: Device) -> ResolvedTraining:
    """Return the training with a number for every "auto".

    A micro-batch above 1 is worth it on a GPU if rows are short: one alone does not fill it. It must fit into the free
    memory and leave MIN_UPDATES.
    """
    single = resolve_training(training, rows_per_device(training, dataset, device), hidden=shape.hidden)
    available = usable_bytes(device)
    if training.micro_batch_size != "auto" or training.sample_packing or not device.gpu or available is None:
        return single
    rows = math.ceil(dataset.rows / device.gpus)
    for size in MICRO_BATCHES:
        larger = resolve_training(training, rows, micro_batch=size, hidden=shape.hidden)
        short = size * dataset.mean_row <= FULL_BATCH_TOKENS
        enough = count_updates(larger, rows) >= MIN_UPDATES
        if short and enough and plan_memory(larger, shape, dataset, device).total <= MICRO_BATCH_ROOM * available:
            return larger
    return single


def rows_per_device(training: Training, dataset: DatasetSize, device: Device) -> int:
    """Return the rows of an epoch that one device trains on, packed if they are packed."""
    rows = dataset.packed_rows(training.sequence_len) if training.sample_packing else dataset.rows
    return max(1, math.ceil(rows / device.gpus))


def usable_bytes(device: Device) -> int | None:
    """Return the memory that a training may take; None if it cannot be read from here."""
    limits = [
        device.free_bytes,
        round(USABLE_SHARE * device.total_bytes) if device.gpu and device.total_bytes else None,
    ]
    return min((limit for limit in limits if limit is not None), default=None)


def step_tokens(training: ResolvedTraining, dataset: DatasetSize, device: Device, updates: int) -> float:
    """Return the tokens of a whole run, padding left out."""
    rows = updates * training.gradient_accumulation_steps * training.micro_batch_size * device.gpus
    row = dataset.tokens / dataset.packed_rows(training.sequence_len) if training.sample_packing else dataset.mean_row
    return rows * row


def scale_memory(memory: MemoryParts, device: Device, runs: Sequence[MeasuredRun]) -> MemoryParts:
    """Return the memory, corrected by what the nearest runs needed at their peak."""
    expected = [plan_memory(run.training, run.shape, run.dataset, device).total for run in runs]
    factor = correction([run.peak_bytes / total for run, total in zip(runs, expected, strict=True)])
    return MemoryParts(**{name: round(size * factor) for name, size in memory.model_dump().items()})


def scale_duration(duration: DurationParts, device: Device, runs: Sequence[MeasuredRun]) -> DurationParts:
    """Return the duration, each part corrected by what it took in the nearest runs.

    What those took is compared with an estimate for the same device as this one, so that its peak cancels out.
    """
    expected = [plan_duration(run.training, run.shape, run.dataset, device, run.updates) for run in runs]

    def factor(part: str) -> float:
        pairs = [(getattr(run.duration, part), getattr(plan, part)) for run, plan in zip(runs, expected, strict=True)]
        return correction([measured / plan for measured, plan in pairs if measured and plan])

    return DurationParts(**{part: round(seconds * factor(part), 1) for part, seconds in duration.model_dump().items()})


def list_warnings(training: ResolvedTraining, dataset: DatasetSize, device: Device, rows: int) -> list[str]:
    """Return what a person should know before the training starts."""
    warnings = []
    updates = count_updates(training, rows)
    if updates < MIN_UPDATES:
        warnings.append(
            f"{updates} updates teach little, {MIN_UPDATES} or more are better: {raise_updates(training, rows)}."
        )
    if dataset.longest_row > training.sequence_len:
        warnings.append(
            f"The longest row has about {dataset.longest_row:,} tokens, more than sequence_len "
            f"{training.sequence_len:,}: rows that do not fit are refused."
        )
    if device.gpu and device.peak_flops is None:
        warnings.append(f"The speed of {device.name} is not known: the time is a guess.")
    if usable_bytes(device) is None:
        warnings.append(
            "The training device's memory cannot be read from here; it is checked when the training starts."
        )
    return warnings


def raise_updates(training: ResolvedTraining, rows: int) -> str:
    """Return the option and the value with which a training reaches MIN_UPDATES, in words."""
    if training.max_steps:
        return f"max_steps {MIN_UPDATES} reaches that"
    for steps in range(training.gradient_accumulation_steps - 1, 0, -1):
        fewer = training.model_copy(update={"gradient_accumulation_steps": steps})
        if (updates := count_updates(fewer, rows)) >= MIN_UPDATES:
            return f"gradient_accumulation_steps {steps} makes {updates}"
    single = training.model_copy(update={"gradient_accumulation_steps": 1})
    epochs = math.ceil(MIN_UPDATES * training.num_epochs / count_updates(single, rows))
    updates = count_updates(single.model_copy(update={"num_epochs": epochs}), rows)
    first = "gradient_accumulation_steps 1 and " if training.gradient_accumulation_steps > 1 else ""
    return f"{first}num_epochs {epochs} make {updates}"
