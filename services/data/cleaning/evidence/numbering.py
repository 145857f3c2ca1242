"""The book's own numbering: lines with 1, 2, 3 ..., set apart, with text between them, are its chapters' headings.

Digits, Roman and written numbers count, alone or beside any word, as no list of words has every language. A running
head or a page number is told from them: it interrupts sentences, or stands at a page's foot. A number without such
neighbours, as the `42.` of a story or its countdown, is no heading.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise

from scriptorium.text.word_spans import count_running_words
from services.data.cleaning.evidence.heading_words import EAST_ASIAN, LABELLED, ROMAN, read_value
from services.data.cleaning.headings import BARE_NUMBER, BARE_SPELLED, MAX_TITLE_LINES_CHARACTERS
from services.data.cleaning.layout import FORM_FEED, LINES_PER_BLANK
from services.data.cleaning.line_breaks import LINE_STOP
from services.data.cleaning.page_furniture import neighbours

MIN_CHAPTERS = 3
MIN_WORDS_BETWEEN = 60  # of two headings; a countdown or a table of contents has fewer
MIN_SECTION_WORDS = 10  # between two bare numbers that count on, as of the parts of a poem
MIN_MEAN_WORDS = 100  # between bare numbers; pages of a small screen have fewer
MAX_LOST = 2  # headings that a conversion may have lost between two
MAX_TORN_SHARE = 0.1  # of the lines stand inside a sentence; headings never do
MIN_TORN_CHARACTERS = 30  # of a line before a number that has no end; a shorter one is a heading
MIN_LISTED = 5  # numbers in a row without text between: a table of contents

EAST_ASIAN_NUMBER = re.compile(rf"^{EAST_ASIAN}{{1,7}}$")
NUMBER_AND_TITLE = re.compile(rf"^(?P<number>{ROMAN}|\d{{1,3}})[.:)]\s+\S.{{0,100}}$")
WORD_AND_NUMBER = re.compile(rf"^(?P<word>[^\W\d_]{{2,}})\.?\s+(?:{ROMAN}|\d{{1,3}})\W*$")


@dataclass(frozen=True, slots=True)
class NumberedLine:
    """A line with a number, by its index; `style` is what it shares with others; `words` come before it."""

    index: int
    style: str
    value: int
    words: int


@dataclass(frozen=True)
class Numbering:
    """The indexes of lines that number chapters, and of bare numbers that cannot."""

    headings: frozenset[int] = frozenset()
    loose: frozenset[int] = frozenset()


def find_numbering(lines: Sequence[str]) -> Numbering:
    """Find the sequences of numbered lines in a text."""
    styles = group_by_style(lines)
    chains = [chain for style in styles.values() for chain in follow(style) if is_of_chapters(chain, lines)]
    headings = frozenset(line.index for chain in chains for line in chain)
    bare = sorted((line for style in BARE_STYLES for line in styles.get(style, ())), key=lambda line: line.index)
    return Numbering(headings, frozenset(find_loose(bare)) - headings)


BARE_STYLES = ("digits", "roman")


def group_by_style(lines: Sequence[str]) -> dict[str, list[NumberedLine]]:
    """Return the numbered lines that are set apart from a text before them; without blank lines, every line is."""
    spaced = lines.count("") * LINES_PER_BLANK >= len(lines)
    words = [0, *accumulate(map(count_running_words, lines))]
    styles: dict[str, list[NumberedLine]] = defaultdict(list)
    for index, line in enumerate(lines):
        if line and (index == 0 or not spaced or not lines[index - 1].strip()) and (read := read_number(line)):
            styles[read[0]].append(NumberedLine(index, *read, words[index]))
    return styles


def read_number(line: str) -> tuple[str, int] | None:
    """Return the style and the number of a line: ("digits", 3), ("chapter", 3); None if it has none at its place."""
    text = line.strip().lstrip("#").strip()
    if len(text) > MAX_TITLE_LINES_CHARACTERS:
        return None
    styles = (style for pattern, name in STYLES if (match := pattern.match(text)) and (style := name(match)))
    style = next(styles, None)
    return style and (style[0], read_value(style[1]))


def name_label(match: re.Match[str]) -> tuple[str, str] | None:
    """Return the word beside a chapter's number, which is the style, and both; None for a name like "Prologue"."""
    return (find_word(match["label"]), match["label"]) if match["label"] else None


def name_number(match: re.Match[str], kind: str = "") -> tuple[str, str]:
    """Return the style of a number by its signs, and the number."""
    number = match["number"] if "number" in match.re.groupindex else match[0]
    return ("digits" if any(map(str.isdigit, number)) else "roman") + kind, number


def find_word(label: str) -> str:
    """Return the word that stands before or behind a chapter's number."""
    words = label.casefold().split()
    return next((word for word in words if not read_value(word)), "label")


STYLES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], tuple[str, str] | None]], ...] = (
    (BARE_NUMBER, name_number),
    (EAST_ASIAN_NUMBER, lambda match: ("east asian", match[0])),
    (LABELLED, name_label),
    (BARE_SPELLED, lambda match: ("spelled", match[0])),
    (NUMBER_AND_TITLE, partial(name_number, kind=" title")),
    (WORD_AND_NUMBER, lambda match: (match["word"].casefold(), match[0][match.end("word") :])),
)


def follow(style: Iterable[NumberedLine]) -> Iterator[list[NumberedLine]]:
    """Yield the chains that count up from one; lines between that do not fit are passed over."""
    chain: list[NumberedLine] = []
    for line in style:
        if line.value == 1 and not (chain and chain[-1].value == 1 and apart(chain[-1], line)):
            yield chain
            chain = [line]
        elif chain and 0 < line.value - chain[-1].value <= 1 + MAX_LOST and apart(chain[-1], line):
            chain.append(line)
    yield chain


def apart(earlier: NumberedLine, later: NumberedLine, words: int = MIN_WORDS_BETWEEN) -> bool:
    """Return whether a text stands between two lines."""
    return later.words - earlier.words >= words


def is_of_chapters(chain: Sequence[NumberedLine], lines: Sequence[str]) -> bool:
    """Return whether a chain is long enough, and its lines neither interrupt sentences nor end pages."""
    if len(chain) < MIN_CHAPTERS or sum(map(is_gap, pairwise(chain))) > MAX_TORN_SHARE * len(chain):
        return False
    if lines_have_words(chain, lines):
        return True
    sides = [neighbours(lines, line.index) for line in chain]
    at_foot = sum(before != FORM_FEED and after in (FORM_FEED, "") for before, after in sides)
    torn = sum(is_torn(lines, line.index) for line in chain)
    mean = (chain[-1].words - chain[0].words) / (len(chain) - 1)
    return 2 * at_foot < len(chain) and torn <= MAX_TORN_SHARE * len(chain) and mean >= MIN_MEAN_WORDS


def lines_have_words(chain: Sequence[NumberedLine], lines: Sequence[str]) -> bool:
    """Return whether the lines are headings by their words in some language, too, so that no page needs to be told."""
    return bool((label := LABELLED.match(lines[chain[0].index].strip().lstrip("# "))) and label["label"])


def is_gap(pair: tuple[NumberedLine, NumberedLine]) -> bool:
    """Return whether a number is missing between two lines."""
    return pair[1].value - pair[0].value > 1


def is_torn(lines: Sequence[str], index: int) -> bool:
    """Return whether the text before a line, page breaks aside, stops inside a sentence."""
    before = next((lines[place] for place in range(index - 1, -1, -1) if lines[place].strip()), "")
    after = neighbours(lines, index)[1].strip()
    unfinished = bool(before) and not LINE_STOP.search(before)
    return unfinished and (len(before) >= MIN_TORN_CHARACTERS or after[:1].islower())


def find_loose(bare: Sequence[NumberedLine]) -> Iterator[int]:
    """Yield the bare numbers that neither open a text nor count on from, or towards, another one of their style."""
    listed = find_listed(bare)
    for place, line in enumerate(bare):
        before = next((other for other in reversed(bare[:place]) if other.style == line.style), None)
        after = next((other for other in bare[place + 1 :] if other.style == line.style), None)
        opens = not line.words or (line.value == 1 and (place == 0 or apart(bare[place - 1], line)))
        counts = any(
            earlier
            and later
            and 0 < later.value - earlier.value <= 1 + MAX_LOST
            and apart(earlier, later, MIN_SECTION_WORDS)
            for earlier, later in ((before, line), (line, after))
        )
        if not (opens or counts or line.index in listed):
            yield line.index


def find_listed(bare: Sequence[NumberedLine]) -> set[int]:
    """Return the numbers that count up from one without text between, as in a table of contents."""
    listed: set[int] = set()
    run: list[NumberedLine] = []
    for line in bare:
        run = [*run, line] if run and line.value == run[-1].value + 1 and not apart(run[-1], line) else [line]
        if len(run) >= MIN_LISTED and run[0].value == 1:
            listed.update(member.index for member in run)
    return listed
