"""TensorBoard's event files: <training>/tensorboard/, always written.

Each attempt writes them anew from the training log, which holds each step of all attempts once; so there is one curve,
and no point is doubled or lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from scriptorium.artifacts.checkpoint_samples import CheckpointSample
from scriptorium.artifacts.training_log import TENSORBOARD_FOLDER


class EventFiles:
    """Points of curves and sample passages, on the disk as soon as they are added."""

    def __init__(self, training: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(training / TENSORBOARD_FOLDER)

    def add(self, points: Mapping[str, float], step: int, time: float) -> None:
        """Add a step's points; `time` is in seconds since 1970."""
        for curve, value in points.items():
            self._writer.add_scalar(curve, value, step, walltime=time)
        self._writer.flush()

    def add_samples(self, samples: Iterable[CheckpointSample]) -> None:
        """Add passages, which TensorBoard shows with a slider over the steps."""
        for sample in samples:
            self._writer.add_text(f"samples/{sample.brief + 1}", sample.text, sample.step)
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()
