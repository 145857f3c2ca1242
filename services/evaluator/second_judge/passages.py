"""Passages behind their contexts, as token ids, and which tokens count: names and titles do not.

Names are the one thing by which a passage of the same book is likelier behind that book, whoever wrote it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.text.languages.language import Language
from scriptorium.text.words import WORD, list_words, plain
from services.evaluator.second_judge.contexts import Contexts
from services.evaluator.voice.features.names import find_names

PASSAGE_TOKENS = 256


@dataclass(frozen=True)
class ContextualPassage:
    """A context of `start` tokens with a passage behind it; `places` are the tokens of the passage that count."""

    ids: list[int]
    start: int
    places: list[int]


def list_uncounted(texts: Iterable[str], language: Language) -> frozenset[str]:
    """List the words that do not count: the names of an author's texts, and their language's titles."""
    return find_names(list(texts), language) | language.titles


def put_behind(
    contexts: Contexts, text: str, tokenizer: ChatTokenizer, uncounted: frozenset[str], tokens: int = PASSAGE_TOKENS
) -> list[ContextualPassage]:
    """Put the first `tokens` tokens of a text behind each of its contexts."""
    text = plain(text)
    ids, offsets = tokenizer.encode_with_offsets(text)
    ignored = [match.span() for match in WORD.finditer(text) if list_words(match.group())[0] in uncounted]
    counted = [
        number
        for number, (start, end) in enumerate(offsets[:tokens].tolist())
        if not any(start < ignored_end and ignored_start < end for ignored_start, ignored_end in ignored)
    ]
    return [
        ContextualPassage([*context, *ids[:tokens]], len(context), [len(context) + number for number in counted])
        for context in contexts
    ]


def mean_of(log_probabilities: Sequence[float], places: Sequence[int]) -> float:
    """Return the mean of the tokens that count, 0 if none does; the list begins with the second token's."""
    return sum(log_probabilities[place - 1] for place in places) / max(1, len(places))
