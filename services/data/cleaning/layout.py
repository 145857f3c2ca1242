"""How a text lies on the page: lines, the blocks they form, and the paragraphs that hard-wrapped lines once were."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import quantiles

from services.data.cleaning.markup import Source
from services.data.cleaning.steps import Cleaning, Step
from services.data.cleaning.vocabulary import LAST_WORD, WORD, Vocabulary

PAGE = "\f"
PAGE_BREAK = re.compile(r"^[ \t]*\xa0[ \t\xa0]*$", re.MULTILINE)  # what is left of an HTML page break
LONGEST_WRAPPED = 100  # characters; typists and Project Gutenberg wrap at 60 to 80
SPARSE = 50  # lines to a blank one where paragraphs are not told by blank lines
ROOMY = 0.75  # of the width: a line that ends before this, though the next word would fit, was ended on purpose
DASHES = ("--", "—")
SENTENCE_STOP = re.compile(r"[.!?…][\"'”’»)\]_*]*$")
UNFINISHED = re.compile(r"(?:[\w,;]|\w-)$")
SMALL = 0.1  # of the paragraphs begin with a small letter where pages tore them; an author without capitals has more
SUSPENDED = frozenset(["and", "or", "to", "nor", "und", "oder", "et", "ou"])  # "two- and three-masted"
SEEN = 80  # characters on both sides of a join
FEW_WORDS = 8  # of a block that is no paragraph which a page break tore


@dataclass(frozen=True, slots=True)
class Block:
    """Lines without a blank one between them; `gap` blank lines and perhaps a page break come before.

    `line` is the number of the first one in its file; `seam` says that the foot or top of a page was left out before.
    `level` is that of a heading where the format told it, 1 for the highest; 0 for what has to be judged.
    """

    lines: tuple[str, ...]
    gap: int = 1
    page: bool = False
    line: int = 1
    seam: bool = False
    level: int = 0

    @property
    def text(self) -> str:
        """The lines in one, for looking at."""
        return " ".join(line.strip() for line in self.lines)

    @property
    def words(self) -> int:
        """How many words it has."""
        return sum(len(line.split()) for line in self.lines)


@dataclass(frozen=True)
class Layout:
    """The blocks of one text and what they have in common."""

    blocks: list[Block]
    width: int
    wrapped: bool
    gap: int
    vocabulary: Vocabulary
    capitals: bool  # whether paragraphs begin with capital letters
    chapter_level: int = 0  # of headings where the format says which blocks are headings; deeper ones are scenes

    @property
    def told(self) -> bool:
        """Whether the format says which blocks are headings."""
        return self.chapter_level > 0


@dataclass(frozen=True)
class Lines:
    """The lines of a text without white space at their ends, page breaks for themselves, and their numbers."""

    texts: list[str]
    numbers: Sequence[int]


def split_lines(source: Source) -> Lines:
    """Lines and page breaks of a text with plain line ends."""
    text = source.text.expandtabs(4) if "\t" in source.text else source.text
    if "\xa0" in text:
        text = PAGE_BREAK.sub(PAGE, text).replace("\xa0", " ")
    if PAGE not in text:
        return Lines([line.rstrip() for line in text.split("\n")], source.numbers)
    texts: list[str] = []
    numbers: list[int] = []
    for number, line in zip(source.numbers, text.split("\n"), strict=True):
        pieces = [piece for part in line.split(PAGE) for piece in (part.rstrip(), PAGE)][:-1]
        texts += pieces
        numbers += [number] * len(pieces)
    return Lines(texts, numbers)


def read_layout(lines: Lines, furniture: Collection[int], vocabulary: Vocabulary, may_wrap: bool = True) -> Layout:
    """Find the blocks of a text; `furniture` are lines, by index, that are left out."""
    lengths = [len(line) for line in lines.texts if line and line != PAGE]
    width = int(quantiles(lengths, n=10)[-1]) if len(lengths) > 1 else sum(lengths)
    wrapped = may_wrap and width <= LONGEST_WRAPPED
    blocks = find_blocks(lines, furniture, wrapped)
    gaps = Counter(block.gap for block in blocks[1:] if block.gap)
    usual = gaps.most_common(1)[0][0] if gaps else 1
    small = sum(block.lines[0].lstrip()[:1].islower() for block in blocks)
    return Layout(blocks, width, wrapped, usual, vocabulary, capitals=small <= SMALL * len(blocks))


def find_blocks(lines: Lines, furniture: Collection[int], wrapped: bool) -> list[Block]:
    """Blocks end at blank lines; without blank lines an indented line starts one; unwrapped lines are one each.

    But short unwrapped lines that follow each other, where others have blank lines between them, are verse.
    """
    blank = lines.texts.count("")
    spaced = blank * SPARSE >= len(lines.texts)
    blocks: list[Block] = []
    held: list[str] = []
    gap, page, seam, first = 0, False, False, 0
    for index, line in enumerate([*lines.texts, ""]):
        left_out = index in furniture
        if held and (not line or line == PAGE or left_out or begins_block(held[-1], line, wrapped, spaced)):
            blocks.append(Block(tuple(held), gap, page, lines.numbers[first], seam))
            held, gap, page, seam = [], 0, False, False
        if line == PAGE:
            page = True
        elif left_out:
            gap, seam = 0, True
        elif line:
            first = first if held else index
            held.append(line)
        else:
            gap += 1
    return blocks


def begins_block(before: str, line: str, wrapped: bool, spaced: bool) -> bool:
    """Whether a line starts a paragraph though no blank line comes before."""
    if wrapped:
        return not spaced and line.startswith(" ")
    return not spaced or max(len(before), len(line)) > LONGEST_WRAPPED * ROOMY


def join_blocks(blocks: Iterable[Block], layout: Layout, cleaning: Cleaning) -> tuple[list[str], list[int]]:
    """The paragraphs that blocks are and their lines; one that a page break or stray blank line tore is whole again."""
    paragraphs: list[str] = []
    lines: list[int] = []
    last = ""
    for block in blocks:
        text = join_lines(block, layout, cleaning)
        before = paragraphs[-1] if paragraphs else ""
        paged = block.seam or block.page
        if goes_on(before, text, layout.capitals or paged) or (paged and runs_over(before, last, layout.width)):
            joined = continued(before, text, layout.vocabulary, block.line, cleaning)
            cleaning.note(Step.TORN, block.line, f"{before[-SEEN:]}\n\n{text[:SEEN]}", joined[-SEEN:] + text[:SEEN])
            paragraphs[-1] = joined + text
        else:
            paragraphs.append(text)
            lines.append(block.line)
        last = block.lines[-1]
    return paragraphs, lines


def goes_on(before: str, after: str, capitals: bool) -> bool:
    """Whether a sentence that stops with one paragraph goes on with the next, where paragraphs begin with capitals."""
    return after[:1].islower() and capitals and "\n" not in before and bool(UNFINISHED.search(before[-SEEN:]))


def runs_over(before: str, last: str, width: int) -> bool:
    """Whether a paragraph, whose last line is given, stops at the foot of a page because the page does."""
    whole = len(last) >= ROOMY * width and before.count(" ") >= FEW_WORDS and "\n" not in before
    return whole and bool(UNFINISHED.search(before[-SEEN:]))


def join_lines(block: Block, layout: Layout, cleaning: Cleaning) -> str:
    """The paragraph that a block is; verse, signs and addresses keep their line breaks."""
    lines = block.lines
    if len(lines) == 1:
        return " ".join(lines[0].split())
    if not layout.wrapped or all(ended_on_purpose(*pair, layout.width) for pair in pairwise(lines)):
        return "\n".join(" ".join(line.split()) for line in lines)
    cleaning.note(Step.WRAPPED_LINES, block.line, *show_join(lines), count=len(lines) - 1)
    if not any(line.endswith(("-", "—")) for line in lines) and not any(map(opens_with_dash, lines)):
        return " ".join(" ".join(lines).split())
    return "".join(join_each([" ".join(line.split()) for line in lines], block.line, layout.vocabulary, cleaning))


def show_join(lines: Sequence[str]) -> tuple[str, str]:
    """The first two lines of a paragraph, and how they are joined, to look at."""
    first, second = (line.strip() for line in lines[:2])
    return f"{first}\n{second}", f"{first} {second}"


def join_each(lines: Sequence[str], number: int, vocabulary: Vocabulary, cleaning: Cleaning) -> Iterator[str]:
    """Each line as it goes on into the next."""
    for at, (line, after) in enumerate(pairwise(lines)):
        yield continued(line, after, vocabulary, number + at, cleaning)
    yield lines[-1]


def ended_on_purpose(line: str, after: str, width: int) -> bool:
    """Whether the next line's first word would easily have fitted, and no word is cut."""
    line, word = line.strip(), after.split(None, 1)[0]
    return len(line) + 1 + len(word) <= ROOMY * width and not (line.endswith("-") and line[-2:-1].isalpha())


def opens_with_dash(line: str) -> bool:
    """Whether a line begins with a dash that its first word is tied to."""
    held = line.lstrip()
    return held.startswith(DASHES) and not held.lstrip("-—").startswith(" ")


def continued(line: str, after: str, vocabulary: Vocabulary, number: int, cleaning: Cleaning) -> str:
    """A line as it goes on into the next: dashes stay closed, and a word that was cut at the margin becomes whole."""
    if line.endswith(DASHES):
        return line + " " * line.endswith((" --", " —"))
    if opens_with_dash(after) and not SENTENCE_STOP.search(line[-SEEN:]):
        return line
    if not line.endswith("-") or line[-2:-1].isspace() or not after[:1].isalnum():
        return line + " "
    head, tail = LAST_WORD.search(line[-SEEN:-1]), WORD.match(after)
    if not head or not tail:
        return line
    if tail.group() in SUSPENDED:
        return line + " "
    sign = vocabulary.hyphen(head.group(), tail.group())
    cleaning.note(Step.HYPHENS, number, f"{head.group()}-\n{tail.group()}", f"{head.group()}{sign}{tail.group()}")
    return line[:-1] + sign
