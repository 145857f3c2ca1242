"""The values that stand for "auto" in a recipe, chosen for the number of rows."""

from __future__ import annotations

import math

from scriptorium.recipe import AUTO_LEARNING_RATE, ResolvedTraining, Training

MIN_UPDATES = 60  # fewer teach a LoRA little, whatever the rows: its learning rate has no time to rise and fall
AUTO_EPOCHS = 3
MAX_ACCUMULATION = 8
MIN_WARMUP = 2  # Axolotl 0.19 makes two of one


def resolve_training(training: Training, rows: int) -> ResolvedTraining:
    """Return the training options with a number for every "auto"; `rows` are the packed rows if rows are packed."""
    epochs = AUTO_EPOCHS if training.num_epochs == "auto" else training.num_epochs
    micro_batch = 1 if training.micro_batch_size == "auto" else training.micro_batch_size
    accumulation = training.gradient_accumulation_steps
    if accumulation == "auto":
        accumulation = max(1, min(MAX_ACCUMULATION, rows * epochs // (MIN_UPDATES * micro_batch)))
    rate = AUTO_LEARNING_RATE if training.learning_rate == "auto" else training.learning_rate
    chosen = {
        "num_epochs": epochs,
        "micro_batch_size": micro_batch,
        "gradient_accumulation_steps": accumulation,
        "learning_rate": rate,
    }
    return ResolvedTraining(**{**training.model_dump(), **chosen})


def count_updates(training: ResolvedTraining, rows: int) -> int:
    """Return the number of optimizer updates of a run over `rows` rows on one device."""
    epoch_updates = math.ceil(rows / (training.micro_batch_size * training.gradient_accumulation_steps))
    return training.max_steps or max(1, epoch_updates) * training.num_epochs


def count_warmup(training: ResolvedTraining, rows: int) -> int:
    """Return the updates during which the learning rate rises: rounded up, because a share of few would be none."""
    updates = count_updates(training, rows)
    return max(MIN_WARMUP, math.ceil(training.warmup_ratio * updates)) if training.warmup_ratio else 0
