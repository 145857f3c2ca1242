"""The size of a dataset in rows and tokens: counted from its rows, or expected from the words of a manuscript."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scriptorium.recipe import Data, Recipe

TOKENS_PER_WORD = 1.32  # English prose in the tokenizers of Llama 3 and SmolLM2: 1.31 to 1.33
FILL = 0.52  # where the mean passage lies between minimum and maximum: 413 of 350-480 words, 1,343 of 700-2,000 tokens
PROMPT_TOKENS = 93  # of the chat template and a brief
PACKING_EFFICIENCY = 0.95  # share of a packed row that first-fit bins of passages fill


@dataclass(frozen=True)
class DatasetSize:
    """Rows to train on and their tokens, padding not included; `answer_tokens` are those that are trained.

    `basis` says for people where the numbers come from.
    """

    rows: int
    tokens: int
    longest_row: int
    answer_tokens: int
    dev_rows: int = 0
    basis: str = "counted"

    @property
    def mean_row(self) -> float:
        """The mean length of a row, in tokens."""
        return self.tokens / self.rows

    def packed_rows(self, sequence_len: int) -> int:
        """Return the rows of `sequence_len` tokens that the rows are packed into."""
        return max(1, math.ceil(self.tokens / (sequence_len * PACKING_EFFICIENCY)))

    def padded_row(self, micro_batch: int) -> float:
        """Return the mean length of a row when batches are padded to their longest row.

        The longest of n lengths that are spread evenly up to the longest row lies (n - 1) / (n + 1) of the way there.
        """
        return self.mean_row + (self.longest_row - self.mean_row) * (micro_batch - 1) / (micro_batch + 1)


def size_of_rows(lengths: Sequence[int], answer_lengths: Sequence[int], dev_rows: int) -> DatasetSize:
    """Return the size of rows of these lengths in tokens."""
    return DatasetSize(
        rows=len(lengths),
        tokens=sum(lengths),
        longest_row=max(lengths),
        answer_tokens=sum(answer_lengths),
        dev_rows=dev_rows,
        basis="the rows of the prepared dataset",
    )


def size_of_words(words: int, recipe: Recipe, basis: str) -> DatasetSize:
    """Return the size that a manuscript of so many words will have: passages, less what is held out.

    A row with context has the passage before it in its prompt, unless that exceeds `sequence_len`.
    """
    data, limit = recipe.data, recipe.training.sequence_len
    unit = TOKENS_PER_WORD if data.chunking.unit == "words" else 1.0
    shortest, longest = data.chunking.minimum * unit, data.chunking.maximum * unit
    passage = shortest + FILL * (longest - shortest)
    context = context_share(data)
    tokens = words * TOKENS_PER_WORD
    rows = max(1, round(tokens * (1 - data.split.dev - data.split.test) / passage))
    return DatasetSize(
        rows=rows,
        tokens=round(rows * min(limit, passage * (1 + context) + PROMPT_TOKENS)),
        longest_row=round(min(limit, longest * (2 if context else 1) + PROMPT_TOKENS)),
        answer_tokens=round(rows * passage),
        dev_rows=round(tokens * data.split.dev / passage),
        basis=basis,
    )


def context_share(data: Data) -> float:
    """Return the share of the training rows whose prompt is the passage before them."""
    if data.prompt == "mixed":
        return data.mix.get("context", 0.0) / sum(data.mix.values())
    return float(data.prompt == "context")
