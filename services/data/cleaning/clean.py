"""Cleaning: a text as it was typed or scanned becomes chapters of clean paragraphs.

Every step records its changes (services/data/cleaning/steps.py), so that a person can look at them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from scriptorium.text.languages.language import Language
from services.data.cleaning.chapters import MIN_MEAN_CHAPTER_WORDS, Chapter, find_chapters
from services.data.cleaning.evidence.numbering import Numbering, find_numbering
from services.data.cleaning.headings import BlockKind, classify
from services.data.cleaning.layout import Layout, join_blocks, read_layout, split_lines
from services.data.cleaning.markup import Source, drop_markup
from services.data.cleaning.mojibake import SUSPECT, repair_proven_lines
from services.data.cleaning.page_furniture import find_furniture
from services.data.cleaning.steps import CleaningLog, StepName
from services.data.cleaning.vocabulary import read_vocabulary

MIN_CHAPTERS = 3


class SectionLike(Protocol):
    """A heading with its level, 1 for the highest, and the paragraphs under it, as marked by a format."""

    @property
    def heading(self) -> str:
        """The heading; empty if a text begins without one."""

    @property
    def level(self) -> int:
        """The level of the heading."""

    @property
    def paragraphs(self) -> Sequence[str]:
        """The text under the heading."""


def clean_book(
    text: str,
    log: CleaningLog | None = None,
    line: int = 1,
    language: Language | None = None,
    *,
    opens: bool = True,
) -> list[Chapter]:
    """Return the chapters of a book without licence, front and back matter, contents and headings.

    `line` is the number of the text's first line in its file; with `opens` False the text continues a book. Without a
    language the text shows its own.
    """
    log = log or CleaningLog()
    source = Source(text, range(line, line + text.count("\n") + 1))
    chapters = find_chapters(lay_out(source, log, language), log, opens=opens)
    log.weigh(text, iterate_paragraphs(chapters))
    return chapters


def clean_sections(
    sections: Iterable[SectionLike], log: CleaningLog | None = None, language: Language | None = None
) -> list[Chapter]:
    """Return the chapters of a book whose format marks headings; line breaks inside a paragraph are kept."""
    log = log or CleaningLog()
    pieces = [piece for section in sections for piece in flatten_section(section) if piece[1]]
    numbers = [number for number, (_, text) in enumerate(pieces, start=1) for _ in range(text.count("\n") + 2)]
    log.unit = "paragraph"
    text = "\n\n".join(text for _, text in pieces)
    layout = lay_out(Source(text, numbers[:-1] or [1]), log, language, wrapped=False)
    levels = {number: level for number, (level, _) in enumerate(pieces, start=1)}
    layout = replace(layout, blocks=[replace(block, level=levels[block.line]) for block in layout.blocks])
    chapters = find_chapters(replace(layout, chapter_level=find_chapter_level(layout)), log)
    log.unit = ""
    log.weigh(text, iterate_paragraphs(chapters))
    return chapters


def iterate_paragraphs(chapters: Iterable[Chapter]) -> Iterator[str]:
    """Yield the paragraphs of chapters."""
    return (paragraph for chapter in chapters for paragraph in chapter.paragraphs)


def flatten_section(section: SectionLike) -> list[tuple[int, str]]:
    """Return the heading of a section with its level, and its paragraphs with level 0."""
    return [(section.level, section.heading), *((0, text) for text in section.paragraphs)]


def find_chapter_level(layout: Layout) -> int:
    """Return the deepest level whose headings have a chapter's length of text; else the first with several headings."""
    counts = Counter(block.level for block in layout.blocks if block.level)
    levels = {level: sum(count for other, count in counts.items() if other <= level) for level in sorted(counts)}
    several = [level for level, count in levels.items() if count >= MIN_CHAPTERS]
    long = [level for level in several if layout.vocabulary.words >= MIN_MEAN_CHAPTER_WORDS * levels[level]]
    return long[-1] if long else next(iter([*several, *reversed(levels), 1]))


def clean_passage(text: str, log: CleaningLog | None = None, line: int = 1, language: Language | None = None) -> str:
    """Return all of a curated passage, its lines unwrapped, white space tidied, scene breaks left out."""
    log = log or CleaningLog()
    layout = lay_out(Source(text, range(line, line + text.count("\n") + 1)), log, language)
    blocks = []
    for block in layout.blocks:
        scene_break = classify(block, layout, after_heading=False) is BlockKind.SCENE_BREAK
        if not scene_break or not log.change(StepName.SCENE_BREAKS, block.line, block.text):
            blocks.append(block)
    paragraphs, _ = join_blocks(blocks, layout, log)
    log.weigh(text, paragraphs)
    return "\n\n".join(paragraphs)


def lay_out(source: Source, log: CleaningLog, language: Language | None = None, wrapped: bool = True) -> Layout:
    """Return the layout of a text without licence, notes, signs for italics, page numbers and running heads.

    `wrapped` False says that no line ends only because it was full.
    """
    source = drop_markup(repair_source(source, log), log)
    lines = split_lines(source)
    vocabulary = read_vocabulary(source.text)
    numbering = find_numbering(lines.texts) if wrapped else Numbering()
    furniture = [
        index
        for index, step in sorted(find_furniture(lines.texts, vocabulary.words).items() if wrapped else ())
        if index not in numbering.headings and log.change(step, lines.numbers[index], lines.texts[index].strip())
    ]
    wrapped = wrapped and not log.skips(StepName.WRAPPED_LINES)
    layout = read_layout(lines, frozenset(furniture), vocabulary, language, wrapped)
    numbered, loose = (
        frozenset(lines.numbers[index] for index in part) for part in (numbering.headings, numbering.loose)
    )
    return replace(layout, numbered=numbered, loose=loose)


def repair_source(source: Source, log: CleaningLog) -> Source:
    """Return the text with mojibake and entities repaired, line by line."""
    if not SUSPECT.search(source.text):
        return source
    lines = source.text.split("\n")
    for index, line in list(repair_proven_lines(lines)):
        repaired = " ".join(line.split("\n"))
        if log.change(StepName.ENCODING, source.numbers[index], lines[index].strip(), repaired.strip()):
            lines[index] = repaired
    return Source("\n".join(lines), source.numbers)
