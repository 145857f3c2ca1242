"""What belongs to a page and not to the text: its number, and the line that stands on top of page after page."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import median

from services.data.cleaning.headings import labelled
from services.data.cleaning.layout import PAGE, SENTENCE_STOP
from services.data.cleaning.steps import Step

FEWEST = 3  # numbers or lines alike
LONGEST_HEAD = 80  # characters
WORDS_A_PAGE = 800  # at most, or page breaks are those of chapters
WORDS_A_NUMBER = 400  # at most, or numbers may be those of chapters
TORN = 0.1  # of the numbers stand inside a sentence; those of chapters never do
DENSE = 100  # words between two numbers that are too few for chapters
APART = 3  # pages, left and right, between two lines alike
HALF = 0.5  # of all pages have the book's own name on top

NUMBER = re.compile(
    r"^[^\w\"'“‘«]*(?:(?P<named>page|pg|p)\W{1,3})?(?P<number>\d{1,4})(?: ?(?:of|/) ?\d{1,4})?[^\w\"'”’»]*$",
    re.IGNORECASE,
)
LETTERS = re.compile(r"[^\W\d_]+")
BESIDE = re.compile(r"^\s*(\d{1,4})\W+(?=[^\W\d_])|(?<=[^\W\d_])\W+(\d{1,4})\s*$")


def find_furniture(lines: Sequence[str], words: int) -> dict[int, Step]:
    """The lines, by index, that belong to pages, and which step leaves them out; `words` is how many the text has."""
    numbers = set(find_page_numbers(lines, words))
    found: dict[int, Step] = dict.fromkeys(numbers, Step.PAGE_NUMBERS)
    for head in [*find_tops(lines, numbers, words), *find_beside(lines, words)]:
        found.setdefault(head, Step.RUNNING_HEADS)
    return found


def find_page_numbers(lines: Sequence[str], words: int) -> Iterator[int]:
    """Lines that are nothing but a page's number: those that say so, and those that count on and cut sentences."""
    found = [(index, match) for index, line in enumerate(lines) if (match := NUMBER.match(line))]
    named = [index for index, match in found if match["named"]]
    bare = [(index, int(match["number"])) for index, match in found if not match["named"]]
    rising = [bare[place][0] for place in longest_rise([number for _, number in bare])]
    yield from named if len(named) >= FEWEST else []
    if len(rising) < FEWEST:
        return
    at_break = sum(PAGE in (lines_near(lines, index)) for index in rising)
    torn = sum(is_torn(lines, index) for index in rising)
    share = words / len(rising)
    if at_break > HALF * len(rising):
        yield from rising if share < WORDS_A_PAGE else []
    elif share < WORDS_A_NUMBER and (torn > TORN * len(rising) or share < DENSE):
        yield from rising


def longest_rise(numbers: Sequence[int]) -> list[int]:
    """The places of the longest subsequence that rises (patience sorting)."""
    ends: list[int] = []
    places: list[int] = []
    before = [-1] * len(numbers)
    for place, number in enumerate(numbers):
        at = bisect_left(ends, number)
        before[place] = places[at - 1] if at else -1
        if at == len(ends):
            ends.append(number)
            places.append(place)
        else:
            ends[at], places[at] = number, place
    chosen: list[int] = []
    place = places[-1] if places else -1
    while place >= 0:
        chosen.append(place)
        place = before[place]
    return chosen[::-1]


def lines_near(lines: Sequence[str], index: int) -> tuple[str, str]:
    """The next lines with something on them, before and after; page breaks count as lines."""
    return next_line(lines, range(index - 1, -1, -1)), next_line(lines, range(index + 1, len(lines)))


def next_line(lines: Sequence[str], order: Iterable[int]) -> str:
    """The first line in an order that is not blank."""
    return next((lines[index] for index in order if lines[index] == PAGE or lines[index].strip()), "")


def is_torn(lines: Sequence[str], index: int) -> bool:
    """Whether a sentence goes on across a line."""
    before, after = lines_near(lines, index)
    return bool(before.strip()) and not SENTENCE_STOP.search(before) and after.strip()[:1].islower()


def find_tops(lines: Sequence[str], numbers: set[int], words: int) -> Iterator[int]:
    """First and last lines of pages that are alike on pages near each other."""
    breaks = [index for index, line in enumerate(lines) if line == PAGE]
    if len(breaks) < FEWEST or words > WORDS_A_PAGE * len(breaks):
        return
    edges = [-1, *breaks, len(lines)]
    seen: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for page, (start, end) in enumerate(pairwise(edges)):
        for index in ends_of(lines, range(start + 1, end), numbers):
            seen[likeness(lines[index])].append((page, index))
    for places in filter(recurring, seen.values()):
        titles = len(places) < HALF * len(breaks) and opens_chapter(lines, places[0][1])
        yield from (index for _, index in places[titles:])


def ends_of(lines: Sequence[str], page: range, numbers: set[int]) -> set[int]:
    """The first and the last line of a page, blank ones and numbers passed over, where they can be running heads."""
    first = next((index for index in page if lines[index].strip() and index not in numbers), -1)
    last = next((index for index in reversed(page) if lines[index].strip() and index not in numbers), -1)
    ends = [(first, first + 1), (last, last - 1)]
    return {
        index for index, beside in ends if index >= 0 and can_head(lines[index].strip()) and apart(lines, index, beside)
    }


def apart(lines: Sequence[str], index: int, beside: int) -> bool:
    """Whether a line at the end of a page is set off from its text, by a blank one or by capitals."""
    return not lines[beside : beside + 1] or not lines[beside].strip() or lines[index].isupper()


def can_head(line: str) -> bool:
    """Whether a line is short, has letters, and is no sentence."""
    return len(line) <= LONGEST_HEAD and bool(LETTERS.search(line)) and not SENTENCE_STOP.search(line)


def likeness(line: str) -> str:
    """What is alike on page after page: the letters; in "Chapter 3" the number, too."""
    line = line.strip()
    return line.casefold() if labelled(line) else " ".join(LETTERS.findall(line.casefold()))


def recurring(places: Sequence[tuple[int, int]]) -> bool:
    """Whether lines alike stand on three pages or more that are near each other."""
    if len(places) < FEWEST:
        return False
    return median(later - earlier for (earlier, _), (later, _) in pairwise(places)) <= APART


def opens_chapter(lines: Sequence[str], index: int) -> bool:
    """Whether a line that recurs is, where it comes first, the chapter's own heading."""
    before = next_line(lines, (place for place in range(index - 1, -1, -1) if lines[place] != PAGE))
    finished = not before.strip() or bool(SENTENCE_STOP.search(before))
    alone = not "".join(lines[index + 1 : index + 2]).strip()
    return labelled(lines[index].strip()) or (finished and alone)


def find_beside(lines: Sequence[str], words: int) -> Iterator[int]:
    """Lines alike that have a page's number beside them, and the numbers rise."""
    seen: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for index, line in enumerate(lines):
        if line[-1:].isdigit() or line.lstrip()[:1].isdigit():
            match = BESIDE.search(line)
            if match and can_head(line.strip()) and not labelled(line.strip()):
                seen[likeness(line)].append((int(match[1] or match[2]), index))
    heads = [place for alike in seen.values() if rises(alike) for place in alike]
    if heads and words < WORDS_A_PAGE * len(heads):
        yield from (index for _, index in heads)


def rises(places: Sequence[tuple[int, int]]) -> bool:
    """Whether there are three numbers or more, each above the one before."""
    return len(places) >= FEWEST and all(earlier < later for (earlier, _), (later, _) in pairwise(places))
