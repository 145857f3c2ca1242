"""The words of running text, one count for chunks, briefs, checks and the report, in scripts with and without spaces.

White space parts words, exactly as `str.split` does; a run of Chinese, Japanese or Thai is cut by the dictionaries of
ICU. A closing sign belongs to the word before it, an opening sign that begins a run to the word after it.

    >>> count_running_words("The lamp, said she."), count_running_words("塔立在岩石上。")
    (4, 5)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from scriptorium.text.languages.language import list_codes, read_language

RUN = re.compile(r"\S+")
SPACED_WORD = re.compile(r"(?<!\S)[^\w\s]*+\w\S*+")  # looked for once in a run, however long it is
LETTERS_PER_WORD = 1.3  # by ICU's dictionaries: 1.23 in an old Chinese novel, more in new ones
UNSPACED = re.compile(
    f"[{''.join(language.script for language in map(read_language, list_codes()) if not language.separates_words)}]"
)


def has_unspaced(text: str) -> bool:
    """Return whether a text has letters of a script that parts no words by spaces."""
    return not text.isascii() and bool(UNSPACED.search(text))


def count_running_words(text: str) -> int:
    """Count the words of running text."""
    return len(find_word_spans(text)) if has_unspaced(text) else len(text.split())


def estimate_words(text: str) -> int:
    """Count words at once, without a dictionary: those that no spaces part by their mean length."""
    if not has_unspaced(text):
        return len(SPACED_WORD.findall(text))
    rest, letters = UNSPACED.subn(" ", text)
    return len(SPACED_WORD.findall(rest)) + round(letters / LETTERS_PER_WORD)


def find_word_spans(text: str) -> list[tuple[int, int]]:
    """Return the start and the end of each word; without spaces one begins where the last one ends."""
    spans: list[tuple[int, int]] = []
    for run in RUN.finditer(text):
        inner = [run.start() + start for start in _find_starts(run.group())][1:] if has_unspaced(run.group()) else []
        edges = [run.start(), *inner, run.end()]
        spans += pairwise(edges)
    return spans


def part_words(text: str) -> str:
    """Return the text with a space between words that no space parts; any other text as it is."""
    return RUN.sub(lambda run: " ".join(_break(run.group())), text) if has_unspaced(text) else text


def _find_starts(run: str) -> Iterator[int]:
    """Yield where each word of a run begins: at a piece with a letter or digit."""
    start = 0
    for piece in _break(run):
        if any(map(str.isalnum, piece)):
            yield start
        start += len(piece)


def _break(text: str) -> Iterator[str]:
    """Yield the words and the signs of a text, by Unicode's rules and ICU's dictionaries; joined they are the text."""
    from icu4py.breakers import WordBreaker

    return iter(WordBreaker(text, "root"))
