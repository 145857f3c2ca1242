"""Checkpoints on disk: which are whole, and which is the best. Training writes them, merging chooses one.

A training folder keeps them in `checkpoints/checkpoint-<step>/`; a manifest, written last, makes one whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoint_losses import measured_path, read_measured
from scriptorium.contracts import Checkpoint

FOLDER = "checkpoints"


def checkpoint_folder(training: Path, step: int) -> Path:
    """Where a training folder keeps the checkpoint of a step."""
    return training / FOLDER / f"checkpoint-{step}"


def whole_checkpoints(training: Path) -> list[Checkpoint]:
    """The checkpoints of a training folder that have a manifest and every file of it, by step."""
    folders = [folder for folder in (training / FOLDER).glob("checkpoint-*") if manifest.whole(folder)]
    return sorted((read_checkpoint(folder) for folder in folders), key=lambda checkpoint: checkpoint.step)


def read_checkpoint(folder: Path) -> Checkpoint:
    """A checkpoint as its manifest describes it, with what was measured of it after training.

    A loss that is not a finite number is no measurement.
    """
    body = manifest.read(folder) or {}
    measured = read_measured(measured_path(folder.parents[1], body["step"]))
    return Checkpoint(
        step=body["step"],
        created_at=body["created_at"],
        train_loss=finite(body.get("train_loss")),
        dev_loss=finite(body.get("dev_loss")),
        selectivity=measured.bases["stored"].selectivity if measured else None,
    )


def best_checkpoint(checkpoints: Sequence[Checkpoint]) -> Checkpoint:
    """The lowest dev loss, of equal ones the earlier step; the last step where no dev loss is known."""
    measured = [(checkpoint.dev_loss, checkpoint.step) for checkpoint in checkpoints if checkpoint.dev_loss is not None]
    step = min(measured)[1] if measured else max(checkpoint.step for checkpoint in checkpoints)
    return next(checkpoint for checkpoint in checkpoints if checkpoint.step == step)


def finite(loss: Any) -> float | None:
    """A loss, or None where it is no number: NaN and infinity are no measurement."""
    return float(loss) if loss is not None and math.isfinite(loss) else None
