"""Chapters of a book: found by headings, else by page breaks, else by wide gaps; headings do not train."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import takewhile

from services.data.headings import BARE, QUOTES, SENTENCE_END, WIDE_GAP, Kind, classify, numbered, split_heading
from services.data.layout import Block, Layout, join_lines

FEWEST_WORDS = 1000  # of a chapter on average, or page breaks and gaps are only the look of the page
FEWEST_WORDS_A_NUMBER = 400  # on average, or bare numbers are those of pages
LONGEST_NOTICE = 80  # words
OPENING = 60  # words before the first heading that make it a chapter and no title page
MATTER = re.compile(
    r"copyright|all rights reserved|\bisbn\b|project gutenberg|\be-?texts?\b|\be-?books?\b|transcribe|proofread"
    r"|produced by|printed in|^by\s|published by|dedicated to",
    re.IGNORECASE,
)


@dataclass
class Chapter:
    """A title, unique in its manuscript, and cleaned paragraphs."""

    title: str
    paragraphs: list[str] = field(default_factory=list)

    @property
    def words(self) -> int:
        """How many words it has."""
        return sum(len(paragraph.split()) for paragraph in self.paragraphs)


@dataclass
class Stretch:
    """Headings and the blocks of text that follow them."""

    headings: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)


def find_chapters(layout: Layout) -> list[Chapter]:
    """Every chapter with its paragraphs, front matter and headings left out; at least one where there is text."""
    layout = replace(layout, blocks=choose_breaks(layout))
    stretches = drop_front_matter(find_stretches(layout))
    return [
        Chapter(name_chapter(stretch.headings, number), [join_lines(block, layout) for block in stretch.blocks])
        for number, stretch in enumerate(stretches, start=1)
    ]


def choose_breaks(layout: Layout) -> list[Block]:
    """The blocks, page breaks kept, and wide gaps made page breaks, only where they can be those of chapters."""
    blocks = drop_page_numbers([part for block in layout.blocks for part in split_heading(block, layout)])
    words = sum(block.words for block in blocks)
    pages = [block.page for block in blocks]
    wide = [block.page or block.gap >= layout.gap + WIDE_GAP for block in blocks]
    headed = any(classify(replace(block, page=False), layout, after_heading=False) is Kind.HEADING for block in blocks)
    for marks in [pages] if headed else [wide, pages]:
        if words >= FEWEST_WORDS * sum(marks):
            return [replace(block, page=mark) for block, mark in zip(blocks, marks, strict=True)]
    return [replace(block, page=False) for block in blocks]


def drop_page_numbers(blocks: list[Block]) -> list[Block]:
    """Leave out bare numbers where there are too many for chapters."""
    bare = [len(block.lines) == 1 and bool(BARE.match(block.lines[0])) for block in blocks]
    if sum(bare) < 3 or sum(block.words for block in blocks) / sum(bare) >= FEWEST_WORDS_A_NUMBER:
        return blocks
    return [block for block, number in zip(blocks, bare, strict=True) if not number]


def find_stretches(layout: Layout) -> list[Stretch]:
    """Text between headings; what a table of contents lists is passed over."""
    stretches = [Stretch()]
    listing = False
    for block in layout.blocks:
        held = stretches[-1]
        kind = classify(block, layout, after_heading=bool(held.headings) and not held.blocks)
        if held.blocks and (block.page or kind in (Kind.HEADING, Kind.CONTENTS)):
            held = Stretch()
            stretches.append(held)
        if kind is Kind.CONTENTS:
            listing = True
        elif kind in (Kind.HEADING, Kind.SUBTITLE):
            held.headings.append(block.text)
        elif kind is Kind.TEXT and not (listing and not prose(block)):
            listing = False
            held.blocks.append(block)
    return [stretch for stretch in stretches if stretch.blocks]


def drop_front_matter(stretches: list[Stretch]) -> list[Stretch]:
    """Begin at the first numbered heading, or before it where enough is told there once title and imprint are off."""
    for index, stretch in enumerate(stretches):
        if any(map(numbered, stretch.headings)):
            return stretches[index:]
        blocks = drop_imprint(stretch.blocks)
        if sum(block.words for block in blocks) >= OPENING or index == len(stretches) - 1:
            return [Stretch(stretch.headings, blocks or stretch.blocks), *stretches[index + 1 :]]
    return []


def drop_imprint(blocks: list[Block]) -> list[Block]:
    """The blocks from the first one on that is no title, name, dedication or notice."""
    imprint = takewhile(lambda block: block.words < LONGEST_NOTICE and notice(block.text), blocks)
    return blocks[len(list(imprint)) :]


def notice(text: str) -> bool:
    """Whether a text is about the book, or no sentence at all."""
    return bool(MATTER.search(text)) or not SENTENCE_END.search(text)


def prose(block: Block) -> bool:
    """Whether a block is told rather than listed."""
    text = block.text
    return bool(SENTENCE_END.search(text)) and (block.words >= 8 or text[0] in QUOTES)


def name_chapter(headings: list[str], number: int) -> str:
    """The innermost numbered heading with its title; a plain count where there is none."""
    marked = [index for index, text in enumerate(headings) if numbered(text)]
    chosen = headings[marked[-1] :] if marked else headings[-1:]
    return ": ".join(" ".join(text.lstrip("# ").split()) for text in chosen) or f"Chapter {number}"


def make_unique(chapters: Iterable[Chapter]) -> list[Chapter]:
    """The same chapters, later ones of the same title numbered."""
    seen: Counter[str] = Counter()
    unique = []
    for chapter in chapters:
        seen[chapter.title] += 1
        again = seen[chapter.title]
        unique.append(chapter if again == 1 else replace(chapter, title=f"{chapter.title} ({again})"))
    return unique
