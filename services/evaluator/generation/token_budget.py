"""How many tokens every model gets for a passage: as much as the author's own passages take, of up to 500 words."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from statistics import median

from scriptorium.artifacts.dataset import Row
from scriptorium.models.tokenizer import ChatTokenizer

WORDS = 500  # a style can be told from so many; longer passages cost time and tell little more
SPARE = 1.15  # a model that takes more tokens for a word than the author still gets there
SHORTEST = 16


def choose_budget(rows: Sequence[Row], tokenizer: ChatTokenizer, cap: int, context: int | None) -> int:
    """Tokens for one answer; `cap` and the engine's `context`, which the longest brief shares, may lower it."""
    passages = [row.passage for row in rows]
    lengths = [len(passage.split()) for passage in passages]
    tokens_per_word = sum(tokenizer.count(passages)) / max(1, sum(lengths))
    wanted = ceil(SPARE * tokens_per_word * min(WORDS, median(lengths)))
    return max(SHORTEST, min(wanted, cap, count_room(rows, tokenizer, context) if context else wanted))


def count_room(rows: Sequence[Row], tokenizer: ChatTokenizer, context: int) -> int:
    """Tokens that the longest brief leaves of an engine's context."""
    return context - max(len(tokenizer.encode(tokenizer.render(row.messages[:-1], ask=True))) for row in rows)
