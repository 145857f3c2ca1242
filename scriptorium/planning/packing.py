"""How many rows a training really sees: short rows share a packed row, and its updates are counted on those.

The same first fit as in Axolotl's multipack sampler, over rows in the order in which the trainer writes them.
"""

from __future__ import annotations

from collections.abc import Sequence

from scriptorium.recipe import Training

ROWS_IN_PACKED_ROW = 200  # Axolotl's sample_packing_bin_size


def count_rows(training: Training, lengths: Sequence[int]) -> int:
    """Return the number of rows that a training steps through; `lengths` are the rows' tokens, in their order.

    A micro-batch of packed rows is one packed row of all its tokens.
    """
    if not training.sample_packing:
        return len(lengths)
    micro_batch = 1 if training.micro_batch_size == "auto" else training.micro_batch_size
    return micro_batch * count_packed_rows(lengths, micro_batch * training.sequence_len)


def count_packed_rows(lengths: Sequence[int], capacity: int) -> int:
    """Return how many packed rows of up to `capacity` tokens hold rows of these lengths, by first fit."""
    shortest = min(lengths, default=0)
    full = 0
    open_rows: list[list[int]] = []  # the free tokens and free places of each packed row that still has both
    for length in lengths:
        packed = next((row for row in open_rows if row[0] >= length), None)
        if packed is None:
            packed = [capacity, ROWS_IN_PACKED_ROW]
            open_rows.append(packed)
        packed[0] -= length
        packed[1] -= 1
        if packed[0] < shortest or not packed[1]:
            open_rows.remove(packed)
            full += 1
    return full + len(open_rows)
