"""The values that stand for "auto" in a recipe, chosen for the number of rows."""

from __future__ import annotations

import math

from scriptorium.recipe import AUTO_LEARNING_RATE, ResolvedTraining, Training

MIN_UPDATES = 60  # fewer teach a LoRA little, whatever the rows: its learning rate has no time to rise and fall
AUTO_EPOCHS = 3
MAX_ACCUMULATION = 8
MIN_LAST_UPDATE = 0.5  # of an update's rows, for the last one of an epoch: it moves the weights as far as a full one
MIN_WARMUP = 2  # Axolotl 0.19 takes one update for two


def resolve_training(training: Training, rows: int) -> ResolvedTraining:
    """Return the training options with a number for every "auto"; `rows` are the packed rows if rows are packed."""
    epochs = AUTO_EPOCHS if training.num_epochs == "auto" else training.num_epochs
    micro_batch = 1 if training.micro_batch_size == "auto" else training.micro_batch_size
    accumulation = training.gradient_accumulation_steps
    if accumulation == "auto":
        accumulation = choose_accumulation(rows, epochs, micro_batch)
    rate = AUTO_LEARNING_RATE if training.learning_rate == "auto" else training.learning_rate
    chosen = {
        "num_epochs": epochs,
        "micro_batch_size": micro_batch,
        "gradient_accumulation_steps": accumulation,
        "learning_rate": rate,
    }
    return ResolvedTraining(**{**training.model_dump(), **chosen})


def choose_accumulation(rows: int, epochs: int, micro_batch: int) -> int:
    """Return the most micro-batches to an update that leave enough updates, and none of them much smaller."""
    limit = max(1, min(MAX_ACCUMULATION, rows * epochs // (MIN_UPDATES * micro_batch)))
    micro_batches = math.ceil(rows / micro_batch)
    return max(n for n in range(1, limit + 1) if ((micro_batches - 1) % n + 1) / n >= MIN_LAST_UPDATE)


def count_updates(training: ResolvedTraining, rows: int) -> int:
    """Return the number of optimizer updates of a run over `rows` rows on one device."""
    epoch_updates = math.ceil(rows / (training.micro_batch_size * training.gradient_accumulation_steps))
    return training.max_steps or max(1, epoch_updates) * training.num_epochs


def count_warmup(training: Training, updates: int) -> int:
    """Return the updates during which the learning rate rises: a share of a short run would be none."""
    return max(MIN_WARMUP, math.ceil(training.warmup_ratio * updates)) if training.warmup_ratio else 0


def describe_updates(training: ResolvedTraining, rows: int) -> str:
    """Describe the updates of a run in numbers."""
    updates, batch = count_updates(training, rows), training.micro_batch_size * training.gradient_accumulation_steps
    last = (rows - 1) % batch + 1
    thin = f", the last of each epoch of {last}" if last < batch and not training.max_steps else ""
    return f"{updates} updates of {batch} row(s){thin}, {count_warmup(training, updates)} of them warm-up"


def advise_updates(training: ResolvedTraining, rows: int) -> str | None:
    """Return what to change if a run has too few updates; None if it has enough, or the recipe says how many."""
    updates = count_updates(training, rows)
    if training.max_steps or updates >= MIN_UPDATES:
        return None
    few = f"{updates} updates teach little: about {MIN_UPDATES} are needed"
    accumulation = choose_accumulation(rows, training.num_epochs, training.micro_batch_size)
    better = training.model_copy(update={"gradient_accumulation_steps": accumulation})
    if count_updates(better, rows) > updates:
        return f"{few}. gradient_accumulation_steps: {accumulation} makes {count_updates(better, rows)}."
    return f"{few}. The text is short; shorter passages or packed rows (sequence_len) make more."
