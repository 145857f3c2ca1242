"""Page furniture, which is not part of the text: page numbers, and running heads on page after page."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import median

from scriptorium.text.words import word_pattern
from services.data.cleaning.headings import is_labelled
from services.data.cleaning.layout import FORM_FEED
from services.data.cleaning.line_breaks import LINE_STOP
from services.data.cleaning.steps import StepName

MIN_REPEATS = 3  # of numbers or equal lines
MAX_HEAD_CHARACTERS = 80
MAX_WORDS_PER_PAGE = 800  # beyond this, page breaks are those of chapters
MAX_WORDS_PER_NUMBER = 400  # beyond this, numbers may be those of chapters
MIN_TORN_SHARE = 0.1  # of the numbers are inside a sentence; those of chapters never are
MAX_DENSE_WORDS = 100  # between two numbers: too few for a chapter
MAX_PAGE_DISTANCE = 3  # between two equal lines: left and right pages may differ
MAJORITY_SHARE = 0.5  # of the numbers are at page breaks; of all pages have the book's title as their running head

NUMBER = re.compile(
    r"^[^\w\"'“‘«]*(?:(?P<named>page|pg|p)\W{1,3})?(?P<number>\d{1,4})(?: ?(?:of|/) ?\d{1,4})?[^\w\"'”’»]*$",
    re.IGNORECASE,
)
LETTER_RUN = word_pattern()
NUMBER_BESIDE_HEAD = re.compile(r"^\s*(\d{1,4})\W+(?=[^\W\d_])|(?<=[^\W\d_])\W+(\d{1,4})\s*$")


def find_furniture(lines: Sequence[str], words: int) -> dict[int, StepName]:
    """Return the lines that belong to pages, by index, and the step that leaves each out; `words` counts the text's."""
    numbers = set(find_page_numbers(lines, words))
    furniture: dict[int, StepName] = dict.fromkeys(numbers, StepName.PAGE_NUMBERS)
    for head in [*find_running_heads(lines, numbers, words), *find_numbered_heads(lines, words)]:
        furniture.setdefault(head, StepName.RUNNING_HEADS)
    return furniture


def find_page_numbers(lines: Sequence[str], words: int) -> Iterator[int]:
    """Yield lines with only a page number: those that say "page", and rising numbers that interrupt sentences."""
    matches = [(index, match) for index, line in enumerate(lines) if (match := NUMBER.match(line))]
    named = [index for index, match in matches if match["named"]]
    bare = [(index, int(match["number"])) for index, match in matches if not match["named"]]
    rising = [bare[position][0] for position in find_longest_rise([number for _, number in bare])]
    yield from named if len(named) >= MIN_REPEATS else []
    if len(rising) < MIN_REPEATS:
        return
    at_break = sum(FORM_FEED in neighbours(lines, index) for index in rising)
    torn = sum(interrupts_sentence(lines, index) for index in rising)
    words_per_number = words / len(rising)
    if at_break > MAJORITY_SHARE * len(rising):
        yield from rising if words_per_number < MAX_WORDS_PER_PAGE else []
    elif words_per_number < MAX_WORDS_PER_NUMBER and (
        torn > MIN_TORN_SHARE * len(rising) or words_per_number < MAX_DENSE_WORDS
    ):
        yield from rising


def find_longest_rise(numbers: Sequence[int]) -> list[int]:
    """Return the positions of the longest increasing subsequence (patience sorting)."""
    pile_tops: list[int] = []
    top_positions: list[int] = []
    previous = [-1] * len(numbers)
    for position, number in enumerate(numbers):
        pile = bisect_left(pile_tops, number)
        previous[position] = top_positions[pile - 1] if pile else -1
        if pile == len(pile_tops):
            pile_tops.append(number)
            top_positions.append(position)
        else:
            pile_tops[pile], top_positions[pile] = number, position
    longest: list[int] = []
    position = top_positions[-1] if top_positions else -1
    while position >= 0:
        longest.append(position)
        position = previous[position]
    return longest[::-1]


def neighbours(lines: Sequence[str], index: int) -> tuple[str, str]:
    """Return the nearest lines that are not blank, before and after; page breaks count as lines."""
    return next_line(lines, range(index - 1, -1, -1)), next_line(lines, range(index + 1, len(lines)))


def next_line(lines: Sequence[str], order: Iterable[int]) -> str:
    """Return the first line in an order that is not blank."""
    return next((lines[index] for index in order if lines[index] == FORM_FEED or lines[index].strip()), "")


def interrupts_sentence(lines: Sequence[str], index: int) -> bool:
    """Return whether a sentence continues across a line."""
    before, after = neighbours(lines, index)
    return bool(before.strip()) and not LINE_STOP.search(before) and after.strip()[:1].islower()


def find_running_heads(lines: Sequence[str], numbers: set[int], words: int) -> Iterator[int]:
    """Yield first and last lines of pages that are the same on pages near each other."""
    breaks = [index for index, line in enumerate(lines) if line == FORM_FEED]
    if len(breaks) < MIN_REPEATS or words > MAX_WORDS_PER_PAGE * len(breaks):
        return
    edges = [-1, *breaks, len(lines)]
    groups: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for page, (start, end) in enumerate(pairwise(edges)):
        for index in find_page_ends(lines, range(start + 1, end), numbers):
            groups[head_key(lines[index])].append((page, index))
    for heads in filter(recurs, groups.values()):
        titles = len(heads) < MAJORITY_SHARE * len(breaks) and opens_chapter(lines, heads[0][1])
        yield from (index for _, index in heads[titles:])


def find_page_ends(lines: Sequence[str], page: range, numbers: set[int]) -> set[int]:
    """Return the first and the last line of a page, blank ones and numbers skipped, if they can be running heads."""
    first = next((index for index in page if lines[index].strip() and index not in numbers), -1)
    last = next((index for index in reversed(page) if lines[index].strip() and index not in numbers), -1)
    ends = [(first, first + 1), (last, last - 1)]
    return {
        index
        for index, beside in ends
        if index >= 0 and can_be_head(lines[index].strip()) and is_set_apart(lines, index, beside)
    }


def is_set_apart(lines: Sequence[str], index: int, beside: int) -> bool:
    """Return whether a line at the end of a page is set apart from its text, by a blank one or by capitals."""
    return not lines[beside : beside + 1] or not lines[beside].strip() or lines[index].isupper()


def can_be_head(line: str) -> bool:
    """Return whether a line is short, has letters, and is not a sentence."""
    return len(line) <= MAX_HEAD_CHARACTERS and bool(LETTER_RUN.search(line)) and not LINE_STOP.search(line)


def head_key(line: str) -> str:
    """Return what is the same on page after page: the letters; in "Chapter 3" the number, too."""
    line = line.strip()
    return line.casefold() if is_labelled(line) else " ".join(LETTER_RUN.findall(line.casefold()))


def recurs(heads: Sequence[tuple[int, int]]) -> bool:
    """Return whether equal lines, given as page and index, are on three or more pages that are near each other."""
    if len(heads) < MIN_REPEATS:
        return False
    return median(later - earlier for (earlier, _), (later, _) in pairwise(heads)) <= MAX_PAGE_DISTANCE


def opens_chapter(lines: Sequence[str], index: int) -> bool:
    """Return whether the first of equal lines is the chapter's own heading."""
    order = (position for position in range(index - 1, -1, -1) if lines[position] != FORM_FEED)
    before = next_line(lines, order)
    finished = not before.strip() or bool(LINE_STOP.search(before))
    alone = not "".join(lines[index + 1 : index + 2]).strip()
    return is_labelled(lines[index].strip()) or (finished and alone)


def find_numbered_heads(lines: Sequence[str], words: int) -> Iterator[int]:
    """Yield equal lines with rising page numbers beside them."""
    groups: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for index, line in enumerate(lines):
        if line[-1:].isdigit() or line.lstrip()[:1].isdigit():
            match = NUMBER_BESIDE_HEAD.search(line)
            if match and can_be_head(line.strip()) and not is_labelled(line.strip()):
                groups[head_key(line)].append((int(match[1] or match[2]), index))
    heads = [head for group in groups.values() if rises(group) for head in group]
    if heads and words < MAX_WORDS_PER_PAGE * len(heads):
        yield from (index for _, index in heads)


def rises(heads: Sequence[tuple[int, int]]) -> bool:
    """Return whether there are three numbers or more, each above the one before."""
    return len(heads) >= MIN_REPEATS and all(earlier < later for (earlier, _), (later, _) in pairwise(heads))
