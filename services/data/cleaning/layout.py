"""The layout of a text on the page: lines, the blocks they form, and the paragraphs that were hard-wrapped."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from scriptorium.text.languages.detect import detect_book_language
from scriptorium.text.languages.language import UNKNOWN, Language
from scriptorium.text.word_spans import count_running_words
from services.data.cleaning.joined_lines import JOIN_CONTEXT, continue_line, join_piece
from services.data.cleaning.kept_breaks import divide_lines
from services.data.cleaning.line_breaks import PassageKind, judge_book, judge_passages, measure_width
from services.data.cleaning.markup import Source
from services.data.cleaning.steps import CleaningLog, StepName
from services.data.cleaning.vocabulary import BookVocabulary

FORM_FEED = "\f"
NBSP_PAGE_BREAK = re.compile(r"^[ \t]*\xa0[ \t\xa0]*$", re.MULTILINE)  # the remains of an HTML page break
MAX_WRAPPED_WIDTH = 100  # characters; typists and Project Gutenberg wrap at 60 to 80
LINES_PER_BLANK = 50  # with more lines to a blank one, blank lines do not separate paragraphs
FULL_LINE_SHARE = 0.75  # of the width: a line that ends before this, though the next word fits, was ended on purpose
UNFINISHED_SENTENCE = re.compile(r"(?:[\w,;]|\w-)$")
# Of the paragraphs, page breaks make so many begin in lower case; an author without capitals has more.
MAX_LOWERCASE_SHARE = 0.1
MIN_TORN_WORDS = 8  # of a paragraph that a page break split; a shorter block is something else


@dataclass(frozen=True, slots=True)
class Block:
    """Lines without a blank one between them; `gap` blank lines and perhaps a page break come before.

    `line` is the number of the first one in its file; `seam` says that the foot or top of a page was left out before.
    `level` is that of a heading if the format marks headings, 1 for the highest; 0 for all other blocks.
    """

    lines: tuple[str, ...]
    gap: int = 1
    page_break: bool = False
    line: int = 1
    seam: bool = False
    level: int = 0

    @property
    def text(self) -> str:
        """The lines joined into one, for display."""
        return " ".join(line.strip() for line in self.lines)

    @property
    def words(self) -> int:
        """The number of words."""
        return sum(map(count_running_words, self.lines))


@dataclass(frozen=True)
class Layout:
    """The blocks of one text and their common properties."""

    blocks: list[Block]
    width: int
    wrapped: bool
    usual_gap: int
    vocabulary: BookVocabulary
    capitals: bool  # whether paragraphs begin with capital letters
    kind: PassageKind = PassageKind.PROSE  # of most passages
    chapter_level: int = 0  # of headings if the format marks headings; deeper ones are scenes
    language: Language = UNKNOWN  # of the book

    numbered: frozenset[int] = frozenset()  # the numbers of lines in the book's own numbering of chapters
    loose: frozenset[int] = frozenset()  # those of bare numbers that are in no numbering

    def numbers(self, block: Block) -> bool:
        """Return whether a block begins with a heading in the book's own numbering."""
        return block.line in self.numbered

    def may_number(self, block: Block) -> bool:
        """Return whether the bare number that begins a block can be a chapter's."""
        return block.line not in self.loose

    @property
    def has_headings(self) -> bool:
        """True if the format marks headings."""
        return self.chapter_level > 0


@dataclass(frozen=True)
class Lines:
    """The lines of a text without trailing white space, page breaks as lines of their own, and their numbers."""

    texts: list[str]
    numbers: Sequence[int]


def split_lines(source: Source) -> Lines:
    """Split a text with plain line ends into lines and page breaks."""
    text = source.text.expandtabs(4) if "\t" in source.text else source.text
    if "\xa0" in text:
        text = NBSP_PAGE_BREAK.sub(FORM_FEED, text).replace("\xa0", " ")
    if FORM_FEED not in text:
        return Lines([line.rstrip() for line in text.split("\n")], source.numbers)
    texts: list[str] = []
    numbers: list[int] = []
    for number, line in zip(source.numbers, text.split("\n"), strict=True):
        pieces = [piece for part in line.split(FORM_FEED) for piece in (part.rstrip(), FORM_FEED)][:-1]
        texts += pieces
        numbers += [number] * len(pieces)
    return Lines(texts, numbers)


def read_layout(
    lines: Lines,
    furniture: Collection[int],
    vocabulary: BookVocabulary,
    language: Language | None = None,
    may_wrap: bool = True,
) -> Layout:
    """Find the blocks of a text and their common properties; `furniture` are the indexes of lines to leave out."""
    lengths = [len(line) for line in lines.texts if line and line != FORM_FEED]
    width = measure_width(lengths)
    wrapped = may_wrap and width <= MAX_WRAPPED_WIDTH
    blocks = find_blocks(lines, furniture, wrapped)
    kind = judge_book([block.lines for block in blocks], width) if wrapped else PassageKind.PROSE
    blocks = list(split_paragraphs(blocks, width, kind)) if wrapped else blocks
    gaps = Counter(block.gap for block in blocks[1:] if block.gap)
    usual_gap = gaps.most_common(1)[0][0] if gaps else 1
    lowercase = sum(block.lines[0].lstrip()[:1].islower() for block in blocks)
    capitals = lowercase <= MAX_LOWERCASE_SHARE * len(blocks)
    language = language or detect_book_language(block.text for block in blocks)
    return Layout(blocks, width, wrapped, usual_gap, vocabulary, capitals, kind, language=language)


def find_blocks(lines: Lines, furniture: Collection[int], wrapped: bool) -> list[Block]:
    """Group lines into blocks, which blank lines separate; in a wrapped text without blank lines, indents begin them.

    In an unwrapped text each line is a block, but consecutive short lines in a text with blank lines are verse.
    """
    blank = lines.texts.count("")
    spaced = blank * LINES_PER_BLANK >= len(lines.texts)
    blocks: list[Block] = []
    current: list[str] = []
    gap, page_break, seam, first = 0, False, False, 0
    for index, line in enumerate([*lines.texts, ""]):
        left_out = index in furniture
        if current and (not line or line == FORM_FEED or left_out or begins_block(current[-1], line, wrapped, spaced)):
            blocks.append(Block(tuple(current), gap, page_break, lines.numbers[first], seam))
            current, gap, page_break, seam = [], 0, False, False
        if line == FORM_FEED:
            page_break = True
        elif left_out:
            gap, seam = 0, True
        elif line:
            first = first if current else index
            current.append(line)
        else:
            gap += 1
    return blocks


def split_paragraphs(blocks: Sequence[Block], width: int, book: PassageKind) -> Iterator[Block]:
    """Yield the blocks, a line each if their lines are paragraphs, which no blank lines separate."""
    kinds = judge_passages([block.lines for block in blocks], width, book)
    for block, kind in zip(blocks, kinds, strict=True):
        if kind is PassageKind.PARAGRAPHS:
            yield replace(block, lines=block.lines[:1])
            yield from (Block((line,), 0, line=block.line + index) for index, line in enumerate(block.lines[1:], 1))
        else:
            yield block


def begins_block(before: str, line: str, wrapped: bool, spaced: bool) -> bool:
    """Return whether a line starts a paragraph although no blank line comes before."""
    if wrapped:
        return not spaced and line[0].isspace()  # Chinese and Japanese indent by a wide space
    return not spaced or max(len(before), len(line)) > MAX_WRAPPED_WIDTH * FULL_LINE_SHARE


def join_blocks(blocks: Iterable[Block], layout: Layout, log: CleaningLog) -> tuple[list[str], list[int]]:
    """Join blocks into paragraphs, and those that a page break or stray blank line split; return their lines, too."""
    paragraphs: list[str] = []
    lines: list[int] = []
    last = ""
    blocks = list(blocks)
    kinds = judge_passages([block.lines for block in blocks], layout.width, layout.kind)
    for block, kind in zip(blocks, kinds, strict=True):
        text = join_lines(block, kind, layout, log)
        before = paragraphs[-1] if paragraphs else ""
        new_page = block.seam or block.page_break
        if continues_sentence(before, text, layout.capitals or new_page) or (
            new_page and runs_over_page(before, last, layout.width)
        ):
            joined = continue_line(before, text, layout.vocabulary, block.line, log)
            start = text[:JOIN_CONTEXT]
            log.note(StepName.TORN, block.line, f"{before[-JOIN_CONTEXT:]}\n\n{start}", joined[-JOIN_CONTEXT:] + start)
            paragraphs[-1] = joined + text
        else:
            paragraphs.append(text)
            lines.append(block.line)
        last = block.lines[-1]
    return paragraphs, lines


def continues_sentence(before: str, after: str, capitals: bool) -> bool:
    """Return whether a sentence runs on from one paragraph to the next, if paragraphs begin with capitals."""
    unfinished = "\n" not in before and bool(UNFINISHED_SENTENCE.search(before[-JOIN_CONTEXT:]))
    return after[:1].islower() and capitals and unfinished


def runs_over_page(before: str, last: str, width: int) -> bool:
    """Return whether a paragraph, whose last line is given, stops only because the page ends."""
    full = len(last) >= FULL_LINE_SHARE * width and before.count(" ") >= MIN_TORN_WORDS and "\n" not in before
    return full and bool(UNFINISHED_SENTENCE.search(before[-JOIN_CONTEXT:]))


def join_lines(block: Block, kind: PassageKind, layout: Layout, log: CleaningLog) -> str:
    """Join the lines of a block into a paragraph; verse, scripts, letter heads and signs keep their line breaks."""
    lines = block.lines
    if len(lines) == 1:
        return " ".join(lines[0].split())
    if not layout.wrapped:
        return "\n".join(" ".join(line.split()) for line in lines)
    pieces = divide_lines(lines, kind, layout.width, FULL_LINE_SHARE * layout.width)
    return "\n".join(join_piece(piece, block.line, layout.vocabulary, log) for piece in pieces)
