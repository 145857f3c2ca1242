"""What a training will need and do, as the planner expects it before the training starts."""

from __future__ import annotations

from scriptorium.contracts.base import Contract
from scriptorium.recipe import ResolvedTraining


class MemoryParts(Contract):
    """What a training keeps in the device's memory at its peak, in bytes."""

    weights: int
    adapter: int
    gradients: int
    optimizer: int
    activations: int
    logits: int
    overhead: int

    @property
    def total(self) -> int:
        """The bytes of all parts."""
        return sum(self.model_dump().values())


class DurationParts(Contract):
    """The seconds of a training phase: until the first step, its parts while it trains, and afterwards.

    `replay` is the writing of the base's own answers, before all the others.
    """

    replay: float = 0.0
    start: float
    steps: float
    evaluations: float
    saving: float
    samples: float = 0.0
    measuring: float
    trials: float = 0.0

    @property
    def total(self) -> float:
        """The seconds of all parts."""
        return float(sum(self.model_dump().values()))


class DiskParts(Contract):
    """What a job writes to the volume, in bytes."""

    checkpoints: int
    prepared_rows: int
    merged_model: int
    exports: int

    @property
    def total(self) -> int:
        """The bytes of all parts."""
        return sum(self.model_dump().values())


class TrainingEstimate(Contract):
    """What a training will need and do.

    `basis` says where the number of rows comes from. `tokens_per_second` counts the tokens that are trained, those of
    the answers, as the job's metric of that name does; `seconds` is the whole training phase. `available_bytes` and
    `free_disk_bytes` are None if they cannot be read from here. `changes` are the training options that make a plan fit
    which does not; None if it fits, or if nothing makes it fit. `measured_runs` counts the earlier trainings that
    corrected memory and time.
    """

    model: str
    recipe: str
    training: ResolvedTraining
    basis: str
    device: str
    rows: int
    dev_rows: int
    longest_row: int
    tokens_per_epoch: int
    updates: int
    warmup_steps: int
    memory: MemoryParts
    peak_bytes: int
    available_bytes: int | None
    duration: DurationParts
    seconds: float
    tokens_per_second: float
    disk: DiskParts
    disk_bytes: int
    free_disk_bytes: int | None
    measured_runs: int
    warnings: list[str]
    fits: bool
    changes: dict[str, int | str | bool] | None = None
