"""Pages of lines with their places: what their margins repeat, which is no part of the text, and their paragraphs.

A head is taken for one by its place, not by its shape: it stands apart from the text, and at the same height with the
same words on several pages; a page's number rises with the pages.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from services.data.readers.structure import FORM_FEED

MIN_REPEATS = 3  # pages with the same head, or whose numbers rise with them
MARGIN_LINES = 2  # at the top and at the bottom of a page that may repeat
NUMBER = re.compile(r"^\W*(\d{1,4})\W*$")
WIDE_GAP = 1.3  # of the usual distance between lines: a paragraph begins
SAME_PLACE = 1.5  # points between the left ends of two lines that stand under each other


@dataclass
class Line:
    """A line with the place of its left end, in points from the left and from the bottom of the page."""

    x: float = 0.0
    y: float = 0.0
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text of the line."""
        return " ".join("".join(self.pieces).split())


Page = Sequence[Line]
Mark = tuple[str, int]  # what a line repeats: its words or the offset of its number, and its height


def drop_heads(pages: Sequence[Page]) -> tuple[list[Page], int]:
    """Return the pages without running heads and page numbers, and how many lines these were."""
    gap = measure_gap(pages)
    marks = [
        {id(line): make_mark(line, number) for line in find_margin_lines(page, gap)}
        for number, page in enumerate(pages)
    ]
    counts = Counter(mark for page_marks in marks for mark in page_marks.values())
    repeated = {mark for mark, count in counts.items() if count >= MIN_REPEATS}
    bodies: list[Page] = [
        [line for line in page if page_marks.get(id(line)) not in repeated]
        for page, page_marks in zip(pages, marks, strict=True)
    ]
    return bodies, sum(map(len, pages)) - sum(map(len, bodies))


def find_margin_lines(page: Page, gap: float) -> list[Line]:
    """Return the lines at the top and at the bottom of a page that stand apart from its text."""
    lines = sorted(page, key=lambda line: -line.y)
    return [*take_apart(lines, gap), *take_apart(lines[::-1], gap)]


def take_apart(lines: Sequence[Line], gap: float) -> Sequence[Line]:
    """Return the first lines if a wide gap follows them; a page that is nothing else has no head."""
    for size in range(1, min(MARGIN_LINES + 1, len(lines))):
        if abs(lines[size - 1].y - lines[size].y) > WIDE_GAP * gap:
            return lines[:size]
    return ()


def make_mark(line: Line, page: int) -> Mark:
    """Return what a line repeats if it is a head: its words, or how far its number is from that of its page."""
    number = NUMBER.match(line.text)
    return (f"{int(number[1]) - page:+}" if number else line.text), round(line.y)


def measure_gap(pages: Sequence[Page]) -> float:
    """Return the usual distance between two lines of the text."""
    gaps = Counter(round(above.y - below.y) for page in pages for above, below in pairwise(page) if above.y > below.y)
    return gaps.most_common(1)[0][0] if gaps else 0


def lay_out(pages: Sequence[Page]) -> str:
    """Return the text with page breaks, and blank lines between paragraphs as far as the pages show them."""
    gap = measure_gap(pages)
    margins = [find_margin(page) for page in pages]
    indents = Counter(
        round(line.x - margin)
        for page, margin in zip(pages, margins, strict=True)
        for line in page
        if line.x > margin + SAME_PLACE
    )
    indent = indents.most_common(1)[0][0] if indents else 0
    return f"\n{FORM_FEED}\n".join(
        "\n".join(part_paragraphs(page, margin, gap, indent)) for page, margin in zip(pages, margins, strict=True)
    )


def find_margin(page: Page) -> float:
    """Return the place at which most lines of a page begin; the left one of two that are as frequent."""
    places = Counter(round(line.x) for line in page)
    return min(places, key=lambda place: (-places[place], place)) if places else 0


def part_paragraphs(page: Page, margin: float, gap: float, indent: float) -> Iterator[str]:
    """Yield the lines of a page, and a blank line before each that begins a paragraph."""
    for index, line in enumerate(page):
        if index and begins_paragraph(page[index - 1], line, margin, gap, indent):
            yield ""
        yield line.text


def begins_paragraph(above: Line, line: Line, margin: float, gap: float, indent: float) -> bool:
    """Return whether a line is far from the one above it, has the indent of paragraphs, or another place than it."""
    if not -SAME_PLACE <= above.y - line.y <= WIDE_GAP * gap:
        return True
    if abs(line.x - above.x) > SAME_PLACE:
        is_second = abs(line.x - margin) <= SAME_PLACE and abs(above.x - margin - indent) <= SAME_PLACE
        return not is_second
    return indent > 0 and abs(line.x - margin - indent) <= SAME_PLACE
