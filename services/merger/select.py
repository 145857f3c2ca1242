"""Which checkpoint is merged: the one with the lowest dev loss, or the one that was asked for."""

from __future__ import annotations

from pathlib import Path

from scriptorium.checkpoints import best_checkpoint, whole_checkpoints
from scriptorium.contracts import Checkpoint
from scriptorium.errors import MergeFailed


def select_checkpoint(training: Path, step: int | None = None) -> Checkpoint:
    """Choose the checkpoint `step`, or the best one; raises MergeFailed where it is not there."""
    saved = whole_checkpoints(training)
    if not saved:
        raise MergeFailed("Training left no whole checkpoint.", next_step="Train again.")
    if step is None:
        return best_checkpoint(saved)
    for checkpoint in saved:
        if checkpoint.step == step:
            return checkpoint
    have = ", ".join(str(checkpoint.step) for checkpoint in saved)
    raise MergeFailed(f"There is no checkpoint {step}.", param="checkpoint", next_step=f"Choose one of: {have}.")
