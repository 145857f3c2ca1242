"""Scriptorium's plugin inside Axolotl: writes one line of JSON per log step and obeys a control file.

Runs in Axolotl's environment and imports of Scriptorium only modules that need the standard library alone. Beside the
output folder (`checkpoints/`) it appends to `metrics.jsonl` and reads `control`, whose text may be "pause" (save a
checkpoint, then stop) or "stop" (save nothing more). A loss that is not finite ends the training at once: weights
that have become NaN stay so, and must not be saved. Before
the first step and after each checkpoint the model writes its sample passages.
"""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path
from typing import Any

import torch
from axolotl.integrations.base import BasePlugin
from safetensors.torch import save_file
from transformers import TrainerCallback

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoint_samples import read_samples
from scriptorium.artifacts.training_log import TRAINING_LOG, append_to_log, read_training_log
from services.trainer.inside_axolotl.machine import CpuUse, read_memory, read_peak
from services.trainer.inside_axolotl.prepared_rows import save_in_this_process
from services.trainer.inside_axolotl.trackers import Trackers
from services.trainer.inside_axolotl.utilisation import FROZEN_FLOPS, TRAINED_FLOPS, Utilisation
from services.trainer.inside_axolotl.write_samples import SampleWriter

LOGGED_KEYS = ("loss", "eval_loss", "learning_rate", "grad_norm", "epoch", "tokens/trainable")
TOKENS_KEY = "tokens/total"  # padding included: the device works on it as well
PEAK_SECONDS = 0.6
PEAK_SIZES = (1024, 2048, 4096, 8192)
PEAK_TRIES = 3
MEMORY_SHARE = "SCRIPTORIUM_TRAIN_MEMORY_SHARE"
BEGINNING_CHARACTERS = 160  # of a passage, for an event
NOTICE_CHARACTERS = 300
NF4 = "nf4, blocks of 64, nested in 256"  # what a merge can repeat


class ScriptoriumPlugin(BasePlugin):  # type: ignore[misc]
    """The class that Axolotl loads: `plugins: [services.trainer.inside_axolotl.plugin.ScriptoriumPlugin]`."""

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

    def add_callbacks_post_trainer(self, cfg: Any, trainer: Any) -> list[TrainerCallback]:
        """Add the callback that records and controls the training."""
        return [ScriptoriumCallback(Path(cfg.output_dir).parent, stops_early=bool(cfg.early_stopping_patience))]


class ScriptoriumCallback(TrainerCallback):  # type: ignore[misc]
    """Writes the metrics and obeys the control file."""

    def __init__(self, folder: Path, *, stops_early: bool = False) -> None:
        self._log = folder / TRAINING_LOG
        self._ending = "early_stop" if stops_early else "stop"  # if it ends before its last step for no other reason
        self._control = folder / "control"
        self._losses: dict[str, float | None] = {"train_loss": None, "dev_loss": None}
        self._meter: Meter | None = None
        self._position = {"step": 0, "max_steps": 0}
        self._samples = SampleWriter(folder, self._control.exists)
        self._trackers = Trackers(folder, self._notify)

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


def write_quantised(model: Any, path: Path) -> None:
    """Write the scales of every 4-bit weight, so that a merge can repeat this quantisation; no file if there are none.

    For each layer: an 8-bit code for each block's scale, a scale for each group of codes, and their offset. If weights
    were quantised in another way, the file only names it.
    """
    weights = {name: getattr(layer, "weight", None) for name, layer in model.named_modules()}
    states = {plain_name(name): getattr(weight, "quant_state", None) for name, weight in weights.items()}
    quantised = {name: state for name, state in states.items() if state is not None}
    kinds = {describe_quantisation(state) for state in quantised.values()}
    tensors: dict[str, Any] = {}
    for name, state in quantised.items() if kinds == {NF4} else ():
        tensors |= {f"{name}.codes": state.absmax, f"{name}.groups": state.state2.absmax}
        tensors |= {f"{name}.offset": state.offset.reshape(1), "levels": state.state2.code}
    if quantised:
        copies = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
        save_file(copies, path, metadata={"kind": " and ".join(sorted(kinds))})


def describe_quantisation(state: Any) -> str:
    """Describe how a weight was quantised."""
    groups = f", nested in {state.state2.blocksize}" if state.nested else ""
    return f"{state.quant_type}, blocks of {state.blocksize}{groups}"


def plain_name(name: str) -> str:
    """Return a layer's name in the base model, without PEFT's wrappers."""
    return name.removeprefix("base_model.model.").replace(".base_layer", "")


def restore_token_counts(state: Any, output: Path) -> None:
    """Restore the token counts of the checkpoint that training resumes from.

    Axolotl does so itself only if its configuration names the checkpoint, not if it looks for the last one.
    """
    path = output / f"checkpoint-{state.global_step}" / "tokens_state.json"
    if not hasattr(state, "tokens") and path.exists():
        counts = json.loads(path.read_text("utf-8"))
        state.tokens = {name: torch.tensor(counts[name]) for name in ("total", "trainable")}


def restore_epoch(state: Any, dataloader: Any) -> None:
    """Have packed rows drawn for the epoch that training resumes in.

    The loader that skips the batches which the epoch has had does not reach Axolotl's packing: it would go on with the
    packs that were counted at the start, so that some rows came twice in the epoch and others not at all.
    """
    if state.global_step and hasattr(dataloader, "set_epoch"):
        dataloader.set_epoch(int(state.epoch))


class Meter:
    """Measures the device that trains; a number that is not available is left out."""

    def __init__(self, model: Any, device: Any, dtype: Any) -> None:
        self._device = device
        self._cpu = None if device.type == "cuda" else CpuUse()
        self._peak = measure_peak(device, dtype)
        torch.cuda.empty_cache()  # free the matrices' memory
        self._utilisation = Utilisation(count_flops(model), self._peak) if self._peak else None

    def describe(self) -> dict[str, float]:
        """Return the device's measured peak in FLOP/s, and the most bytes that loading the model took."""
        return {"peak_memory_bytes": self.peak_memory(), **({"peak_flops": self._peak} if self._peak else {})}

    def peak_memory(self) -> int:
        """Return the most bytes that training has needed so far: on a GPU its tensors, else this process."""
        return read_peak() if self._cpu else int(torch.cuda.max_memory_allocated(self._device))

    def pause(self) -> None:
        """Leave the time up to now out of the utilisation: it was not training."""
        if self._utilisation:
            self._utilisation.pause(time.monotonic())

    def step(self, tokens: int | None) -> dict[str, float]:
        """Return the numbers of the step that has just ended, after `tokens` in all."""
        used, total = read_memory() if self._cpu else gpu_memory(self._device)
        numbers = {
            "mfu_ratio": self._utilisation.step(time.monotonic(), tokens) if self._utilisation and tokens else None,
            "memory_used_bytes": used,
            "memory_total_bytes": total,
            "peak_memory_bytes": self.peak_memory(),
            "device_use_ratio": self._cpu.measure() if self._cpu else gpu_use(self._device),
        }
        return {name: value for name, value in numbers.items() if value is not None}


def count_flops(model: Any) -> float:
    """Return the FLOPs that one token costs in a training step; see `utilisation`.

    Every linear layer counts, including the head even if it shares its values with the embeddings, which are looked up
    and do not count. Sizes are those of the layer: a quantised weight is stored in fewer elements.
    """
    layers = [layer for layer in model.modules() if isinstance(layer, torch.nn.Linear)]
    return float(
        sum(
            (TRAINED_FLOPS if layer.weight.requires_grad else FROZEN_FLOPS) * layer.in_features * layer.out_features
            for layer in layers
        )
    )


def measure_peak(device: Any, dtype: Any) -> float | None:
    """Return the best FLOP/s of square matrix products, or None if there is no memory even for small ones.

    The sizes grow while there is time, because a small product does not saturate a device.
    """
    best, deadline = 0.0, time.monotonic() + PEAK_SECONDS
    for size in PEAK_SIZES:
        try:
            seconds = min(time_products(size, device, dtype))
        except RuntimeError:
            break
        best = max(best, 2 * size**3 / seconds)
        if time.monotonic() + 8 * PEAK_TRIES * seconds > deadline:  # twice the size costs eight times as much
            break
    return best or None


def time_products(size: int, device: Any, dtype: Any) -> list[float]:
    """Return the seconds of a square matrix's product with itself, measured a few times."""
    generator = torch.Generator(device).manual_seed(0)  # separate, so that training's random numbers do not change
    matrix = torch.randn(size, size, device=device, dtype=dtype, generator=generator)
    synchronize = torch.cuda.synchronize if matrix.is_cuda else lambda: None
    times = []
    for _ in range(PEAK_TRIES):
        synchronize()
        started = time.perf_counter()
        matrix @ matrix
        synchronize()
        times.append(time.perf_counter() - started)
    return times


def precision(args: Any) -> Any:
    """Return the type in which a training multiplies."""
    return torch.bfloat16 if args.bf16 else torch.float16 if args.fp16 else torch.float32


def gpu_memory(device: Any) -> tuple[int, int]:
    """Return the bytes in use on a GPU, by any process, and the total bytes."""
    free, total = torch.cuda.mem_get_info(device)
    return total - free, total


def gpu_use(device: Any) -> float | None:
    """Return how busy a GPU is, 0-1, or None if the driver does not report it."""
    try:
        return float(torch.cuda.utilization(device)) / 100
    except _driver_errors():
        return None


def _driver_errors() -> tuple[type[Exception], ...]:
    """Return what torch raises if the driver's library is missing, and what that library itself raises."""
    try:
        from pynvml import NVMLError
    except ImportError:
        return (ImportError, RuntimeError)
    return (ImportError, RuntimeError, NVMLError)
