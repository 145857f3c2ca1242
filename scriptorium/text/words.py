"""Words: one definition of a letter, and the patterns that differ in what may join letters into one word.

    >>> list_words("Don’t shout, Anne-Marie!")
    ["don't", 'shout', 'anne', 'marie']

`WORD` is the word of the voice metric and of most counts. The other patterns are for their own purpose: a compound name
is one word in a brief, digits count where copies are looked for.
"""

from __future__ import annotations

import re

LETTERS = r"[^\W\d_]+"
LETTERS_AND_DIGITS = r"\w+"
ANY_CAPITAL = "[A-ZÀ-ÖØ-ÞĄĆĈČĎĘĚĞİĹĽŁŃŇŐŒŘŚŞŠŤŮŰŸŹŻŽΑ-ΩЀ-Я]"  # of European languages

SMALL_LETTERS = "".join(filter(str.islower, map(chr, range(ord("a"), 0x530))))  # Latin, Greek and Cyrillic; for a class


def word_pattern(joints: str = "", letters: str = LETTERS) -> re.Pattern[str]:
    """Compile the pattern of a word: a run of letters, and more runs, each behind one of the signs in `joints`."""
    return re.compile(f"{letters}(?:[{joints}]{letters})*" if joints else letters)


WORD = word_pattern("'’")
COMPOUND_WORD = word_pattern("'’-")  # "well-known" and "Anne-Marie" are one each
ALPHANUMERIC_WORD = word_pattern(letters=LETTERS_AND_DIGITS)  # "don't" is two; numbers count
ALPHANUMERIC_COMPOUND = word_pattern("'’-", LETTERS_AND_DIGITS)

SPACE = re.compile(r"\s+")
# Curly or straight, one dash or two: that is the typesetter's habit or the tokenizer's, and would tell any book from
# any model's text without a word being read.
PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "—": " - ", "–": " - ", "…": "..."})
DASHES = re.compile(r"\s*-{2,}\s*| - ")


def plain(text: str) -> str:
    """Return the text with straight quotes, one kind of dash and single spaces."""
    return SPACE.sub(" ", DASHES.sub(" - ", text.translate(PLAIN))).strip()


def list_words(text: str) -> list[str]:
    """List the words in lower case, with straight apostrophes."""
    return [word.replace("’", "'") for word in WORD.findall(text.lower())]


def count_words(text: str) -> int:
    """Count the words."""
    return len(WORD.findall(text))
