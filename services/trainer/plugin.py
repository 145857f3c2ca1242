"""Our plugin inside Axolotl: writes one line of JSON per log step and obeys a control file.

Runs in Axolotl's environment and needs nothing of ours but the manifest. Beside the output folder (`checkpoints/`) it
keeps `metrics.jsonl` (append only) and reads `control`, whose text may be "pause" (save a checkpoint, then stop).
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import torch
from axolotl.integrations.base import BasePlugin
from transformers import TrainerCallback

from scriptorium import manifest

KEEP = ("loss", "eval_loss", "learning_rate", "grad_norm", "epoch", "tokens/trainable")


class ScriptoriumPlugin(BasePlugin):  # type: ignore[misc]
    """What Axolotl loads: `plugins: [services.trainer.plugin.ScriptoriumPlugin]`."""

    def get_training_args(self, cfg: Any) -> dict[str, Any]:
        """Tell the trainer outright where there is no GPU; else bf16 is refused there."""
        return {} if torch.cuda.is_available() else {"use_cpu": True}

    def add_callbacks_post_trainer(self, cfg: Any, trainer: Any) -> list[TrainerCallback]:
        """Watch and steer the training."""
        return [Steering(Path(cfg.output_dir).parent)]


class Steering(TrainerCallback):  # type: ignore[misc]
    """Writes what happens and does what the control file says."""

    def __init__(self, folder: Path) -> None:
        self._metrics = folder / "metrics.jsonl"
        self._control = folder / "control"
        self._losses: dict[str, float | None] = {"train_loss": None, "dev_loss": None}

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Say that the first step is about to begin."""
        self._write(state, event="begin", epoch=state.epoch or 0.0, num_epochs=args.num_train_epochs)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Write the numbers of a step or of an evaluation."""
        numbers = {name: float(value) for name, value in (logs or {}).items() if name in KEEP}
        if "loss" in numbers:
            self._losses["train_loss"] = numbers["loss"]
        if "eval_loss" in numbers:
            self._losses["dev_loss"] = numbers["eval_loss"]
        if "loss" in numbers or "eval_loss" in numbers:
            self._write(state, **numbers)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Obey the control file; evaluate after the last step, so that the last checkpoint has a dev loss."""
        if state.global_step >= state.max_steps and args.eval_strategy != "no":
            control.should_evaluate = True
        if self._control.exists() and self._control.read_text("utf-8").strip() == "pause":
            control.should_save = True
            control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Write the checkpoint's manifest, last of all: without one it is never resumed from."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        manifest.write(folder, {"step": state.global_step, "created_at": int(time.time()), **self._losses})
        self._write(state, event="checkpoint", **self._losses)

    def _write(self, state: Any, **body: Any) -> None:
        line = {"time": time.time(), "step": state.global_step, "max_steps": state.max_steps, **body}
        with self._metrics.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")
