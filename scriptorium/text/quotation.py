"""Quotations: six words in a row that two texts have in common, whatever stands between the words.

>>> quotes_passage("He saw the old man by the sea", join_words(["The", "old", "man", "by", "the", "sea"]))
True
"""

from __future__ import annotations

from collections.abc import Sequence

from scriptorium.text.words import COMPOUND_WORD

QUOTE_LENGTH = 6  # words in a row that make a quotation


def join_words(words: Sequence[str]) -> str:
    """Join words in lower case by single spaces, with one at each end, so that a run of them can be looked up."""
    return f" {' '.join(words).lower()} "


def find_quotation(words: Sequence[str], passage: str) -> int | None:
    """Return where the first six words in a row begin that a passage has, too; None if there are none.

    The passage is given as `join_words` makes it.
    """
    starts = range(len(words) - QUOTE_LENGTH + 1)
    return next((start for start in starts if join_words(words[start : start + QUOTE_LENGTH]) in passage), None)


def quotes_passage(text: str, passage: str) -> bool:
    """Return whether six words in a row of a text are in a passage, which is given as `join_words` makes it."""
    return find_quotation(COMPOUND_WORD.findall(text), passage) is not None
