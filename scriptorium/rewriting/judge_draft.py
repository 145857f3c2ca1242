"""Judge whether a draft tells what its passage tells, in other words: a refusal says what is wrong with it.

The same checks serve the training and the evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from scriptorium.rewriting.book_words import BookWords
from scriptorium.text.quotation import join_words, quotes_passage
from scriptorium.text.words import COMPOUND_WORD

Refusal = Literal["unfinished", "length", "quotes", "names", "content", "order"]

MIN_LENGTH, MAX_LENGTH = 0.5, 1.5  # of the passage's words
MIN_NAMES = 0.75  # of the passage's names: a minor one may be "the doctor" in a draft
MIN_SHARED = 6  # content words and names in common; fewer show no order, and hardly the same events
MIN_ORDER = 0.5  # rank correlation of the places where they come first; 0.0 if they come anywhere


def judge_draft(passage: str, draft: str, book: BookWords, *, ended: bool) -> Refusal | None:
    """Return what is wrong with a draft of a passage; None if it is good. `ended` is False if it was cut off."""
    if not ended:
        return "unfinished"
    words, passage_words = COMPOUND_WORD.findall(draft), COMPOUND_WORD.findall(passage)
    if not MIN_LENGTH * len(passage_words) <= len(words) <= MAX_LENGTH * len(passage_words):
        return "length"
    if quotes_passage(draft, join_words(passage_words)):
        return "quotes"
    passage_items, items = book.list_items(passage), book.list_items(draft)
    names = [item for item in passage_items if item in book.lower_names]
    if count_shared(names, items) < MIN_NAMES * len(names):
        return "names"
    return judge_order(passage_items, items)


def count_shared(wanted: Sequence[str], items: Sequence[str]) -> int:
    """Count the wanted items that are there."""
    return len(set(wanted) & set(items))


def judge_order(passage: Sequence[str], draft: Sequence[str]) -> Refusal | None:
    """Return what is wrong with a draft's events, from names and stems of both in the order of their first places."""
    places = {item: place for place, item in enumerate(draft)}
    shared = [places[item] for item in passage if item in places]
    if len(shared) < min(MIN_SHARED, len(passage)):
        return "content"
    if len(shared) < MIN_SHARED:  # a passage of a few words has no order to speak of
        return None
    ranks = np.argsort(np.argsort(shared))
    correlation = np.corrcoef(np.arange(len(shared)), ranks)[0, 1]  # of ranks: Spearman's
    return "order" if correlation < MIN_ORDER else None
