"""What a text holds beside its story: licences, notes of editors, signs for italics. Found by their words and signs."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

from services.data.cleaning.steps import Cleaning, Step

LICENCE = re.compile(
    r"^[^\w\n]*(?:(?P<start>START OF (?:THE|THIS) PROJECT GUTENBERG|END\W*THE SMALL PRINT)"
    r"|(?P<end>END OF (?:THE |THIS )?PROJECT GUTENBERG)).*$",
    re.MULTILINE | re.IGNORECASE,
)
LEGAL = re.compile(r"\b(?:project gutenberg|small print|e-?(?:text|book)s?)\b", re.IGNORECASE)
SILENCE = 3000  # characters without one of these words: the licence is over
TEASER = 12_000  # characters at most that stand before the first header and are no book
NOTE = re.compile(
    r"\[(?:(?:illustration|footnote|endnote|sidenote|(?:transcriber|editor|translator|publisher)[’']?s?[’']? ?note)\b"
    r"[^\]]{0,2000}|\d{1,3}|(?-i:[A-Z*])|sic[.!]?)\]",
    re.IGNORECASE,
)
PAGE_MARK = re.compile(r"\[(?:pg?\.?|page) ?\d{1,4}\]|\{(?:(?:pg?\.?|page) ?)?\d{1,4}\}", re.IGNORECASE)
INSIDE = r"(?:[^{0}\n]|\n(?![ \t]*\n)){{1,300}}?"  # of an emphasis: no blank line
ITALICS = re.compile(rf"_(?<![\w_]_)(?=\S)({INSIDE.format('_')})(?<=\S)_(?![\w_])")
STARS = re.compile(rf"\*(?<![\w*]\*)(\*{{0,2}})(?=[^\s*])({INSIDE.format('*')})(?<=\S)\*\1(?![\w*])")
REST = re.compile(r"[ \t]*\n")
BLANK = re.compile(r"(?:[ \t]*\n)*")

Edit = tuple[int, int, str]  # from, to, what takes its place


@dataclass(frozen=True)
class Source:
    """A text, and for each of its lines the number that it has in its file."""

    text: str
    numbers: Sequence[int]

    def locate(self, places: Iterable[int]) -> Iterator[int]:
        """The line number of each place, which come in order."""
        line, at = 0, 0
        for place in places:
            line += self.text.count("\n", at, place)
            at = place
            yield self.numbers[line]

    def edit(self, edits: Sequence[Edit]) -> Source:
        """The text with every edit made; they come in order and put no line breaks in that were not there."""
        pieces: list[str] = []
        lost: list[tuple[int, int]] = []
        line, at = 0, 0
        for start, end, put in edits:
            first = line + self.text.count("\n", at, start)
            line = first + self.text.count("\n", start, end)
            whole = start == 0 or self.text[start - 1] == "\n"  # then what is left of the lines is the last one
            kept = line - put.count("\n")
            if kept > first:
                lost.append((first, kept) if whole else (first + 1, kept + 1))
            pieces += [self.text[at:start], put]
            at = end
        return Source("".join([*pieces, self.text[at:]]), without(self.numbers, lost))


def without(numbers: Sequence[int], lost: Sequence[tuple[int, int]]) -> Sequence[int]:
    """The numbers but for those in the ranges, which come in order."""
    if not lost:
        return numbers
    edges = [0, *(edge for pair in lost for edge in pair), len(numbers)]
    return [number for start, end in list(pairwise(edges))[::2] for number in numbers[start:end]]


def drop_markup(source: Source, cleaning: Cleaning) -> Source:
    """The text between a licence's header and footer, without editors' notes, page marks and signs for italics."""
    source = drop_licence(source, cleaning)
    if "[" in source.text or "{" in source.text:
        source = drop_notes(source, PAGE_MARK, Step.PAGE_NUMBERS, cleaning)
        source = drop_notes(source, NOTE, Step.NOTES, cleaning)
    for sign, pattern in (("_", ITALICS), ("*", STARS)):
        if sign in source.text:
            source = plain(source, pattern, cleaning)
    return source


def drop_licence(source: Source, cleaning: Cleaning) -> Source:
    """Keep what lies between a start and the next end; where several books follow each other, all of them."""
    if "gutenberg" not in source.text.lower() and "small print" not in source.text.lower():
        return source
    spans = list(licences(source.text))
    for (start, end), line in zip(spans, source.locate(start for start, _ in spans), strict=True):
        cleaning.note(Step.LICENCE, line, source.text[start:end].strip())
    return source.edit([(start, end, "") for start, end in spans])


def licences(text: str) -> Iterator[tuple[int, int]]:
    """From where to where a text is no book: around each mark as far as the words of a licence are dense."""
    begun = ended = 0
    for start, end in stretches(text):
        if start > ended > begun:
            yield begun, ended
        begun, ended = (start if start > ended else begun), end
    if ended > begun:
        yield begun, ended


def stretches(text: str) -> Iterator[tuple[int, int]]:
    """The header above or the footer below each mark, in order; a footer may touch the header that follows."""
    mentions = [match.span() for match in LEGAL.finditer(text)]
    marks = list(LICENCE.finditer(text))
    lowest = [0, *(mark.end() for mark in marks)]
    highest = [*(mark.start() for mark in marks[1:]), len(text)]
    for mark, low, high in zip(marks, lowest, highest, strict=False):
        if mark["start"]:
            yield header(text, mentions, low, mark.start()), mark.end()
        else:
            yield mark.start(), footer(text, mentions, mark.end(), high)


def header(text: str, mentions: Sequence[tuple[int, int]], lowest: int, end: int) -> int:
    """Where a header begins that ends with a mark at `end`: with a line, or higher where little stands above it."""
    start = end
    for begin, _ in takewhile(lambda span: span[0] >= lowest, reversed(mentions[: bisect(mentions, (end,))])):
        if start - begin > SILENCE:
            break
        start = begin
    little = start - lowest < (SILENCE if lowest else TEASER)
    return lowest if little else text.rfind("\n", lowest, start) + 1 or start


def footer(text: str, mentions: Sequence[tuple[int, int]], start: int, highest: int) -> int:
    """Where a footer ends whose first line ends at `start`: with a paragraph, or where little is left."""
    end = start
    for begin, after in takewhile(lambda span: span[1] <= highest, mentions[bisect(mentions, (start,)) :]):
        if begin - end > SILENCE:
            break
        end = after
    blank = text.find("\n\n", end, highest)
    return highest if blank < 0 or highest - end < SILENCE else blank


def drop_notes(source: Source, pattern: re.Pattern[str], step: Step, cleaning: Cleaning) -> Source:
    """The text without what a pattern finds."""
    found = list(pattern.finditer(source.text))
    edits: list[Edit] = []
    for match, line in zip(found, source.locate(match.start() for match in found), strict=True):
        cleaning.note(step, line, match.group())
        start, end = with_space(source.text, *match.span())
        edits.append((max(start, edits[-1][1] if edits else 0), end, ""))
    return source.edit(edits)


def with_space(text: str, start: int, end: int) -> tuple[int, int]:
    """A note's place with the space before it; with its lines and one gap where it has these for itself."""
    line = text.rfind("\n", 0, start) + 1
    rest = REST.match(text, end)
    if rest is None or text[line:start].strip():
        return start - text.startswith((" ", "\t"), start - 1) if start else start, end
    blank = BLANK.match(text, rest.end())
    alone = text[text.rfind("\n", 0, max(0, line - 1)) + 1 : line].strip() == ""
    return line, blank.end() if alone and blank else rest.end()


def plain(source: Source, pattern: re.Pattern[str], cleaning: Cleaning) -> Source:
    """The text without the signs around what is emphasised, which is the pattern's last group."""
    found = list(pattern.finditer(source.text))
    for match, line in zip(found, source.locate(match.start() for match in found), strict=True):
        cleaning.note(Step.EMPHASIS, line, match.group(), match[match.lastindex or 0])
    return source.edit([(*match.span(), match[match.lastindex or 0]) for match in found])
