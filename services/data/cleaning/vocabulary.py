"""The words of a book, which decide the spelling of a word that was hyphenated at a line's end or set in capitals."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from scriptorium.text.word_spans import count_running_words
from scriptorium.text.words import LETTERS, word_pattern

SLICE_CHARACTERS = 1_000_000  # whose words are counted at once
WORD = word_pattern("-")
LINE_END_HYPHEN = re.compile(r"-[ \t]*\n\s*(\S+)")
LAST_TOKEN = re.compile(r"\S{1,80}$")
LAST_WORD = re.compile(rf"(?<![^\W_]){LETTERS}(?:-{LETTERS})*$")
CUT_RATIO = 2  # of words to compounds that are cut, above which the book cuts words
SYLLABLES = (  # they look like words, but no compound begins with the first or ends with the second
    "a ad af as at be com con de di dis em en ex fore im in mis ob out over per pre pro re sub sup sur to trans un"
    " under up with",
    "able age al ance ant ed en ence ent er ers ess est ful hood ible ic ing ings ish ism ist ity ive less ly man men"
    " ment ness or ous self selves ship some ter tion ty ward wards ways wise",
)
BEGINNINGS, ENDINGS = (frozenset(syllables.split()) for syllables in SYLLABLES)


@dataclass(frozen=True)
class BookVocabulary:
    """The counts of uncut words as they are spelled and in lower case; `words` counts all as they are written.

    `cuts_words` says whether the book cuts words at the ends of lines; None that its habit is not clear.
    """

    forms: Counter[str]
    lowercase: Counter[str]
    words: int
    cuts_words: bool | None = None

    def hyphen(self, head: str, tail: str) -> str:
        """Return the sign between the halves of a word: a hyphen if it is a compound, else ""."""
        head, tail = head.lower(), tail.lower()
        compound, joined = self.lowercase[f"{head}-{tail}"], self.lowercase[head + tail]
        if compound or joined:
            return "-" if compound > joined else ""
        if self.cuts_words is False:
            return "-"
        return "-" if self.both_known(head.rpartition("-")[2], tail.partition("-")[0]) else ""

    def both_known(self, head: str, tail: str) -> bool:
        """Return whether two halves are words by themselves, and neither is a syllable that only looks like one."""
        known = self.lowercase[head] and self.lowercase[tail]
        return bool(known) and head not in BEGINNINGS and tail not in ENDINGS


def read_vocabulary(text: str) -> BookVocabulary:
    """Count the words of a text; halves of words that were cut do not count."""
    tokens, words = Counter[str](), 0
    for piece in slice_lines(text):
        tokens.update(piece.split())
        words += count_running_words(piece)
    halves = list(find_cuts(text))
    for head, tail in halves:
        tokens[head] -= 1
        tokens[tail] -= 1
    forms: Counter[str] = Counter()
    for token, count in tokens.items():
        if count > 0:
            for word in WORD.findall(token):
                forms[word] += count
    lowercase: Counter[str] = Counter()
    for form, count in forms.items():
        lowercase[form.lower()] += count
    return BookVocabulary(forms, lowercase, words, find_habit(halves, lowercase))


def slice_lines(text: str) -> Iterator[str]:
    """Yield a text in pieces of complete lines."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + SLICE_CHARACTERS)
        end = len(text) if end < 0 else end
        yield text[start:end]
        start = end


def find_cuts(text: str) -> Iterator[tuple[str, str]]:
    """Yield the text before and after each hyphen at the end of a line, up to white space."""
    for match in LINE_END_HYPHEN.finditer(text):
        head = LAST_TOKEN.search(text, max(0, match.start() - 80), match.start())
        if head and not head.group().endswith("-"):
            yield f"{head.group()}-", match[1]


def find_habit(halves: list[tuple[str, str]], lowercase: Counter[str]) -> bool | None:
    """Return whether words that the book has elsewhere are cut, or only compounds; None if neither is clear."""
    words = compounds = 0
    for before, after in halves:
        head, tail = LAST_WORD.search(before[:-1].lower()), WORD.match(after.lower())
        if head and tail:
            joined = lowercase[head.group() + tail.group()] > 0
            compound = lowercase[head.group()] and lowercase[tail.group()]  # "straightaway" is a compound, too
            words += joined and not compound
            compounds += lowercase[f"{head.group()}-{tail.group()}"] > 0
    if words > CUT_RATIO * compounds:
        return True
    return False if compounds and compounds >= words else None
