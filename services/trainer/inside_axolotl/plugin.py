"""Scriptorium's plugin inside Axolotl: writes one line of JSON per log step and obeys a control file.

Runs in Axolotl's environment and imports of Scriptorium only modules that need the standard library alone. Beside the
output folder (`checkpoints/`) it appends to `metrics.jsonl` and reads `control`, whose text may be "pause" (save a
checkpoint, then stop) or "stop" (save nothing more). A loss that is not finite ends the training at once: weights
that have become NaN stay so, and must not be saved. Before the first step and after each checkpoint the model writes
its sample passages.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from axolotl.integrations.base import BasePlugin
from transformers import TrainerCallback

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoint_samples import read_samples
from scriptorium.artifacts.training_log import (
    CONTROL,
    PREFERENCE_ACCURACY,
    PREFERENCE_MARGIN,
    TRAINING_LOG,
    LogLine,
    append_to_log,
    read_training_log,
)
from services.trainer.inside_axolotl.meter import Meter, precision
from services.trainer.inside_axolotl.prepared_rows import save_in_this_process
from services.trainer.inside_axolotl.quantised import write_quantised
from services.trainer.inside_axolotl.trackers import Trackers
from services.trainer.inside_axolotl.writing.write_samples import SampleWriter

TRAINED_KEY = "tokens/trainable"
LOGGED_KEYS = (
    "loss", "eval_loss", "learning_rate", "grad_norm", "epoch", TRAINED_KEY, "kl", PREFERENCE_ACCURACY,
    PREFERENCE_MARGIN,
)  # fmt: skip
PREFERENCE_TOKENS_KEY = "num_tokens"  # of both chats of each preference since this attempt began
TOKENS_KEY = "tokens/total"  # padding included: the device works on it as well
MEMORY_SHARE = "SCRIPTORIUM_TRAIN_MEMORY_SHARE"
BEGINNING_CHARACTERS = 160  # of a passage, for an event
NOTICE_CHARACTERS = 300


class ScriptoriumPlugin(BasePlugin):  # type: ignore[misc]
    """The class that Axolotl loads: `plugins: [services.trainer.inside_axolotl.plugin.ScriptoriumPlugin]`."""

    def get_input_args(self) -> str:
        """Name the class of the keys that we add to Axolotl's configuration."""
        return "services.trainer.inside_axolotl.anchor_arguments.AnchorArguments"

    def get_trainer_cls(self, cfg: Any) -> type[Any] | None:
        """Return the trainer that anchors the model to its base, if the recipe wants it."""
        if not cfg.kl_weight:
            return None
        from services.trainer.inside_axolotl.anchor import AnchoredTrainer

        return AnchoredTrainer

    def load_datasets(self, cfg: Any, preprocess: bool = False) -> None:
        """Leave the rows to Axolotl; where the trainer allows no processes for them, they are saved without any."""
        if cfg.dataset_num_proc == 0:
            save_in_this_process()

    def get_training_args(self, cfg: Any) -> dict[str, Any]:
        """Log a NaN loss as NaN, and use the CPU if there is no GPU: otherwise bf16 is refused."""
        return {"logging_nan_inf_filter": False, **({} if torch.cuda.is_available() else {"use_cpu": True})}

    def pre_model_load(self, cfg: Any) -> None:
        """Cap the GPU's memory before anything is loaded into it."""
        cap_memory()

    def post_train_unload(self, cfg: Any) -> None:
        """Delete the base, which Axolotl saves beside the adapter of a training by preferences."""
        for path in Path(cfg.output_dir).glob("model*.safetensors*") if cfg.rl else ():
            path.unlink()

    def post_trainer_create(self, cfg: Any, trainer: Any) -> None:
        """Leave an evaluation its plain loss, so that dev losses of all trainings can be compared."""
        if cfg.use_eaft:
            from services.trainer.inside_axolotl.plain_evaluation import evaluate_plainly

            evaluate_plainly(trainer)

    def add_callbacks_post_trainer(self, cfg: Any, trainer: Any) -> list[TrainerCallback]:
        """Add the callback that records and controls the training."""
        return [ScriptoriumCallback(Path(cfg.output_dir).parent, stops_early=bool(cfg.early_stopping_patience))]


class ScriptoriumCallback(TrainerCallback):  # type: ignore[misc]
    """Writes the metrics and obeys the control file."""

    def __init__(self, folder: Path, *, stops_early: bool = False) -> None:
        self._log = folder / TRAINING_LOG
        self._ending = "early_stop" if stops_early else "stop"  # if it ends before its last step for no other reason
        self._control = folder / CONTROL
        self._losses: dict[str, float | None] = {"train_loss": None, "dev_loss": None}
        self._meter: Meter | None = None
        self._position = {"step": 0, "max_steps": 0}
        self._samples = SampleWriter(folder, self._control.exists)
        self._trackers = Trackers(folder, self._notify)
        self._earlier_tokens = 0.0

    def on_train_begin(
        self,
        args: Any,
        state: Any,
        control: Any,
        model: Any = None,
        train_dataloader: Any = None,
        processing_class: Any = None,
        **_: Any,
    ) -> None:
        """Restore what a resume lacks, measure the device's peak, and write that the first step is about to begin."""
        restore_token_counts(state, Path(args.output_dir))
        restore_epoch(state, train_dataloader)
        self._earlier_tokens = count_tokens(read_training_log(self._log), state.global_step)
        self._position = {"step": state.global_step, "max_steps": state.max_steps}
        if state.is_world_process_zero:
            self._trackers.open(read_training_log(self._log), read_samples(self._log.parent))
        self._write_samples(state, model, processing_class)
        self._meter = Meter(model, args.device, precision(args))
        if state.is_world_process_zero:
            write_quantised(model, self._log.with_name("quantised.safetensors"))
        numbers = {"epoch": state.epoch or 0.0, "num_epochs": args.num_train_epochs, **self._meter.describe()}
        self._write(state, event="begin", **numbers)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Write the numbers of a step or of an evaluation."""
        logs = logs or {}
        numbers = {name: float(value) for name, value in logs.items() if name in LOGGED_KEYS}
        if "loss" in numbers:
            if TRAINED_KEY not in numbers and PREFERENCE_TOKENS_KEY in logs:
                numbers[TRAINED_KEY] = self._earlier_tokens + float(logs[PREFERENCE_TOKENS_KEY])
            self._losses["train_loss"] = numbers["loss"]
            self._write(state, **numbers, **(self._meter.step(logs.get(TOKENS_KEY)) if self._meter else {}))
            if not math.isfinite(numbers["loss"]):
                self._stop(control, "diverged", save=False)
        elif "eval_loss" in numbers:
            self._losses["dev_loss"] = numbers["eval_loss"]
            self._write(state, **numbers)
            self._pause()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Obey the control file; evaluate after the last step, so that the last checkpoint has a dev loss."""
        self._losses["dev_loss"] = None  # that of an earlier step is not that of a checkpoint between two evaluations
        if state.global_step >= state.max_steps and args.eval_strategy != "no":
            control.should_evaluate = True
        if any_process(bool(self._read_control()), args.device):
            how = self._read_control()
            self._stop(control, how, save=how == "pause")

    def on_save(
        self, args: Any, state: Any, control: Any, model: Any = None, processing_class: Any = None, **_: Any
    ) -> None:
        """Write the checkpoint's manifest, last of all: training never resumes from a checkpoint without one."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        any_process(True, args.device)  # all have saved their part
        if state.is_world_process_zero:
            manifest.write(folder, {"step": state.global_step, "created_at": int(time.time()), **self._losses})
        self._write(state, event="checkpoint", **self._losses)
        self._write_samples(state, model, processing_class)
        self._pause()

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Write that the last step is done, and why it was the last."""
        self._write(state, event="end", reason="complete" if state.global_step >= state.max_steps else self._ending)
        self._trackers.close()

    def _read_control(self) -> str:
        """Return what the trainer asks for: "pause", "stop", or nothing."""
        how = self._control.read_text("utf-8").strip() if self._control.exists() else ""
        return how if how in ("pause", "stop") else ""

    def _stop(self, control: Any, ending: str, *, save: bool) -> None:
        """End the training after this step."""
        self._ending = ending
        control.should_training_stop = True
        control.should_save = save
        control.should_evaluate = control.should_evaluate and save

    def _write_samples(self, state: Any, model: Any, tokenizer: Any) -> None:
        """Have the model write its passages, in one process of several; a failure costs only the passages."""
        if not state.is_world_process_zero:
            return
        try:
            samples = self._samples.write(model, tokenizer, state.global_step)
        except Exception as error:  # noqa: BLE001  # whatever it is, the training itself is well
            self._notify(f"No sample passages at step {state.global_step}: {type(error).__name__}: {error}")
            return
        if samples:
            beginning = samples[0].text[:BEGINNING_CHARACTERS]
            self._write(state, event="samples", epoch=state.epoch or 0.0, beginning=beginning)
            self._trackers.add_samples(samples)

    def _notify(self, text: str) -> None:
        """Write a line that a person should read."""
        line = {"time": time.time(), **self._position, "event": "notice", "text": text[:NOTICE_CHARACTERS]}
        append_to_log(self._log, [line])

    def _pause(self) -> None:
        if self._meter:
            self._meter.pause()

    def _write(self, state: Any, **body: Any) -> None:
        self._position = {"step": state.global_step, "max_steps": state.max_steps}
        if state.is_world_process_zero:
            line = {"time": time.time(), **self._position, **body}
            append_to_log(self._log, [line])
            self._trackers.add(line)


def any_process(condition: bool, device: Any) -> bool:
    """Return whether a condition holds in any process of the training; each waits for all, so that none goes alone."""
    if not torch.distributed.is_initialized():
        return condition
    flag = torch.tensor(int(condition), device=device)
    torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX)
    return bool(flag)


def cap_memory() -> None:
    """Let this process have only a share of its GPU's memory, so that more is an error.

    Without a cap, WSL 2 moves what is too much into the machine's memory, and training crawls.
    """
    if torch.cuda.is_available():
        share = float(os.environ.get(MEMORY_SHARE, "1"))
        torch.cuda.set_per_process_memory_fraction(share, int(os.environ.get("LOCAL_RANK", "0")))


def restore_token_counts(state: Any, output: Path) -> None:
    """Restore the token counts of the checkpoint that training resumes from.

    Axolotl does so itself only if its configuration names the checkpoint, not if it looks for the last one.
    """
    path = output / f"checkpoint-{state.global_step}" / "tokens_state.json"
    if not hasattr(state, "tokens") and path.exists():
        counts = json.loads(path.read_text("utf-8"))
        state.tokens = {name: torch.tensor(counts[name]) for name in ("total", "trainable")}


def count_tokens(lines: Sequence[LogLine], step: int) -> float:
    """Return the tokens that were trained up to a step, from the log of earlier attempts."""
    return max((float(line.get(TRAINED_KEY, 0)) for line in lines if line.get("step", 0) <= step), default=0.0)


def restore_epoch(state: Any, dataloader: Any) -> None:
    """Have packed rows drawn for the epoch that training resumes in.

    The loader that skips the batches which the epoch has had does not reach Axolotl's packing: it would go on with the
    packs that were counted at the start, so that some rows came twice in the epoch and others not at all.
    """
    if state.global_step and hasattr(dataloader, "set_epoch"):
        dataloader.set_epoch(int(state.epoch))
