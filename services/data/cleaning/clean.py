"""A text as it was typed or scanned becomes chapters of clean paragraphs.

Every step notes what it changes (services/data/cleaning/steps.py), so that a person can look at it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from services.data.cleaning.chapters import FEWEST_WORDS, Chapter, find_chapters
from services.data.cleaning.headings import Kind, classify
from services.data.cleaning.layout import Layout, join_blocks, read_layout, split_lines
from services.data.cleaning.markup import Source, drop_markup
from services.data.cleaning.mojibake import REPAIR, SUSPECT, find_mended
from services.data.cleaning.page_furniture import find_furniture
from services.data.cleaning.steps import Cleaning, Step
from services.data.cleaning.vocabulary import read_vocabulary

FEWEST_CHAPTERS = 3


class Section(Protocol):
    """A heading with its level, 1 for the highest, and the paragraphs under it, as a format tells them."""

    @property
    def heading(self) -> str:
        """The heading; empty where a text begins without."""

    @property
    def level(self) -> int:
        """Its level."""

    @property
    def paragraphs(self) -> Sequence[str]:
        """The text under it."""


def clean_book(text: str, cleaning: Cleaning | None = None, line: int = 1, *, opens: bool = True) -> list[Chapter]:
    """The chapters of a book; licence, front and back matter, contents and headings are left out.

    `line` is the number of the text's first line in its file; `opens` False says that an earlier text began the book.
    """
    cleaning = cleaning or Cleaning()
    source = Source(text, range(line, line + text.count("\n") + 1))
    return find_chapters(lay_out(source, cleaning), cleaning, opens=opens)


def clean_sections(sections: Iterable[Section], cleaning: Cleaning | None = None) -> list[Chapter]:
    """The same for a book whose format tells headings from paragraphs; line breaks inside a paragraph are kept."""
    cleaning = cleaning or Cleaning()
    pieces = [(level, text) for each in sections for level, text in [(each.level, each.heading), *under(each)] if text]
    numbers = [number for number, (_, text) in enumerate(pieces, start=1) for _ in range(text.count("\n") + 2)]
    cleaning.unit = "paragraph"
    layout = lay_out(Source("\n\n".join(text for _, text in pieces), numbers[:-1] or [1]), cleaning, wrapped=False)
    levels = {number: level for number, (level, _) in enumerate(pieces, start=1)}
    layout = replace(layout, blocks=[replace(block, level=levels[block.line]) for block in layout.blocks])
    chapters = find_chapters(replace(layout, chapter_level=find_chapter_level(layout)), cleaning)
    cleaning.unit = ""
    return chapters


def under(section: Section) -> list[tuple[int, str]]:
    """The paragraphs of a section, which have no level."""
    return [(0, text) for text in section.paragraphs]


def find_chapter_level(layout: Layout) -> int:
    """The deepest level whose headings have a chapter's length of text each; else the first with several headings."""
    counts = Counter(block.level for block in layout.blocks if block.level)
    levels = {level: sum(count for other, count in counts.items() if other <= level) for level in sorted(counts)}
    several = [level for level, count in levels.items() if count >= FEWEST_CHAPTERS]
    long = [level for level in several if layout.vocabulary.words >= FEWEST_WORDS * levels[level]]
    return long[-1] if long else next(iter([*several, *reversed(levels), 1]))


def clean_passage(text: str, cleaning: Cleaning | None = None, line: int = 1) -> str:
    """A curated passage, whole: lines unwrapped, white space and scene breaks tidied."""
    cleaning = cleaning or Cleaning()
    layout = lay_out(Source(text, range(line, line + text.count("\n") + 1)), cleaning)
    kept = []
    for block in layout.blocks:
        if classify(block, layout, after_heading=False) is Kind.NOTHING:
            cleaning.note(Step.SCENE_BREAKS, block.line, block.text)
        else:
            kept.append(block)
    return "\n\n".join(join_blocks(kept, layout, cleaning)[0])


def lay_out(source: Source, cleaning: Cleaning, wrapped: bool = True) -> Layout:
    """The blocks of a text without licence, notes, signs for italics, page numbers and running heads.

    `wrapped` False says that no line ends only because it was full.
    """
    source = drop_markup(mend_source(source, cleaning), cleaning)
    lines = split_lines(source)
    vocabulary = read_vocabulary(source.text)
    furniture = find_furniture(lines.texts, vocabulary.words) if wrapped else {}
    for index, step in sorted(furniture.items()):
        cleaning.note(step, lines.numbers[index], lines.texts[index].strip())
    return read_layout(lines, furniture, vocabulary, wrapped)


def mend_source(source: Source, cleaning: Cleaning) -> Source:
    """The text with mojibake and entities put right, line by line."""
    if not SUSPECT.search(source.text):
        return source
    lines = source.text.split("\n")
    for index, line in list(find_mended(lines, REPAIR)):
        mended = " ".join(line.split("\n"))
        cleaning.note(Step.ENCODING, source.numbers[index], lines[index].strip(), mended.strip())
        lines[index] = mended
    return Source("\n".join(lines), source.numbers)
