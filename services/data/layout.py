"""How a text lies on the page: lines, the blocks they form, and the paragraphs that hard-wrapped lines once were."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import quantiles

PAGE = "\f"
PAGE_BREAK = re.compile(r"^[ \t]*\xa0[ \t\xa0]*$", re.MULTILINE)  # what is left of an HTML page break
LONGEST_WRAPPED = 100  # characters; typists and Project Gutenberg wrap at 60 to 80
ROOMY = 0.75  # of the width: a line that ends before this, though the next word would fit, was ended on purpose
WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
LAST_WORD = re.compile(r"\b([^\W\d_]+)-$")
BROKEN = re.compile(r"\b([^\W\d_]+)-\n\s*([^\W\d_]+)")


@dataclass(frozen=True)
class Block:
    """Lines without a blank one between them; `gap` blank lines and perhaps a page break come before."""

    lines: tuple[str, ...]
    gap: int = 1
    page: bool = False

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
    vocabulary: frozenset[str]


def read_layout(text: str) -> Layout:
    """Find the blocks of a text with plain line ends."""
    text = PAGE_BREAK.sub(PAGE, text).replace(PAGE, f"\n{PAGE}\n").expandtabs(4).replace("\xa0", " ")
    lines = [line.rstrip() if line != PAGE else PAGE for line in text.split("\n")]
    lengths = [len(line) for line in lines if line.strip()]
    width = int(quantiles(lengths, n=10)[-1]) if len(lengths) > 1 else sum(lengths)
    wrapped = width <= LONGEST_WRAPPED
    blocks = find_blocks(lines, wrapped)
    gaps = Counter(block.gap for block in blocks[1:] if block.gap)
    usual = gaps.most_common(1)[0][0] if gaps else 1
    return Layout(blocks, width, wrapped, usual, frozenset(find_words(text)))


def find_blocks(lines: Sequence[str], wrapped: bool) -> list[Block]:
    """Blocks end at blank lines; unwrapped lines are one each; without blank lines an indented line starts one."""
    blank = sum(not line for line in lines)
    by_indent = wrapped and blank * 50 < len(lines)
    blocks: list[Block] = []
    held: list[str] = []
    gap, page = 0, False
    for line in [*lines, ""]:
        starts = not wrapped or (by_indent and line.startswith(" "))
        if held and (line in ("", PAGE) or starts):
            blocks.append(Block(tuple(held), gap, page))
            held, gap, page = [], 0, False
        if line == PAGE:
            page = True
        elif line:
            held.append(line)
        else:
            gap += 1
    return blocks


def find_words(text: str) -> set[str]:
    """Every lower-case word that is whole, hyphens inside included."""
    return set(WORD.findall(BROKEN.sub(" ", text.lower())))


def join_lines(block: Block, layout: Layout) -> str:
    """The paragraph that a block is; verse, signs and addresses keep their line breaks."""
    lines = [" ".join(line.split()) for line in block.lines]
    pairs = list(pairwise(lines))
    if all(ended_on_purpose(line, after, layout.width) for line, after in pairs):
        return "\n".join(lines)
    return "".join(continued(line, after, layout.vocabulary) for line, after in pairs) + lines[-1]


def ended_on_purpose(line: str, after: str, width: int) -> bool:
    """Whether the next line's first word would easily have fitted."""
    return len(line) + 1 + len(after.split(" ", 1)[0]) <= ROOMY * width


def continued(line: str, after: str, vocabulary: frozenset[str]) -> str:
    """A line as it goes on into the next: dashes stay closed, and a word that was cut at the margin becomes whole."""
    if line.endswith(("--", "—")):
        return line + " " * line.endswith((" --", " —"))
    head, tail = LAST_WORD.search(line), WORD.match(after)
    if head and tail:
        return line[:-1] + hyphen_between(head.group(1).lower(), tail.group().lower(), vocabulary)
    return line + " "


def hyphen_between(head: str, tail: str, vocabulary: frozenset[str]) -> str:
    """The hyphen where the book knows the compound, or both of its halves but not the joined word."""
    if f"{head}-{tail}" in vocabulary:
        return "-"
    if head + tail in vocabulary:
        return ""
    return "-" if head in vocabulary and tail in vocabulary else ""
