"""A stopwatch inside Axolotl, for a training without Scriptorium's plugin: the time of every step's log, and no more.

`bench.train` lets the bare `axolotl train` load it. Without a GPU some plugin has to set `use_cpu`, or bf16 is refused.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from axolotl.integrations.base import BasePlugin
from transformers import TrainerCallback

from scriptorium.artifacts.training_log import TRAINING_LOG, LogLine, append_to_log


class StepClockPlugin(BasePlugin):
    """The class that Axolotl loads: `plugins: [bench.step_clock.StepClockPlugin]`."""

    def get_training_args(self, cfg: Any) -> dict[str, Any]:
        """Use the CPU if there is no GPU."""
        return {} if torch.cuda.is_available() else {"use_cpu": True}

    def add_callbacks_post_trainer(self, cfg: Any, trainer: Any) -> list[TrainerCallback]:
        """Add the stopwatch."""
        return [StepClock(Path(cfg.output_dir).parent / TRAINING_LOG)]


class StepClock(TrainerCallback):
    """Keeps the times in memory and writes them at the end, as lines of a training log."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._lines: list[LogLine] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Take the time of a training step; evaluations are logged without `loss`."""
        if logs and "loss" in logs:
            self._lines.append({"time": time.time(), "step": state.global_step, "loss": float(logs["loss"])})

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Write the times."""
        append_to_log(self._log, self._lines)
