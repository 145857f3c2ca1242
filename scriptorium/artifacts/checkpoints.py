"""Checkpoints on disk: which are complete, and which is the best. Training writes them, merging chooses one.

A training folder keeps them in `checkpoints/checkpoint-<step>/`; a manifest, written last, makes one complete.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoint_losses import checkpoint_losses_path, read_checkpoint_losses
from scriptorium.contracts import Checkpoint

FOLDER = "checkpoints"
SCALED_ADAPTER = "adapter"  # in a merged model's folder, if the adapter was merged at another strength than 1


def checkpoint_folder(training: Path, step: int) -> Path:
    """Return the folder of a step's checkpoint in a training folder."""
    return training / FOLDER / f"checkpoint-{step}"


def complete_checkpoints(training: Path) -> list[Checkpoint]:
    """Return the checkpoints of a training folder that have a manifest and every file it lists, by step."""
    folders = [folder for folder in (training / FOLDER).glob("checkpoint-*") if manifest.is_complete(folder)]
    return sorted((read_checkpoint(folder) for folder in folders), key=lambda checkpoint: checkpoint.step)


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint from its manifest, with the selectivity measured after training.

    A loss that is not finite becomes None.
    """
    body = manifest.read(folder) or {}
    losses = read_checkpoint_losses(checkpoint_losses_path(folder.parents[1], body["step"]))
    return Checkpoint(
        step=body["step"],
        created_at=body["created_at"],
        train_loss=finite_or_none(body.get("train_loss")),
        dev_loss=finite_or_none(body.get("dev_loss")),
        selectivity=losses.bases["stored"].selectivity if losses else None,
    )


def best_checkpoint(checkpoints: Sequence[Checkpoint]) -> Checkpoint:
    """Return the checkpoint with the lowest dev loss (the earlier of equals), or the last if none has a dev loss."""
    losses = [(checkpoint.dev_loss, checkpoint.step) for checkpoint in checkpoints if checkpoint.dev_loss is not None]
    step = min(losses)[1] if losses else max(checkpoint.step for checkpoint in checkpoints)
    return next(checkpoint for checkpoint in checkpoints if checkpoint.step == step)


def finite_or_none(loss: Any) -> float | None:
    """Return a loss, or None if it is missing, NaN or infinite."""
    return float(loss) if loss is not None and math.isfinite(loss) else None
