"""The losses of a training run, read from its log for the curve."""

from __future__ import annotations

import math
from pathlib import Path

from scriptorium.artifacts.training_log import PREFERENCE_ACCURACY, read_training_log
from scriptorium.contracts.report.document import LossPoint, TrainingLosses


def read_losses(path: Path) -> TrainingLosses:
    """Read the losses in order of steps; torn and other lines are skipped, a missing file has none.

    A resumed training logs some steps twice: the later line belongs to the model.
    """
    train: dict[int, float] = {}
    dev: dict[int, float] = {}
    preferences = False
    for record in read_training_log(path):
        preferences = preferences or PREFERENCE_ACCURACY in record
        for key, losses in (("loss", train), ("eval_loss", dev)):
            step, loss = record.get("step"), record.get(key)
            if isinstance(step, int) and isinstance(loss, int | float) and math.isfinite(loss):
                losses[step] = float(loss)
    return TrainingLosses(train=_points(train), dev=_points(dev), preferences=preferences)


def _points(losses: dict[int, float]) -> list[LossPoint]:
    """Return the losses in order of steps."""
    return [LossPoint(step=step, loss=loss) for step, loss in sorted(losses.items())]
