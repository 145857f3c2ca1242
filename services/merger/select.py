"""Which checkpoint is merged: the one with the lowest dev loss, or the one that was asked for.

A checkpoint counts only with a whole manifest, which training writes last: a half-written one is not seen at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from scriptorium import manifest
from scriptorium.errors import MergeFailed


@dataclass(frozen=True)
class SavedCheckpoint:
    """A whole checkpoint on the volume; `dev_loss` in nats per token where it was measured."""

    folder: Path
    step: int
    dev_loss: float | None


def select_checkpoint(training: Path, step: int | None = None) -> SavedCheckpoint:
    """Choose the checkpoint `step`, or the best one; raises MergeFailed where it is not there."""
    saved = whole_checkpoints(training)
    if not saved:
        raise MergeFailed("Training left no whole checkpoint.", next_step="Train again.")
    if step is None:
        return best(saved)
    for checkpoint in saved:
        if checkpoint.step == step:
            return checkpoint
    have = ", ".join(str(checkpoint.step) for checkpoint in saved)
    raise MergeFailed(f"There is no checkpoint {step}.", param="checkpoint", next_step=f"Choose one of: {have}.")


def best(saved: list[SavedCheckpoint]) -> SavedCheckpoint:
    """The lowest dev loss, of equal ones the earlier step; the last step where no dev loss is known."""
    measured = [(checkpoint.dev_loss, checkpoint) for checkpoint in saved if checkpoint.dev_loss is not None]
    if not measured:
        return saved[-1]
    return min(measured, key=lambda pair: (pair[0], pair[1].step))[1]


def whole_checkpoints(training: Path) -> list[SavedCheckpoint]:
    """Every whole checkpoint of a training folder, by step."""
    folders = [folder for folder in (training / "checkpoints").glob("checkpoint-*") if manifest.whole(folder)]
    return sorted((read_checkpoint(folder) for folder in folders), key=lambda checkpoint: checkpoint.step)


def read_checkpoint(folder: Path) -> SavedCheckpoint:
    """Read a checkpoint's manifest; a dev loss that is not a finite number is no measurement."""
    body = manifest.read(folder) or {}
    loss = body.get("dev_loss")
    return SavedCheckpoint(folder, int(body["step"]), loss if loss is not None and math.isfinite(loss) else None)
