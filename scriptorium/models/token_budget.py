"""The tokens that every model gets for a passage: as many as the author's own passages take, of up to 500 words."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from statistics import median

from scriptorium.artifacts.dataset import Row
from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.text.word_spans import count_running_words

MAX_WORDS = 500  # enough to recognise a style; longer passages cost time and show little more
SPARE_FACTOR = 1.15  # for a model that takes more tokens per word than the author
MIN_TOKENS = 16


def choose_budget(rows: Sequence[Row], tokenizer: ChatTokenizer, cap: int, context: int | None) -> int:
    """Return the tokens for one answer; `cap` and the engine's `context`, which the longest brief shares, limit it."""
    passages = [row.passage for row in rows]
    lengths = [count_running_words(passage) for passage in passages]
    tokens_per_word = sum(tokenizer.count(passages)) / max(1, sum(lengths))
    budget = ceil(SPARE_FACTOR * tokens_per_word * min(MAX_WORDS, median(lengths)))
    return max(MIN_TOKENS, min(budget, cap, count_room(rows, tokenizer, context) if context else budget))


def count_room(rows: Sequence[Row], tokenizer: ChatTokenizer, context: int) -> int:
    """Count the tokens that the longest brief leaves of an engine's context."""
    return context - max(
        len(tokenizer.encode(tokenizer.render(row.messages[:-1], add_generation_prompt=True))) for row in rows
    )
