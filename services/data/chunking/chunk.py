"""Chapters become passages whose length is within a range wherever the text allows it.

A shortest path over the places where a passage may end: free at the end of a paragraph, dear inside one, and dearer
than everything for a passage that is too short. Every place is left for the few that lie within one maximum, so the
work is linear in the words of the text. A passage is a stretch of its chapter, and only white space is between two.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import ceil

import numpy as np
from numpy.typing import NDArray

from scriptorium.recipe import Chunking
from services.data.chunking.sentences import split_sentences
from services.data.chunking.token_offsets import Places, Scale

INSIDE_PARAGRAPH = 2.0  # against 0.5 at most for an uneven length: rather uneven than torn
TOO_SHORT = 1000.0
SPARE = 1.25  # of the pieces of a sentence that is too long, as words differ in length
PARAGRAPH = "\n\n"
WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Unit:
    """What is never divided: the stretch of a text that a sentence is; `opens` says that a paragraph begins with it."""

    start: int
    end: int
    opens: bool


def chunk_text(text: str, scale: Scale, chunking: Chunking) -> list[tuple[int, int]]:
    """Where each passage of a chapter begins and ends in its text; blank lines stand between paragraphs."""
    units = cut_units(text, find_units(text), scale, chunking.maximum)
    cuts = divide(units, scale, chunking.minimum, chunking.maximum)
    return [(units[first].start, units[after - 1].end) for first, after in pairwise(cuts)]


def find_units(text: str) -> list[Unit]:
    """The sentences of a text, without the white space around them."""
    units: list[Unit] = []
    at = 0
    for paragraph in text.split(PARAGRAPH):
        opens = True
        for sentence in split_sentences(paragraph):
            held = sentence.strip()
            if held:
                start = at + len(sentence) - len(sentence.lstrip())
                units.append(Unit(start, start + len(held), opens))
                opens = False
            at += len(sentence)
        at += len(PARAGRAPH)
    return units


def cut_units(text: str, units: Sequence[Unit], scale: Scale, maximum: int) -> list[Unit]:
    """The same units; one that is over the maximum is cut between words, as nothing smaller can be kept whole."""
    sizes = scale.lengths(*edges(units))
    return [
        piece
        for unit, size in zip(units, sizes.tolist(), strict=True)
        for piece in ([unit] if size <= maximum else cut_unit(text, unit, scale, size, maximum))
    ]


def cut_unit(text: str, unit: Unit, scale: Scale, size: int, maximum: int) -> list[Unit]:
    """Runs of words of about equal length that each fit; a single word that is over the maximum stays whole."""
    words = [match.start() for match in WORD.finditer(text, unit.start, unit.end)]
    ends = [match.end() for match in WORD.finditer(text, unit.start, unit.end)]
    runs = ceil(size * SPARE / maximum)
    before = scale.begun(np.array(words)) - scale.begun(np.array([unit.start]))
    firsts = np.searchsorted(before, np.arange(runs) * (size / runs)).tolist()
    cuts = [*sorted({first for first in firsts if first < len(words)}), len(words)]
    return [Unit(words[first], ends[after - 1], unit.opens and not first) for first, after in pairwise(cuts)]


def divide(units: Sequence[Unit], scale: Scale, minimum: int, maximum: int) -> list[int]:
    """Where passages begin and end, as indexes into `units`, at the least cost."""
    starts, ends = edges(units)
    ended, begun = scale.ended(starts), scale.begun(ends)
    costs = price_sizes(minimum, maximum)
    best = np.zeros(len(units) + 1)
    back = [0] * (len(units) + 1)
    low = 0
    for end in range(1, len(units) + 1):
        total = begun[end - 1]
        while low < end - 1 and total - ended[low] > maximum:
            low += 1
        sizes = np.minimum(total - ended[low:end], maximum)
        reached = best[low:end] + costs[sizes]
        cheapest = int(reached.argmin())
        torn = end < len(units) and not units[end].opens
        best[end], back[end] = reached[cheapest] + INSIDE_PARAGRAPH * torn, low + cheapest
    cuts = [len(units)]
    while cuts[-1]:
        cuts.append(back[cuts[-1]])
    return cuts[::-1]


@lru_cache(maxsize=1)
def price_sizes(minimum: int, maximum: int) -> NDArray[np.float64]:
    """What a passage of each size costs, up to the maximum."""
    return np.array([unfitness(size, minimum, maximum) for size in range(maximum + 1)])


def unfitness(size: int, minimum: int, maximum: int) -> float:
    """0 in the middle of the range, 0.5 at its ends, over TOO_SHORT below it and more the shorter the passage is."""
    if size < minimum:
        return TOO_SHORT * (2 - size / minimum)
    half = max(1.0, (maximum - minimum) / 2)
    return 0.5 * ((size - minimum) / half - 1) ** 2


def edges(units: Sequence[Unit]) -> tuple[Places, Places]:
    """Where units begin and end."""
    return (
        np.fromiter((unit.start for unit in units), np.int64, len(units)),
        np.fromiter((unit.end for unit in units), np.int64, len(units)),
    )
