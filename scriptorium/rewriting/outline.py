"""An outline that stands in for a draft: for each few sentences who and what, in the order of events.

    Tarzan, Kala: branch, crouched, sprang
    Sabor: jungle, scream

It never shares six words in a row with its passage, so nothing can be learned by copying.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from scriptorium.rewriting.book_words import BookWords, stem
from scriptorium.text.quotation import QUOTE_LENGTH, find_quotation, join_words
from scriptorium.text.sentences import split_sentences
from scriptorium.text.words import COMPOUND_WORD

STEP_SENTENCES = 3
STEP_WORDS = 6  # content words of a step, beside its names


@dataclass
class OutlineStep:
    """What a few sentences tell: who, and what."""

    names: list[str]
    words: list[str]

    def __str__(self) -> str:
        """Return the step as a line; "" if nothing is in it."""
        return ": ".join(", ".join(items) for items in (self.names, self.words) if items)


def write_outline(passage: str, book: BookWords) -> str:
    """Write the outline of a passage; "" if it has neither names nor content words."""
    sentences = list(chain.from_iterable(split_sentences(paragraph) for paragraph in passage.split("\n\n")))
    groups = [sentences[start : start + STEP_SENTENCES] for start in range(0, len(sentences), STEP_SENTENCES)]
    steps = [describe_step(" ".join(group), book) for group in groups]
    drop_quotations(steps, join_words(COMPOUND_WORD.findall(passage)))
    return "\n".join(line for line in map(str, steps) if line)


def describe_step(text: str, book: BookWords) -> OutlineStep:
    """Return the names of a text and its most telling words, both in their order.

    A word that few passages have tells more, but one of this passage alone comes last: an oddity is the author's.
    """
    first_forms: dict[str, str] = {}
    for word in book.list_content(text):
        first_forms.setdefault(stem(word), word.lower())
    words = list(first_forms.values())
    telling = sorted(words, key=lambda word: (book.spread.get(word, 0) <= 1, book.spread.get(word, 0)))[:STEP_WORDS]
    return OutlineStep(book.list_names(text), [word for word in words if word in telling])


def drop_quotations(steps: list[OutlineStep], passage: str) -> None:
    """Drop words, or names if there are none, until no six words in a row are in the passage."""
    while (words := list_places(steps)) and (
        start := find_quotation([word for word, *_ in words], passage)
    ) is not None:
        run = words[start : start + QUOTE_LENGTH]
        _, step, is_name, index = next((place for place in reversed(run) if not place[2]), run[QUOTE_LENGTH // 2])
        del (step.names if is_name else step.words)[index]


def list_places(steps: list[OutlineStep]) -> list[tuple[str, OutlineStep, bool, int]]:
    """List the words of an outline, each with its step, if it is of a name, and the index of its entry there."""
    return [
        (word, step, is_name, index)
        for step in steps
        for is_name, entries in ((True, step.names), (False, step.words))
        for index, entry in enumerate(entries)
        for word in COMPOUND_WORD.findall(entry)
    ]
