"""Measured trainings: what finished runs needed, in one bounded file on the volume; they correct the next estimates."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from scriptorium.artifacts.manifest import replace_file
from scriptorium.contracts.base import Contract
from scriptorium.contracts.estimate import DurationParts
from scriptorium.planning.dataset_size import DatasetSize
from scriptorium.planning.device import Device
from scriptorium.planning.model_shape import ModelShape
from scriptorium.recipe import ResolvedTraining

MAX_RUNS = 100
NEAREST_RUNS = 3  # whose median counts: a machine may have been busy during one of them
MAX_MODEL_RATIO = 2.0  # a model of another size errs in other ways
SMALLEST_CORRECTION, LARGEST_CORRECTION = 0.4, 2.5  # beyond that something else was wrong with the run


class MeasuredRun(Contract):
    """A training that ended, with its inputs and what it needed.

    `peak_bytes` is its memory at its peak and `duration` its seconds; `device` has the peak that was measured.
    """

    ended_at: int
    machine: str
    device: Device
    shape: ModelShape
    training: ResolvedTraining
    dataset: DatasetSize
    updates: int
    peak_bytes: int
    duration: DurationParts

    @property
    def batch_tokens(self) -> float:
        """The mean tokens of a micro-batch."""
        return self.training.micro_batch_size * self.dataset.mean_row


RUNS = TypeAdapter(list[MeasuredRun])


def read_runs(path: Path) -> list[MeasuredRun]:
    """Read the measured runs, oldest first; a file that is missing, unreadable or of another version has none."""
    try:
        return RUNS.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return []


def add_run(path: Path, run: MeasuredRun) -> None:
    """Add a run, whole or not at all; the oldest ones of more than MAX_RUNS go. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f"{path.name}.lock")):
        runs = [*read_runs(path), run][-MAX_RUNS:]
        replace_file(path, RUNS.dump_json(runs, indent=1).decode() + "\n")


def nearest_runs(
    runs: Sequence[MeasuredRun], training: ResolvedTraining, shape: ModelShape, dataset: DatasetSize, device: Device
) -> list[MeasuredRun]:
    """Return the runs most like a training on the same kind of device: first by size, then the newest."""

    def differs(run: MeasuredRun) -> bool:
        options = ("adapter", "precision", "gradient_checkpointing", "liger", "cut_cross_entropy", "sample_packing")
        return run.device.name != device.name or any(
            getattr(run.training, name) != getattr(training, name) for name in options
        )

    def distance(run: MeasuredRun) -> float:
        tokens = training.micro_batch_size * dataset.mean_row
        return abs(math.log(run.shape.parameters / shape.parameters)) + abs(math.log(run.batch_tokens / tokens))

    alike = [
        run
        for run in runs
        if not differs(run) and 1 / MAX_MODEL_RATIO <= run.shape.parameters / shape.parameters <= MAX_MODEL_RATIO
    ]
    return sorted(alike, key=lambda run: (round(distance(run), 1), -run.ended_at))[:NEAREST_RUNS]


def correction(ratios: Sequence[float]) -> float:
    """Return the factor for an estimate, from the ratios of measured to expected of the nearest runs; 1 for none."""
    if not ratios:
        return 1.0
    return min(LARGEST_CORRECTION, max(SMALLEST_CORRECTION, statistics.median(ratios)))
