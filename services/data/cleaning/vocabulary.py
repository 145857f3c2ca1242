"""The words of a book, which tell what becomes of a word that was cut at the end of a line or set in capitals."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

SLICE = 1_000_000  # characters whose words are counted at once
WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
CUT = re.compile(r"-[ \t]*\n\s*(\S+)")
LAST_TOKEN = re.compile(r"\S{1,80}$")
LAST_WORD = re.compile(r"(?<![^\W_])[^\W\d_]+(?:-[^\W\d_]+)*$")
COMPARED = 2  # times more words than compounds are cut where both are
SYLLABLES = (  # they look like words, but no compound begins with the first or ends with the second
    "a ad af as at be com con de di dis em en ex fore im in mis ob out over per pre pro re sub sup sur to trans un"
    " under up with",
    "able age al ance ant ed en ence ent er ers ess est ful hood ible ic ing ings ish ism ist ity ive less ly man men"
    " ment ness or ous self selves ship some ter tion ty ward wards ways wise",
)
BEGINNINGS, ENDINGS = (frozenset(syllables.split()) for syllables in SYLLABLES)


@dataclass(frozen=True)
class Vocabulary:
    """Every whole word as it is written and in small letters, and how often; `words` counts all by white space.

    `cuts` says whether the book cuts words at the ends of lines; None, that it does not show its habit.
    """

    forms: Counter[str]
    small: Counter[str]
    words: int
    cuts: bool | None = None

    def hyphen(self, head: str, tail: str) -> str:
        """What stands between the halves of a word: a hyphen where it is a compound, else nothing."""
        head, tail = head.lower(), tail.lower()
        compound, whole = self.small[f"{head}-{tail}"], self.small[head + tail]
        if compound or whole:
            return "-" if compound > whole else ""
        if self.cuts is False:
            return "-"
        return "-" if self.both_known(head.rpartition("-")[2], tail.partition("-")[0]) else ""

    def both_known(self, head: str, tail: str) -> bool:
        """Whether two halves are words by themselves, and none is a syllable that only looks like one."""
        known = self.small[head] and self.small[tail]
        return bool(known) and head not in BEGINNINGS and tail not in ENDINGS


def read_vocabulary(text: str) -> Vocabulary:
    """Count the words of a text; halves of words that were cut are none."""
    tokens: Counter[str] = Counter()
    for piece in slices(text):
        tokens.update(piece.split())
    words = tokens.total()
    halves = list(find_cuts(text))
    for head, tail in halves:
        tokens[head] -= 1
        tokens[tail] -= 1
    forms: Counter[str] = Counter()
    for token, count in tokens.items():
        if count > 0:
            for word in WORD.findall(token):
                forms[word] += count
    small: Counter[str] = Counter()
    for form, count in forms.items():
        small[form.lower()] += count
    return Vocabulary(forms, small, words, find_habit(halves, small))


def slices(text: str) -> Iterator[str]:
    """A text in pieces of whole lines."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + SLICE)
        end = len(text) if end < 0 else end
        yield text[start:end]
        start = end


def find_cuts(text: str) -> Iterator[tuple[str, str]]:
    """What stands before and after each hyphen at the end of a line, up to white space."""
    for match in CUT.finditer(text):
        head = LAST_TOKEN.search(text, max(0, match.start() - 80), match.start())
        if head and not head.group().endswith("-"):
            yield f"{head.group()}-", match[1]


def find_habit(halves: list[tuple[str, str]], small: Counter[str]) -> bool | None:
    """Whether words that the book has elsewhere are cut, or only compounds; None where neither is clear."""
    whole = compound = 0
    for before, after in halves:
        head, tail = LAST_WORD.search(before[:-1].lower()), WORD.match(after.lower())
        if head and tail:
            joined = small[head.group() + tail.group()] > 0
            whole += joined and not (small[head.group()] and small[tail.group()])  # "straightaway" is a compound, too
            compound += small[f"{head.group()}-{tail.group()}"] > 0
    if whole > COMPARED * compound:
        return True
    return False if compound and compound >= whole else None
