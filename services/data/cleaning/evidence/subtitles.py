"""Titles under numbered headings, told from a story's first line by evidence: most chapters have one at that place.

Without it `My dearest Anna`, or a letter's date, would be taken for a title and lost. A title in capitals, centred, or
listed in the contents is one by itself; if nearly every chapter has a short line at that place, it is one even if it
ends as a sentence does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from services.data.cleaning.evidence.numbering import read_number
from services.data.cleaning.headings import (
    LETTER,
    MAX_TITLE_CHARACTERS,
    QUOTES,
    WIDE_GAP,
    BlockKind,
    classify,
    is_all_capitals,
    is_numbered,
)
from services.data.cleaning.layout import Block, Layout

MIN_SHARE = 0.5  # of the headings have a title under them
MIN_TITLES = 2
MIN_SENTENCE_SHARE = 0.9  # of the headings, if some titles end as sentences do
MIN_SENTENCE_HEADINGS = 5
MAX_SAME = 2  # times that a title stands in a book, in its contents and in its place; a salutation may in each chapter
CENTRED = re.compile(r"^ {8}")
DIGIT = re.compile(r"\d")  # as in a date
NUMBER_BEFORE = re.compile(r"^\W*(?:(?:[IVXLC]+|\d+)\b\W+)?|[\s.…]*\d*$")
DASHES = "-–—"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A short block under a numbered heading, at a depth of 1 for the first; `ended`: as a sentence is."""

    block: Block
    style: str  # of the heading
    depth: int
    ended: bool
    wide: bool  # has a wide gap before it


def find_subtitles(layout: Layout) -> frozenset[int]:
    """Return the lines of the titles under numbered headings; a wide gap makes one if it makes most headings."""
    candidates: list[Candidate] = []
    styles: Counter[str] = Counter()  # of the headings that have something under them
    style = ""
    gaps = depth = 0
    for block in layout.blocks:
        kind = classify(block, layout, after_heading=depth > 0)
        if kind is BlockKind.HEADING:
            depth = int(is_numbered(block.text) or layout.numbers(block))
            style = (read_number(block.text) or ("named", 0))[0]
            gaps += depth == 0
        elif depth and kind in (BlockKind.SUBTITLE, BlockKind.TEXT):
            ended = kind is BlockKind.TEXT
            styles[style] += depth == 1
            wide = block.gap >= layout.usual_gap + WIDE_GAP
            candidates += [Candidate(block, style, depth, ended, wide)] if may_be_title(block) else []
            depth = 0 if ended else depth + 1
    counts = count_lines(layout.blocks)
    by_gap = [
        candidate.block.line
        for candidate in candidates
        if gaps > styles.total() and candidate.wide and not candidate.ended
    ]
    chosen = (
        choose_titles([candidate for candidate in candidates if candidate.style == name], headings, counts)
        for name, headings in styles.items()
    )
    return frozenset([*chain.from_iterable(chosen), *by_gap])


def may_be_title(block: Block) -> bool:
    """Return whether a block is one line that begins as a title does."""
    text = block.text
    opens = text[:1] not in QUOTES + DASHES and (text[:1].isupper() or not text[:1].isascii())
    return len(block.lines) <= 2 and len(text) <= MAX_TITLE_CHARACTERS and opens and bool(LETTER.search(text))


def choose_titles(candidates: Sequence[Candidate], headings: int, counts: Counter[str]) -> Iterator[int]:
    """Yield the lines of candidates under headings of one style that are titles, by evidence of all or their own."""
    rare = [candidate for candidate in candidates if counts[fold(candidate.block.text)] <= MAX_SAME]
    first = sum(candidate.depth == 1 for candidate in rare)
    sentences = headings >= MIN_SENTENCE_HEADINGS and first >= MIN_SENTENCE_SHARE * headings
    undated = [candidate for candidate in rare if not candidate.ended and not DIGIT.search(candidate.block.text)]
    depths = Counter(candidate.depth for candidate in undated)
    for candidate in candidates:
        text, number = candidate.block.text, depths[candidate.depth]
        usual = candidate in undated and number >= max(MIN_TITLES, MIN_SHARE * headings)
        listed = counts[fold(text)] == MAX_SAME
        own = is_all_capitals(text) or bool(CENTRED.match(candidate.block.lines[0])) or listed
        if usual or (own and not candidate.ended) or (sentences and candidate.depth == 1 and candidate in rare):
            yield candidate.block.line


def count_lines(blocks: Sequence[Block]) -> Counter[str]:
    """Count the short lines of a book, without numbers before them."""
    return Counter(
        fold(line) for block in blocks for line in block.lines if len(line.strip()) <= 2 * MAX_TITLE_CHARACTERS
    )


def fold(line: str) -> str:
    """Return a line without what an entry of the contents has beside a title."""
    return NUMBER_BEFORE.sub("", line.strip()).strip(" .…").casefold()
