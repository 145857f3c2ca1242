"""A dataset without a book: rows as long as a recipe's, of a text with a given number of words.

The check's tokenizer has a token for each byte, so a row's length is known before anything is tokenised.
"""

from __future__ import annotations

import random
from pathlib import Path

from scriptorium.artifacts.dataset import Row, write_rows
from scriptorium.planning.dataset_size import TOKENS_PER_WORD
from scriptorium.recipe import Data

BRIEF = "Write a passage in which nothing in particular happens, and at some length."
SYLLABLES = ("ba", "ce", "di", "fo", "gu", "la", "me", "ni", "po", "ru", "sa", "te", "vi", "wo", "zu")
SEED = 0


def write_dataset(folder: Path, data: Data, words: int) -> None:
    """Write train.jsonl: passages that together are as long as what a book of `words` leaves for training."""
    rng = random.Random(SEED)  # noqa: S311  # text to train on, not a secret
    rows = [
        Row(
            messages=[{"role": "user", "content": BRIEF}, {"role": "assistant", "content": write_text(length, rng)}],
            chapter="1",
        )
        for length in passage_lengths(data, words)
    ]
    write_rows(folder / "train.jsonl", rows)


def passage_lengths(data: Data, words: int) -> list[int]:
    """Return the lengths of the passages in tokens, spread evenly between the recipe's minimum and maximum."""
    unit = TOKENS_PER_WORD if data.chunking.unit == "words" else 1.0
    shortest, longest = data.chunking.minimum * unit, data.chunking.maximum * unit
    tokens = words * TOKENS_PER_WORD * (1 - data.split.dev - data.split.test)
    count = max(2, round(tokens / ((shortest + longest) / 2)))
    return [round(shortest + (longest - shortest) * index / (count - 1)) for index in range(count)]


def write_text(length: int, rng: random.Random) -> str:
    """Return words of that many characters in all, one byte each."""
    words: list[str] = []
    size = 0
    while size < length:
        words.append("".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))))
        size += len(words[-1]) + 1
    return " ".join(words)[:length].rstrip()
