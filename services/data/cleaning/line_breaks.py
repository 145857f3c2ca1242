"""The meaning of line breaks: whether a passage is prose, one paragraph a line, verse, or a script with speakers.

The width of a line alone does not tell. A wrapped line ends because the next word did not fit; a line of verse ends
though it would have, and the next begins with a capital; a line that is a paragraph ends a sentence, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise
from statistics import quantiles

from scriptorium.text.sentences import CLOSING_SIGNS, SENTENCE_STOPS

LINE_STOP = re.compile(rf"[{SENTENCE_STOPS}][{CLOSING_SIGNS}]*$")
# Han and kana with the signs and the full-width forms beside them: they are set without spaces. Korean has spaces.
FULL_WIDTH = re.compile("[\u2e80-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffee\U00020000-\U0003ffff]")
FIRST_LETTER = re.compile(r"[^\W\d_]")

STOP_CHARACTERS = 20  # at the end of a line
ROOM = 0.92  # of the width; a typist or a conversion leaves the rest free
ENOUGH_BREAKS = 8  # to judge a passage by itself
FEWEST_BREAKS = 3  # that show verse in the middle of prose
FITTING_IN_VERSE = 0.3  # of the breaks, if the lines begin with capitals; wrapped prose has next to none
FITTING_ALONE = 0.7  # of the breaks, if the lines begin in lower case, as in much modern verse
CAPITALS_IN_VERSE = 0.85
STOPS_IN_PARAGRAPHS = 0.8  # lines of verse run on
MIN_PARAGRAPH_LINES = 8  # in succession; fewer may be a verse, a list or an address


class PassageKind(Enum):
    """The meaning of the line breaks of a passage."""

    PROSE = auto()
    PARAGRAPHS = auto()
    VERSE = auto()


@dataclass(frozen=True, slots=True)
class BreakCounts:
    """The line breaks of a passage, and those of them that the next word would have fitted before.

    `capitals` counts those before a capital, `stops` those behind the end of a sentence.
    """

    breaks: int = 0
    fitting: int = 0
    capitals: int = 0
    stops: int = 0

    @property
    def have_capitals(self) -> bool:
        """Whether nearly all lines begin with capitals."""
        return self.capitals >= CAPITALS_IN_VERSE * self.breaks

    @property
    def are_verse(self) -> bool:
        """Whether most lines were ended on purpose."""
        least = FITTING_IN_VERSE if self.have_capitals else FITTING_ALONE
        return self.breaks > 0 and self.fitting >= least * self.breaks

    @property
    def could_be_verse(self) -> bool:
        """Whether nothing speaks against verse, so that the neighbours may decide."""
        return self.have_capitals or self.are_verse

    @property
    def end_sentences(self) -> bool:
        """Whether nearly all lines end a sentence."""
        return self.stops >= STOPS_IN_PARAGRAPHS * self.breaks

    @property
    def are_paragraphs(self) -> bool:
        """Whether nearly every line ends a sentence, and most ended though the next word would have fitted."""
        return self.breaks + 1 >= MIN_PARAGRAPH_LINES and self.end_sentences and 2 * self.fitting >= self.breaks


def measure_width(lengths: Sequence[int]) -> int:
    """Return the width of a page: a length that nine of ten lines do not exceed."""
    return int(quantiles(lengths, n=10)[-1]) if len(lengths) > 1 else sum(lengths)


def judge_book(passages: Sequence[Sequence[str]], width: int) -> PassageKind:
    """Return the kind that most of a book is, given as the lines of each passage."""
    counts = count_breaks(passages, width)
    if counts.are_paragraphs:
        return PassageKind.PARAGRAPHS
    return PassageKind.VERSE if counts.are_verse and counts.breaks >= ENOUGH_BREAKS else PassageKind.PROSE


def judge_passages(passages: Sequence[Sequence[str]], width: int, book: PassageKind) -> list[PassageKind]:
    """Return the kind of each passage; a short one is judged together with its neighbours and with its book."""
    return [judge_passage(passages, index, width, book) for index in range(len(passages))]


def judge_passage(passages: Sequence[Sequence[str]], index: int, width: int, book: PassageKind) -> PassageKind:
    """Return the kind of the passage with this index."""
    if len(passages[index]) == 1:
        return PassageKind.PROSE
    counts = count_breaks([passages[index]], width)
    if counts.are_paragraphs or (book is PassageKind.PARAGRAPHS and counts.end_sentences):
        return PassageKind.PARAGRAPHS
    is_verse = counts.are_verse and counts.breaks >= FEWEST_BREAKS
    if not is_verse and counts.breaks < ENOUGH_BREAKS and counts.could_be_verse:
        around = count_breaks(find_neighbours(passages, index), width)
        is_verse = around.are_verse if around.breaks >= ENOUGH_BREAKS else book is PassageKind.VERSE
    return PassageKind.VERSE if is_verse else PassageKind.PROSE


def find_neighbours(passages: Sequence[Sequence[str]], index: int) -> list[Sequence[str]]:
    """Return a passage with those around it, as far as there are breaks enough to judge by."""
    first, after = index, index + 1
    while count_between(passages[first:after]) < ENOUGH_BREAKS and (first > 0 or after < len(passages)):
        first, after = max(0, first - 1), min(len(passages), after + 1)
    return list(passages[first:after])


def count_between(passages: Iterable[Sequence[str]]) -> int:
    """Count the line breaks inside passages."""
    return sum(len(lines) - 1 for lines in passages)


def count_breaks(passages: Sequence[Sequence[str]], width: int) -> BreakCounts:
    """Count what the breaks of passages show, their page as wide as their longest line, `width` at most.

    Lines of less than half the width were ended on purpose all the same.
    """
    longest = max((len(line.strip()) for lines in passages if len(lines) > 1 for line in lines), default=0)
    limit = ROOM * (min(width, longest) if longest > width / 2 else width)
    pairs = [pair for lines in passages for pair in pairwise(lines) if not hangs(*pair, width)]
    return BreakCounts(
        len(pairs),
        sum(fits_before(line, after, limit) for line, after in pairs),
        sum(begins_with_capital(after) for _, after in pairs),
        sum(bool(LINE_STOP.search(line[-STOP_CHARACTERS:])) for line, _ in pairs),
    )


def begins_with_capital(line: str) -> bool:
    """Return whether a line's first letter is not a small one."""
    letter = FIRST_LETTER.search(line)
    return letter is not None and not letter.group().islower()


def fits_before(line: str, after: str, limit: float) -> bool:
    """Return whether the first word of the next line would have fitted behind a line."""
    return len(line.strip()) + 1 + len(first_word(after)) <= limit


def first_word(line: str) -> str:
    """Return the first word of a line; in a script without spaces, its first character."""
    word = line.split(None, 1)[0]
    return word[0] if FULL_WIDTH.match(word) else word


def ended_on_purpose(line: str, after: str, limit: float) -> bool:
    """Return whether the next line's first word would easily have fitted, and no word is hyphenated."""
    line = line.strip()
    return fits_before(line, after, limit) and not (line.endswith("-") and line[-2:-1].isalpha())


def hangs(line: str, after: str, width: int) -> bool:
    """Return whether a line of verse was too long for the page, and goes on in the next, which is indented deeper."""
    deeper = indent(after) > indent(line) and not begins_with_capital(after)
    return deeper and not fits_before(line, after, width - indent(line))


def indent(line: str) -> int:
    """Count the spaces before a line."""
    return len(line) - len(line.lstrip())


def join_hanging(lines: Iterable[str], width: int) -> Iterator[str]:
    """Yield the lines of verse, those that were too long for the page whole again."""
    whole, last = "", ""
    for line in lines:
        if last and (hangs(last, line, width) or (whole != last and indent(line) >= indent(last) > indent(whole))):
            whole = f"{whole} {line.strip()}"
        elif last:
            yield whole
            whole = line
        else:
            whole = line
        last = line
    yield whole


def space_between(line: str, after: str) -> str:
    """Return what separates two joined lines: nothing in a script that is set without spaces."""
    return "" if FULL_WIDTH.match(line[-1:]) and FULL_WIDTH.match(after[:1]) else " "
