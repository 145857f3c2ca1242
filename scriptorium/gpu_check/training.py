"""A recipe's training on the check's model, and its numbers beside the plan that the trainer made before it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from scriptorium.artifacts.training_log import TRAINING_LOG, LogLine, read_training_log
from scriptorium.contracts import TrainRequest, TrainResult
from scriptorium.gpu_check.record import GIB, Numbers
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.planning.device import known_peak
from scriptorium.recipe import Recipe


def train_once(base: Path, dataset: Path, folder: Path, recipe: Recipe, *, card: str, max_steps: int | None) -> Numbers:
    """Train one epoch of the recipe, or `max_steps`, with one checkpoint at the end; returns the numbers."""
    from services.trainer.train import train_adapter

    changes = {"num_epochs": 1, "checkpoints": 1, "max_steps": max_steps, "keep": 0}  # the model has nothing to say
    training = recipe.training.model_copy(update=changes)
    reporter = SilentReporter()
    folder.mkdir(parents=True)
    started = time.time()
    result = train_adapter(TrainRequest(dataset=dataset, base=base, training=training), folder, reporter)
    return collect_numbers(read_training_log(folder / TRAINING_LOG), result, reporter.numbers, started, card)


def collect_numbers(
    lines: Sequence[LogLine],
    result: TrainResult,
    reported: Sequence[Mapping[str, float | int | None]],
    started: float,
    card: str,
) -> Numbers:
    """Return the numbers of a training that began at `started` (Unix seconds), from its log and its result.

    `mfu` is the share of the peak that was measured on the card, as in a job's metric; `card_mfu` of the published one.
    Trained tokens count, those of the answers, between the first step, which warms up, and the last.
    """
    steps = [line for line in lines if "loss" in line]
    plan = next((numbers for numbers in reported if "planned_peak_bytes" in numbers), {})
    measured_peak = next((line["peak_flops"] for line in lines if line.get("peak_flops")), None)
    shares = [line["mfu_ratio"] for line in steps if line.get("mfu_ratio")]
    mfu, published_peak = median(shares) if shares else None, known_peak(card)
    used = [line["memory_used_bytes"] for line in lines if line.get("memory_used_bytes")]
    numbers = {
        "mfu": mfu,
        "card_mfu": mfu * measured_peak / published_peak if mfu and measured_peak and published_peak else None,
        "tokens_s": tokens_per_second(steps),
        "predicted_tokens_s": plan.get("planned_tokens_per_second"),
        "peak_gib": to_gib(result.peak_bytes),
        "predicted_gib": to_gib(plan.get("planned_peak_bytes")),
        "used_gib": to_gib(max(used, default=None)),
        "train_s": result.seconds,
        "predicted_s": plan.get("planned_seconds"),
        "first_step_s": steps[0]["time"] - started if steps else None,
        "steps": result.steps,
        "first_loss": result.first_loss,
        "last_loss": result.last_loss,
    }
    return {name: float(value) for name, value in numbers.items() if value is not None}


def tokens_per_second(steps: Sequence[LogLine]) -> float | None:
    """Return the trained tokens per second from the end of the first step to that of the last; None for one step."""
    if len(steps) < 2 or "tokens/trainable" not in steps[-1]:
        return None
    first, last = steps[0], steps[-1]
    return float((last["tokens/trainable"] - first["tokens/trainable"]) / (last["time"] - first["time"]))


def to_gib(size: float | None) -> float | None:
    """Return bytes in GiB."""
    return None if size is None else size / GIB
