"""What makes a training fit that does not: the changes that cost least come first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from scriptorium.recipe import ResolvedTraining

MIN_RANK = 8
LENGTH_STEP = 256
Changes = dict[str, int | str | bool]


def find_fitting(
    training: ResolvedTraining, longest_row: int, *, gpu: bool, needed: Callable[[ResolvedTraining], int], limit: int
) -> Changes | None:
    """Return the options to change so that `needed` bytes are at most `limit`; None if all of them are not enough.

    A change that frees nothing is left out.
    """
    changes: Changes = {}
    current = needed(training)
    for change in reductions(training, longest_row, gpu=gpu):
        if current <= limit:
            break
        changed = needed(training.model_copy(update={**changes, **change}))
        if changed < current:
            changes, current = {**changes, **change}, changed
    return changes if current <= limit else None


def reductions(training: ResolvedTraining, longest_row: int, *, gpu: bool) -> Iterator[Changes]:
    """Yield changes that lower the memory, in this order.

    The same batch in smaller parts, recomputation, a fused loss, a shorter sequence that cuts no row, a quantised base,
    8-bit optimizer states, a lower rank. On a CPU there are no fused losses, and NF4 is five times slower.
    """
    batch = training.micro_batch_size * training.gradient_accumulation_steps
    yield {"micro_batch_size": 1, "gradient_accumulation_steps": batch}
    yield {"gradient_checkpointing": True}
    if gpu and not training.cut_cross_entropy:
        yield {"liger": True}
    length = LENGTH_STEP * math.ceil(longest_row / LENGTH_STEP)
    if length < training.sequence_len:
        yield {"sequence_len": length}
    if gpu:
        yield {"adapter": "qlora"}
        yield {"optimizer": "adamw_8bit"}
    rank = training.lora_r // 2
    while rank >= MIN_RANK:
        yield {"lora_r": rank}
        rank //= 2
