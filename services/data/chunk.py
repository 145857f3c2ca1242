"""Chapters become passages whose length is within a range wherever the text allows it.

A shortest path over the places where a passage may end: free at the end of a paragraph, dear inside one, and dearer
than everything for a passage that is too short. Every place is left for the few that lie within one maximum, so the
work is linear in the words of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import inf

from scriptorium.recipe import Chunking
from services.data.sentences import split_sentences

INSIDE_PARAGRAPH = 2.0  # against 0.5 at most for an uneven length: rather uneven than torn
TOO_SHORT = 1000.0
PARAGRAPH = "\n\n"

Count = Callable[[Sequence[str]], list[int]]


@dataclass(frozen=True)
class Unit:
    """What is never divided: a sentence, with the white space before it, and its length."""

    text: str
    size: int

    @property
    def opens(self) -> bool:
        """Whether it begins a paragraph."""
        return self.text.startswith(PARAGRAPH)


def count_words(texts: Sequence[str]) -> list[int]:
    """Words of each text, by white space."""
    return [len(text.split()) for text in texts]


def chunk_paragraphs(paragraphs: Sequence[str], chunking: Chunking, count: Count) -> list[str]:
    """The passages of one chapter; joined by the white space between them they are the chapter again."""
    units = measure_units(paragraphs, chunking.maximum, count)
    cuts = divide(units, chunking.minimum, chunking.maximum, count([PARAGRAPH])[0])
    return ["".join(unit.text for unit in units[start:end]).strip() for start, end in pairwise(cuts)]


def measure_units(paragraphs: Sequence[str], maximum: int, count: Count) -> list[Unit]:
    """Sentences with their lengths; one that is over the maximum is cut between words."""
    texts = [
        PARAGRAPH + sentence if first else sentence
        for paragraph in paragraphs
        for first, sentence in ((index == 0, text) for index, text in enumerate(split_sentences(paragraph)))
    ]
    # measured as inside a line: a byte-level tokenizer joins a word and the space before it
    sizes = count([" " + text.strip() for text in texts])
    units: list[Unit] = []
    for text, size in zip(texts, sizes, strict=True):
        pieces = [text] if size <= maximum else cut_sentence(text, size, maximum)
        lengths = [size] if len(pieces) == 1 else count([" " + piece.strip() for piece in pieces])
        units += map(Unit, pieces, lengths)
    return units


def cut_sentence(text: str, size: int, maximum: int) -> list[str]:
    """Equal runs of words that should each fit, the white space at their front."""
    lead = text[: len(text) - len(text.lstrip())]
    words = text.split()
    runs = -(-size * 5 // (maximum * 4))  # a fifth to spare, as words differ in length
    step = max(1, len(words) // runs)
    pieces = [" ".join(words[start : start + step]) for start in range(0, len(words), step)]
    return [lead + pieces[0], *(" " + piece for piece in pieces[1:])]


def divide(units: Sequence[Unit], minimum: int, maximum: int, gap: int) -> list[int]:
    """Where passages begin and end, as indexes into `units`, at the least cost; `gap` is a paragraph break's length."""
    opens = [unit.opens for unit in units]
    total = [0, *accumulate(unit.size + gap * unit.opens for unit in units)]
    best, back = [0.0] + [inf] * len(units), [0] * (len(units) + 1)
    for end in range(1, len(units) + 1):
        torn = 0.0 if end == len(units) or opens[end] else INSIDE_PARAGRAPH
        for start in range(end - 1, -1, -1):
            size = total[end] - total[start] - gap * opens[start]
            if size > maximum and start < end - 1:
                break
            cost = best[start] + torn + unfitness(size, minimum, maximum)
            if cost < best[end]:
                best[end], back[end] = cost, start
    cuts = [len(units)]
    while cuts[-1]:
        cuts.append(back[cuts[-1]])
    return cuts[::-1]


def unfitness(size: int, minimum: int, maximum: int) -> float:
    """0 in the middle of the range, 0.5 at its ends, over TOO_SHORT below it and more the shorter the passage is."""
    if size < minimum:
        return TOO_SHORT * (2 - size / minimum)
    half = max(1.0, (maximum - minimum) / 2)
    return 0.5 * ((size - minimum) / half - 1) ** 2
