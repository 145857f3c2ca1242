"""Text in another language or script than the rest, recognised by the small words that every sentence needs.

A language that is not among scriptorium/text/languages is "no known language", which still differs from the language of
the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

import numpy as np

from scriptorium.contracts import Finding
from scriptorium.text.languages.detect import rank_languages
from scriptorium.text.languages.language import Language, list_codes, read_language
from services.data.checks.passages.tokenized_passage import TokenizedPassage, quote
from services.data.passage import Passage

PROFILES = {
    language.name: language.small_words for language in map(read_language, list_codes()) if language.small_words
}

SAMPLED_PASSAGES = 100  # spread over the text, to detect its language
MIN_STRETCH = 60  # words, or characters of another alphabet; a shorter stretch may be a quotation
MIN_KNOWN_SHARE = (
    0.2  # of small words, to be in a language: Polish prose has a quarter, English a half, others an eighth
)
MIN_HOME_SHARE = 0.25  # of small words in a stretch; with more nobody looks for another language in it
MIN_OTHER_SHARE = 0.2  # of small words of another language
MIN_OTHER_LEAD = 0.1  # of the other language's share over the main language's
MIN_DISTINCT_WORDS = 8  # of the other language; dialect has "de" and "en" for "the" and "and", but few others
MIN_PROSE_SHARE = 0.07  # of small words; with fewer it is not prose, even in a language with endings instead of them
ALPHABETS = {
    "Latin": (0x41, 0x24F),
    "Greek": (0x370, 0x3FF),
    "Cyrillic": (0x400, 0x52F),
    "Hebrew": (0x590, 0x5FF),
    "Arabic": (0x600, 0x6FF),
    "Devanagari": (0x900, 0x97F),
    "Chinese or Japanese": (0x3040, 0x9FFF),
    "Hangul": (0xAC00, 0xD7AF),
}


@dataclass(frozen=True)
class MainLanguage:
    """The alphabet and the language of most of a text; None if the language is not a known one."""

    alphabet: str
    language: str | None


def find_main_language(passages: Sequence[Passage], book_language: Language | None = None) -> MainLanguage:
    """Return the alphabet and language of most passages, by a sample that is spread over the text.

    The book's language is the main one if it is known and small words tell it from others.
    """
    sample = [TokenizedPassage(passage) for passage in passages[:: len(passages) // SAMPLED_PASSAGES + 1]]
    alphabets = Counter(main_alphabet(passage.text) for passage in sample).most_common(1)
    languages = Counter(best_language(passage.counts) for passage in sample).most_common(1)
    detected = languages[0][0] if sample else None
    is_told_apart = book_language is not None and book_language.small_words
    return MainLanguage(
        alphabets[0][0] if sample else "Latin", book_language.name if book_language and is_told_apart else detected
    )


def find_other_language(passage: TokenizedPassage, main: MainLanguage) -> Iterator[Finding]:
    """Yield a finding if a stretch is not in the main language or alphabet."""
    other = "" if passage.text.isascii() else find_other_alphabet(passage, main.alphabet)
    if other:
        yield passage.make_finding("other_language", f"a stretch is in {other} letters, the rest in {main.alphabet}")
    elif main.language:
        yield from find_foreign_stretch(passage, main.language)


def best_language(counts: Counter[str]) -> str | None:
    """Return the language with the most small words in a text, None if they are few in each."""
    code, number = rank_languages(counts)[0]
    return read_language(code).name if number >= MIN_KNOWN_SHARE * max(1, counts.total()) else None


def find_foreign_stretch(passage: TokenizedPassage, language: str) -> Iterator[Finding]:
    """Yield a finding if the stretch with the fewest small words of a language is in another language or in none."""
    is_small = PROFILES[language].__contains__
    totals = np.append(0, np.cumsum(np.fromiter(map(is_small, passage.words), np.int64, len(passage.words))))
    if len(totals) <= MIN_STRETCH:
        return
    counts = totals[MIN_STRETCH:] - totals[:-MIN_STRETCH]
    start = int(counts.argmin())
    home_share = int(counts[start]) / MIN_STRETCH
    if home_share >= MIN_HOME_SHARE:
        return
    words = passage.words[start : start + MIN_STRETCH]
    quotation = quote(" ".join(words))
    best = max(PROFILES.keys() - {language}, key=lambda other: (small_word_share(words, other), other))
    is_best = small_word_share(words, best) >= max(MIN_OTHER_SHARE, home_share + MIN_OTHER_LEAD)
    if is_best and len(PROFILES[best].intersection(words)) >= MIN_DISTINCT_WORDS:
        message = f"{MIN_STRETCH} words or more are {best}, not {language}: {quotation}"
        yield passage.make_finding("other_language", message)
    elif home_share < MIN_PROSE_SHARE:
        message = f"only {home_share:.0%} of {MIN_STRETCH} words are small words of {language}: {quotation}"
        yield passage.make_finding("no_prose", message)


def small_word_share(words: Sequence[str], language: str) -> float:
    """Return the share of words that are small words of a language."""
    return sum(word in PROFILES[language] for word in words) / len(words)


@cache
def alphabet_of(character: str) -> str:
    """Return the alphabet of a letter, "" if it is not a known one."""
    code = ord(character)
    return next((name for name, (low, high) in ALPHABETS.items() if low <= code <= high), "")


def main_alphabet(text: str) -> str:
    """Return the alphabet of most of a text's first letters."""
    letters = islice(filter(str.isalpha, text), 400)
    alphabets = Counter(map(alphabet_of, letters)).most_common(1)
    return alphabets[0][0] if alphabets else "Latin"


def find_other_alphabet(passage: TokenizedPassage, main: str) -> str | None:
    """Return the alphabet of the first long paragraph that is not in the main alphabet, if there is one."""
    for line in passage.lines:
        if not line.isascii() and len(line) > MIN_STRETCH and main_alphabet(line) not in (main, ""):
            return main_alphabet(line)
    return None
