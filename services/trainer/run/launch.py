"""What a training runs on: the GPUs, the libraries that Axolotl's environment has, and our programs within it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from scriptorium.contracts import Level
from scriptorium.errors import InvalidRecipe
from scriptorium.jobs.devices import VISIBLE_DEVICES
from scriptorium.jobs.reporter import Reporter
from scriptorium.process.child import Child
from scriptorium.recipe import ResolvedTraining, Training
from scriptorium.settings import Settings, get_settings
from services.trainer.run.axolotl import make_environment

CUT_CROSS_ENTROPY = "lib/python3*/site-packages/cut_cross_entropy/transformers"


def choose_gpus(training: Training, settings: Settings) -> list[str]:
    """Return the indices of the GPUs that a training uses, one unless it is sharded; none on a CPU.

    A worker sees only the GPU of its lease, a training by hand all of the settings. Raises InvalidRecipe if there are
    too few.
    """
    if not settings.gpu:
        return []
    leased = [index for index in os.environ.get(VISIBLE_DEVICES, "").split(",") if index]
    gpus = leased or [str(index) for index in settings.gpu_indices]
    if training.fsdp and len(gpus) < 2:
        raise InvalidRecipe(
            f"training.fsdp needs several GPUs, and {len(gpus)} can be used.",
            param="training.fsdp",
            next_step="Choose the recipe lora or qlora; a job of the queue has one GPU, `scriptorium train` has all.",
        )
    return gpus if training.fsdp else gpus[:1]


def show_gpus(gpus: Sequence[str]) -> dict[str, str]:
    """Return the environment variable that shows a process these GPUs alone: Axolotl would use all that it sees."""
    return {VISIBLE_DEVICES: ",".join(gpus)} if gpus else {}


def start_program(
    program: str, order: Path, log: Path, training: Training, variables: Mapping[str, str] | None = None
) -> Child:
    """Start a program of ours in Axolotl's environment, with its order, on the training's first GPU or the CPU."""
    environment = get_settings().axolotl_env
    gpu = show_gpus(choose_gpus(training, get_settings())[:1])
    command: list[str | Path] = [environment / "bin" / "python", "-m", program, order]
    return Child(command, log, make_environment(environment) | gpu | dict(variables or {}), log.parent)


def choose_loss(training: ResolvedTraining, environment: Path, reporter: Reporter) -> ResolvedTraining:
    """Return the training with Liger's loss if the environment lacks the library of the recipe's."""
    if not training.cut_cross_entropy or any(environment.glob(CUT_CROSS_ENTROPY)):
        return training
    reporter.message("[TRAIN] Axolotl's environment has no cut_cross_entropy; Liger computes the loss.", Level.WARN)
    return training.model_copy(update={"cut_cross_entropy": False, "liger": True})
