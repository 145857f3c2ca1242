"""Removal of what is not story: licences, editors' notes, signs for italics; found by their words and signs."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

from services.data.cleaning.steps import CleaningLog, StepName

LICENCE = re.compile(
    r"^[^\w\n]*(?:(?P<start>START OF (?:THE|THIS) PROJECT GUTENBERG|END\W*THE SMALL PRINT)"
    r"|(?P<end>END OF (?:THE |THIS )?PROJECT GUTENBERG)).*$",
    re.MULTILINE | re.IGNORECASE,
)
LEGAL = re.compile(r"\b(?:project gutenberg|small print|e-?(?:text|book)s?)\b", re.IGNORECASE)
MAX_LEGAL_GAP = 3000  # characters without one of these words; then the licence is over
MAX_TEASER = 12_000  # characters before the first header; more are a book
NOTE = re.compile(
    r"\[(?:(?:illustration|footnote|endnote|sidenote|(?:transcriber|editor|translator|publisher)[’']?s?[’']? ?note)\b"
    r"[^\]]{0,2000}|\d{1,3}|(?-i:[A-Z*])|sic[.!]?)\]",
    re.IGNORECASE,
)
PAGE_MARK = re.compile(r"\[(?:pg?\.?|page) ?\d{1,4}\]|\{(?:(?:pg?\.?|page) ?)?\d{1,4}\}", re.IGNORECASE)
EMPHASISED = r"(?:[^{0}\n]|\n(?![ \t]*\n)){{1,300}}?"  # without a blank line
ITALICS = re.compile(rf"_(?<![\w_]_)(?=\S)({EMPHASISED.format('_')})(?<=\S)_(?![\w_])")
STARS = re.compile(rf"\*(?<![\w*]\*)(\*{{0,2}})(?=[^\s*])({EMPHASISED.format('*')})(?<=\S)\*\1(?![\w*])")
LINE_REST = re.compile(r"[ \t]*\n")
BLANK_LINES = re.compile(r"(?:[ \t]*\n)*")

Edit = tuple[int, int, str]  # start, end, replacement


@dataclass(frozen=True)
class Source:
    """A text, and the number of each of its lines in its file."""

    text: str
    numbers: Sequence[int]

    def locate_lines(self, positions: Iterable[int]) -> Iterator[int]:
        """Yield the line number of each position; the positions are in order."""
        line, previous = 0, 0
        for position in positions:
            line += self.text.count("\n", previous, position)
            previous = position
            yield self.numbers[line]

    def edit(self, edits: Sequence[Edit]) -> Source:
        """Return the text with every edit made; the edits are in order and add no line breaks."""
        pieces: list[str] = []
        lost_lines: list[tuple[int, int]] = []
        line, previous = 0, 0
        for start, end, replacement in edits:
            first = line + self.text.count("\n", previous, start)
            line = first + self.text.count("\n", start, end)
            at_line_start = start == 0 or self.text[start - 1] == "\n"  # then the last of the lines remains
            last = line - replacement.count("\n")
            if last > first:
                lost_lines.append((first, last) if at_line_start else (first + 1, last + 1))
            pieces += [self.text[previous:start], replacement]
            previous = end
        return Source("".join([*pieces, self.text[previous:]]), drop_ranges(self.numbers, lost_lines))


def drop_ranges(numbers: Sequence[int], ranges: Sequence[tuple[int, int]]) -> Sequence[int]:
    """Return the numbers without those at the indexes in the ranges, which are in order."""
    if not ranges:
        return numbers
    edges = [0, *(edge for pair in ranges for edge in pair), len(numbers)]
    return [number for start, end in list(pairwise(edges))[::2] for number in numbers[start:end]]


def drop_markup(source: Source, log: CleaningLog) -> Source:
    """Return the text between a licence's header and footer, without editors' notes, page marks and emphasis."""
    source = drop_licence(source, log)
    if "[" in source.text or "{" in source.text:
        source = drop_notes(source, PAGE_MARK, StepName.PAGE_NUMBERS, log)
        source = drop_notes(source, NOTE, StepName.NOTES, log)
    for sign, pattern in (("_", ITALICS), ("*", STARS)):
        if sign in source.text:
            source = drop_emphasis(source, pattern, log)
    return source


def drop_licence(source: Source, log: CleaningLog) -> Source:
    """Leave out licences; of several books in a text, all are kept."""
    if "gutenberg" not in source.text.lower() and "small print" not in source.text.lower():
        return source
    spans = list(find_licences(source.text))
    return source.edit(
        [
            (start, end, "")
            for (start, end), line in zip(spans, source.locate_lines(start for start, _ in spans), strict=True)
            if log.change(StepName.LICENCE, line, source.text[start:end].strip())
        ]
    )


def find_licences(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of licences: around each mark as far as the words of a licence are dense."""
    licence_start = licence_end = 0
    for start, end in find_headers_and_footers(text):
        if start > licence_end > licence_start:
            yield licence_start, licence_end
        licence_start, licence_end = (start if start > licence_end else licence_start), end
    if licence_end > licence_start:
        yield licence_start, licence_end


def find_headers_and_footers(text: str) -> Iterator[tuple[int, int]]:
    """Yield the header above or the footer below each mark, in order; a footer may touch the header that follows."""
    mentions = [match.span() for match in LEGAL.finditer(text)]
    marks = list(LICENCE.finditer(text))
    lowest = [0, *(mark.end() for mark in marks)]
    highest = [*(mark.start() for mark in marks[1:]), len(text)]
    for mark, low, high in zip(marks, lowest, highest, strict=False):
        if mark["start"]:
            yield find_header_start(text, mentions, low, mark.start()), mark.end()
        else:
            yield mark.start(), find_footer_end(text, mentions, mark.end(), high)


def find_header_start(text: str, mentions: Sequence[tuple[int, int]], lowest: int, end: int) -> int:
    """Return the start of a header whose mark is at `end`: a line's, or `lowest` if little text is above the header."""
    start = end
    for begin, _ in takewhile(lambda span: span[0] >= lowest, reversed(mentions[: bisect(mentions, (end,))])):
        if start - begin > MAX_LEGAL_GAP:
            break
        start = begin
    little = start - lowest < (MAX_LEGAL_GAP if lowest else MAX_TEASER)
    return lowest if little else text.rfind("\n", lowest, start) + 1 or start


def find_footer_end(text: str, mentions: Sequence[tuple[int, int]], start: int, highest: int) -> int:
    """Return the end of a footer whose first line ends at `start`: a paragraph's, or `highest` if little is left."""
    end = start
    for begin, after in takewhile(lambda span: span[1] <= highest, mentions[bisect(mentions, (start,)) :]):
        if begin - end > MAX_LEGAL_GAP:
            break
        end = after
    blank = text.find("\n\n", end, highest)
    return highest if blank < 0 or highest - end < MAX_LEGAL_GAP else blank


def drop_notes(source: Source, pattern: re.Pattern[str], step: StepName, log: CleaningLog) -> Source:
    """Return the text without the matches of a pattern."""
    matches = list(pattern.finditer(source.text))
    edits: list[Edit] = []
    for match, line in zip(matches, source.locate_lines(match.start() for match in matches), strict=True):
        if log.change(step, line, match.group()):
            start, end = widen_to_space(source.text, *match.span())
            edits.append((max(start, edits[-1][1] if edits else 0), end, ""))
    return source.edit(edits)


def widen_to_space(text: str, start: int, end: int) -> tuple[int, int]:
    """Extend the span of a note to the space before it, or to its lines and one gap if nothing else is on them."""
    line = text.rfind("\n", 0, start) + 1
    rest = LINE_REST.match(text, end)
    if rest is None or text[line:start].strip():
        return start - text.startswith((" ", "\t"), start - 1) if start else start, end
    blank = BLANK_LINES.match(text, rest.end())
    alone = text[text.rfind("\n", 0, max(0, line - 1)) + 1 : line].strip() == ""
    return line, blank.end() if alone and blank else rest.end()


def drop_emphasis(source: Source, pattern: re.Pattern[str], log: CleaningLog) -> Source:
    """Return the text without the signs around emphasised words, which are the pattern's last group."""
    matches = list(pattern.finditer(source.text))
    return source.edit(
        [
            (*match.span(), match[match.lastindex or 0])
            for match, line in zip(matches, source.locate_lines(match.start() for match in matches), strict=True)
            if log.change(StepName.EMPHASIS, line, match.group(), match[match.lastindex or 0])
        ]
    )
