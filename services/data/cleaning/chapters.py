"""Chapters of a book: found by headings, else by page breaks, else by wide gaps; headings do not train."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile

from services.data.cleaning.back_matter import drop_back_matter
from services.data.cleaning.headings import (
    AROUND,
    QUOTES,
    SENTENCE_END,
    WIDE_GAP,
    Kind,
    classify,
    numbered,
    split_heading,
)
from services.data.cleaning.layout import Block, Layout, join_blocks
from services.data.cleaning.opening_capitals import lower_openings
from services.data.cleaning.steps import Cleaning, Step

FEWEST_WORDS = 1000  # of a chapter on average, or page breaks and gaps are only the look of the page
LONGEST_NOTICE = 80  # words
OPENING = 60  # words before the first heading that make it a chapter and no title page
MATTER = re.compile(
    r"copyright|all rights reserved|\bisbn\b|project gutenberg|\be-?texts?\b|\be-?books?\b|transcribe|proofread"
    r"|produced by|printed in|^by\s|published by|dedicated to",
    re.IGNORECASE,
)


@dataclass
class Chapter:
    """A title, unique in its manuscript, and cleaned paragraphs with the place in a file at which each begins."""

    title: str
    paragraphs: list[str] = field(default_factory=list)
    lines: Sequence[int] = ()
    name_place: Callable[[int], str] = str

    @property
    def words(self) -> int:
        """How many words it has."""
        return sum(len(paragraph.split()) for paragraph in self.paragraphs)

    def locate(self, paragraph: int) -> str:
        """Where a paragraph is: its place in the file, where that is known, and the chapter."""
        return f"{self.name_place(self.lines[paragraph])}, {self.title}" if self.lines else self.title


@dataclass
class Stretch:
    """Headings and the blocks of text that follow them."""

    headings: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)


def find_chapters(layout: Layout, cleaning: Cleaning, *, opens: bool = True) -> list[Chapter]:
    """Every chapter with its paragraphs, front matter and headings left out; at least one where there is text.

    A text that `opens` no book has no front matter.
    """
    layout = replace(layout, blocks=drop_back_matter(choose_breaks(layout), layout, cleaning))
    stretches = find_stretches(layout, cleaning)
    stretches = drop_front_matter(stretches, cleaning) if opens else stretches
    texts = [join_blocks(stretch.blocks, layout, cleaning) for stretch in stretches]
    openings = lower_openings([(text[0], lines[0]) for text, lines in texts], layout.vocabulary, cleaning)
    return [
        Chapter(name_chapter(stretch.headings, number), [opening, *text[1:]], lines, cleaning.namer())
        for number, (stretch, opening, (text, lines)) in enumerate(
            zip(stretches, openings, texts, strict=True), start=1
        )
    ]


def choose_breaks(layout: Layout) -> list[Block]:
    """The blocks, page breaks kept, and wide gaps made page breaks, only where they can be those of chapters."""
    if layout.told:
        return layout.blocks
    blocks = [part for block in layout.blocks for part in split_heading(block, layout)]
    words = layout.vocabulary.words
    pages = [block.page for block in blocks]
    wide = [block.page or block.gap >= layout.gap + WIDE_GAP for block in blocks]
    headed = any(classify(with_page(block, False), layout, after_heading=False) is Kind.HEADING for block in blocks)
    for marks in [pages] if headed else [wide, pages]:
        if words >= FEWEST_WORDS * sum(marks):
            return list(map(with_page, blocks, marks))
    return [replace(block, page=False, seam=block.seam or block.page) for block in blocks]


def with_page(block: Block, page: bool) -> Block:
    """A block with a page break before it or none."""
    return block if block.page == page else replace(block, page=page)


def find_stretches(layout: Layout, cleaning: Cleaning) -> list[Stretch]:
    """Text between headings; what a table of contents lists is passed over."""
    stretches = [Stretch()]
    listing = False
    for block in layout.blocks:
        held = stretches[-1]
        kind = classify(block, layout, after_heading=bool(held.headings) and not held.blocks)
        if held.blocks and (block.page or kind in (Kind.HEADING, Kind.CONTENTS)):
            held = Stretch()
            stretches.append(held)
        if kind is Kind.CONTENTS or (listing and kind is Kind.TEXT and not prose(block)):
            listing = True
            cleaning.note(Step.CONTENTS, block.line, block.text)
        elif kind is Kind.NOTHING:
            cleaning.note(Step.SCENE_BREAKS, block.line, block.text)
        elif kind is Kind.TEXT:
            listing = False
            held.blocks.append(block)
        else:
            held.headings += [] if held.blocks else [block.text]  # a scene's own heading names no chapter
            cleaning.note(Step.HEADINGS, block.line, block.text)
    return [stretch for stretch in stretches if stretch.blocks]


def drop_front_matter(stretches: list[Stretch], cleaning: Cleaning) -> list[Stretch]:
    """Begin at the first numbered heading, or before it where enough is told there once title and imprint are off."""
    for index, stretch in enumerate(stretches):
        if any(map(numbered, stretch.headings)):
            return stretches[index:]
        blocks = drop_imprint(stretch.blocks)
        told = not any(map(AROUND.match, stretch.headings)) and sum(block.words for block in blocks) >= OPENING
        if told or index == len(stretches) - 1:
            blocks = blocks or stretch.blocks
            note_front(stretch.blocks[: len(stretch.blocks) - len(blocks)], cleaning)
            return [Stretch(stretch.headings, blocks), *stretches[index + 1 :]]
        note_front(stretch.blocks, cleaning)
    return []


def note_front(blocks: Iterable[Block], cleaning: Cleaning) -> None:
    """Count blocks that come before the story."""
    for block in blocks:
        cleaning.note(Step.FRONT_MATTER, block.line, block.text)


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


def make_unique(chapters: Iterable[Chapter]) -> Iterator[Chapter]:
    """The same chapters as they come, later ones of the same title numbered."""
    seen: Counter[str] = Counter()
    for chapter in chapters:
        seen[chapter.title] += 1
        again = seen[chapter.title]
        yield chapter if again == 1 else replace(chapter, title=f"{chapter.title} ({again})")
