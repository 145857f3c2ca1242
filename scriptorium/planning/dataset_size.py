"""The size of a dataset in rows and tokens: counted from its rows, or expected from the words of a manuscript."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scriptorium.contracts import TokenStatistics
from scriptorium.recipe import Data, Drafts, PromptKind, Recipe, Split, Training

TOKENS_PER_WORD = 1.32  # English prose in the tokenizers of Llama 3 and SmolLM2: 1.31 to 1.33
FILL = 0.52  # where the mean passage lies between minimum and maximum: 413 of 350-480 words, 1,343 of 700-2,000 tokens
DRAFT_LENGTH: dict[Drafts, float] = {"base": 1.0, "outline": 0.35}  # tokens of a draft by those of its passage
PROMPT_TOKENS = 93  # of the chat template and a brief
REQUEST_TOKENS = 40  # of the chat template and a plain request that is replayed
REPLAYED_LENGTH = 0.25  # of a passage: the mean good answer of a base that is replayed (128 tokens beside 515)
PACKING_EFFICIENCY = 0.95  # share of a packed row that first-fit bins of passages fill


@dataclass(frozen=True)
class DatasetSize:
    """Rows to train on and their tokens, padding not included; `answer_tokens` are those that are trained.

    `replay_rows` and `replay_tokens` are the base's own answers among them, if those are expected and not yet there.
    `counted_packed_rows` is the number of packed rows if somebody has counted them; `basis` says for people where the
    numbers come from.
    """

    rows: int
    tokens: int
    longest_row: int
    answer_tokens: int
    dev_rows: int = 0
    basis: str = "counted"
    counted_packed_rows: int | None = None
    replay_rows: int = 0
    replay_tokens: int = 0

    @property
    def mean_row(self) -> float:
        """The mean length of a row, in tokens."""
        return self.tokens / self.rows

    def packed_rows(self, sequence_len: int) -> int:
        """Return the rows of `sequence_len` tokens that the rows are packed into."""
        return self.counted_packed_rows or max(1, math.ceil(self.tokens / (sequence_len * PACKING_EFFICIENCY)))

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


def size_of_passages(train: TokenStatistics, dev: TokenStatistics | None, recipe: Recipe, basis: str) -> DatasetSize:
    """Return the size of a prepared dataset, from the lengths of its passages."""
    dev_rows = dev.examples if dev else 0
    return with_prompts(train.examples, train.mean, train.maximum, recipe, dev_rows=dev_rows, basis=basis)


def size_of_words(words: int, recipe: Recipe, basis: str, validation_words: int | None = None) -> DatasetSize:
    """Return the size that a manuscript of so many words will have: passages, less what is held out.

    The words of a validation file are dev, and then none of the manuscript's are.
    """
    data = recipe.data
    unit = TOKENS_PER_WORD if data.chunking.unit == "words" else 1.0
    shortest, longest = data.chunking.minimum * unit, data.chunking.maximum * unit
    passage = shortest + FILL * (longest - shortest)
    passages = words * TOKENS_PER_WORD / passage
    dev = passages * data.split.dev if validation_words is None else validation_words * TOKENS_PER_WORD / passage
    rows = max(1, round(passages * train_share(data.split, has_validation=validation_words is not None)))
    dev_rows = round(dev) if validation_words is None else max(1, round(dev))
    return with_prompts(rows, passage, longest, recipe, dev_rows=dev_rows, basis=basis)


def train_share(split: Split, *, has_validation: bool) -> float:
    """Return the share of a manuscript that is trained on; another one that is dev leaves it the whole of its own."""
    return 1 - split.test - (0.0 if has_validation else split.dev)


def with_prompts(rows: int, mean: float, longest: float, recipe: Recipe, *, dev_rows: int, basis: str) -> DatasetSize:
    """Return the size of rows with prompts, from the mean and the longest passage in tokens.

    A prompt with context holds the passage before, a prompt to rewrite a draft, unless the row would then exceed
    `sequence_len`.
    """
    limit, context, rewrite = recipe.training.sequence_len, context_share(recipe.data), rewrite_share(recipe.data)
    draft = DRAFT_LENGTH[recipe.data.drafts]
    tokens = round(rows * min(limit, mean * (1 + context + rewrite * draft) + PROMPT_TOKENS))
    longest_row = round(min(limit, longest * (2 if context else 1 + draft * (rewrite > 0)) + PROMPT_TOKENS))
    size = DatasetSize(
        rows=rows,
        tokens=tokens,
        longest_row=min(tokens, longest_row),
        answer_tokens=round(rows * mean),
        dev_rows=dev_rows,
        basis=basis,
    )
    return with_replay(size, recipe.training)


def with_replay(size: DatasetSize, training: Training) -> DatasetSize:
    """Return the size with the base's own answers, as many of them as a training replays; they are not written yet."""
    if not training.keep or training.method == "dpo":
        return size
    tokens = round(size.answer_tokens * training.keep / (1 - training.keep))
    rows = max(1, round(tokens / (REPLAYED_LENGTH * size.answer_tokens / size.rows)))
    return replace(
        size,
        rows=size.rows + rows,
        tokens=size.tokens + tokens + REQUEST_TOKENS * rows,
        answer_tokens=size.answer_tokens + tokens,
        basis=f"{size.basis}; {training.keep:.0%} of the trained tokens replayed",
        replay_rows=rows,
        replay_tokens=tokens,
    )


def context_share(data: Data) -> float:
    """Return the share of the training rows whose prompt is the passage before them."""
    return kind_share(data, "context")


def rewrite_share(data: Data) -> float:
    """Return the share of the training rows that ask to rewrite a draft."""
    return kind_share(data, "rewrite")


def kind_share(data: Data, kind: PromptKind) -> float:
    """Return the share of the training rows with a kind of prompt."""
    if data.prompt == "mixed":
        return data.mix.get(kind, 0.0) / sum(data.mix.values())
    return float(data.prompt == kind)
