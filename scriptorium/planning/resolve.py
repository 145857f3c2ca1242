"""The values that stand for "auto" in a recipe, chosen for the number of rows and the base model."""

from __future__ import annotations

import math

from scriptorium.recipe import AUTO_LEARNING_RATE, ResolvedTraining, Training

MIN_UPDATES = 60  # fewer teach a LoRA little, whatever the rows: its learning rate has no time to rise and fall
AUTO_EPOCHS = 3
MAX_EPOCHS = 5  # of a short text; more would have it learned by heart
MAX_ACCUMULATION = 8
MIN_WARMUP = 2  # Axolotl 0.19 makes two of one
SEED_HIDDEN = 4096  # the model whose learning rate AUTO_LEARNING_RATE is: Llama-3.1-8B
RATE_EXPONENT = 0.78  # tinker-cookbook's fit for LoRA on Llama models of many sizes (hyperparam_utils.py)


def resolve_training(
    training: Training, rows: int, *, micro_batch: int = 1, hidden: int = SEED_HIDDEN
) -> ResolvedTraining:
    """Return the training options with a number for every "auto".

    `rows` are the packed rows if rows are packed; `micro_batch` is the one that fits the device, `hidden` the base's
    hidden size. Epochs: three, more for a text too short for MIN_UPDATES. Accumulation: as much as leaves MIN_UPDATES,
    for a smoother gradient. Learning rate: the seed workflow's, higher for a narrower model, a tenth for preferences.
    """
    micro_batch = micro_batch if training.micro_batch_size == "auto" else training.micro_batch_size
    epochs = auto_epochs(rows, micro_batch) if training.num_epochs == "auto" else training.num_epochs
    accumulation = training.gradient_accumulation_steps
    if accumulation == "auto":
        accumulation = largest_accumulation(rows, epochs, micro_batch)
    rate = training.learning_rate
    if rate == "auto":
        rate = float(f"{auto_learning_rate(hidden) * training.auto_rate_factor:.2g}")
    chosen = {
        "num_epochs": epochs,
        "micro_batch_size": micro_batch,
        "gradient_accumulation_steps": accumulation,
        "learning_rate": rate,
    }
    return ResolvedTraining(**{**training.model_dump(), **chosen})


def auto_epochs(rows: int, micro_batch: int) -> int:
    """Return the epochs that reach MIN_UPDATES without accumulation: three, up to five for a short text."""
    return min(MAX_EPOCHS, max(AUTO_EPOCHS, math.ceil(MIN_UPDATES * micro_batch / rows)))


def largest_accumulation(rows: int, epochs: int, micro_batch: int) -> int:
    """Return the largest accumulation with MIN_UPDATES in so many epochs, 1 if there is none."""
    epoch_updates = math.ceil(MIN_UPDATES / epochs)
    batches = math.ceil(rows / micro_batch)
    fitting = (steps for steps in range(MAX_ACCUMULATION, 1, -1) if math.ceil(batches / steps) >= epoch_updates)
    return next(fitting, 1)


def auto_learning_rate(hidden: int) -> float:
    """Return the seed workflow's learning rate, scaled to a model's hidden size and rounded to two digits."""
    return float(f"{AUTO_LEARNING_RATE * (SEED_HIDDEN / hidden) ** RATE_EXPONENT:.1e}")


def scale_steps(training: Training, rows: int, *, replay_rows: int, share: float) -> Training:
    """Return the training with `max_steps` for the rows with replay, so that each passage is seen as often as without.

    `rows` are those without. A packed row holds tokens of both, so steps grow by the replayed share of the tokens.
    """
    if training.max_steps is None or not replay_rows:
        return training
    factor = 1 / (1 - share) if training.sample_packing else (rows + replay_rows) / rows
    return training.model_copy(update={"max_steps": math.ceil(training.max_steps * factor)})


def count_updates(training: ResolvedTraining, rows: int) -> int:
    """Return the number of optimizer updates of a run over `rows` rows on one device."""
    epoch_updates = math.ceil(rows / (training.micro_batch_size * training.gradient_accumulation_steps))
    return training.max_steps or max(1, epoch_updates) * training.num_epochs


def count_warmup(training: ResolvedTraining, rows: int) -> int:
    """Return the updates during which the learning rate rises: rounded up, because a share of few would be none."""
    updates = count_updates(training, rows)
    return max(MIN_WARMUP, math.ceil(training.warmup_ratio * updates)) if training.warmup_ratio else 0
