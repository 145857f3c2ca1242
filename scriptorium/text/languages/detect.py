"""The language of a text, by the small words that every sentence needs, or by its script where no spaces part words.

A library for a hundred languages needs 0.4 s and 100 MB to load (measured); small words need neither.

    >>> detect_language("La tour est sur un rocher, et les bateaux passent dans la nuit.")
    'fr'
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from scriptorium.sampling import spread
from scriptorium.text.languages.language import UNKNOWN, Language, list_codes, read_language
from scriptorium.text.words import WORD

MIN_WORDS = 6  # fewer may belong to several languages
MIN_SMALL_SHARE = 0.15  # of the words; prose has 0.3 to 0.5, and lists have fewer
MIN_SMALL_WORDS = 3  # different ones of two letters or more: fewer may be names, initials, what an apostrophe leaves
MAX_SECOND = 0.8  # of the first language's small words: Spanish and Italian share a third of theirs
SAMPLED_TEXTS = 25  # of a book
SAMPLED_LETTERS = 400
MIN_SCRIPT_SHARE = 0.3  # of the letters: kanji and kana, Chinese, Thai or Hangul, beside names in Latin letters
MIN_KANA_SHARE = 0.05  # of the letters: Japanese has kana in every sentence, Chinese has none

SCRIPTS = {code: re.compile(f"[{script}]") for code in list_codes() if (script := read_language(code).script)}


def detect_language(text: str, among: Sequence[str] | None = None) -> str | None:
    """Return the code of a text's language, of those `among` which it is sought (all of them by default).

    None if the text is too short, has few small words of any language, or two languages have about equally many.
    """
    if script := _detect_script(text, among):
        return script
    counts = count_words_apart(text)
    ranking = rank_languages(counts, among)
    (first, number), (_, second) = ranking[0], ranking[1]
    is_prose = counts.total() >= MIN_WORDS and number >= MIN_SMALL_SHARE * counts.total()
    different = sum(len(word) > 1 for word in read_language(first).small_words & counts.keys())
    return first if is_prose and different >= MIN_SMALL_WORDS and second <= MAX_SECOND * number else None


def count_words_apart(text: str) -> Counter[str]:
    """Count the words of a text in lower case, those that an apostrophe joins apart."""
    return Counter(WORD.findall(text.casefold().replace("'", " ").replace("’", " ")))


def rank_languages(counts: Counter[str], among: Sequence[str] | None = None) -> list[tuple[str, int]]:
    """Return languages with the number of their small words among counted words, the likeliest first."""
    codes = among or [code for code in list_codes() if read_language(code).small_words]
    numbers = {code: sum(counts[word] for word in read_language(code).small_words) for code in codes}
    return sorted(numbers.items(), key=lambda entry: -entry[1])


def detect_book_language(texts: Iterable[str]) -> Language:
    """Return the language of most of a sample of passages; UNKNOWN if most have none."""
    detected = Counter(detect_language(text) for text in spread(list(texts), SAMPLED_TEXTS)).most_common(1)
    return read_language(detected[0][0]) if detected and detected[0][0] else UNKNOWN


def _detect_script(text: str, among: Sequence[str] | None) -> str | None:
    """Return the language of a text whose script no other language has, if it is one."""
    if text.isascii():
        return None
    letters = "".join(filter(str.isalpha, text[: 4 * SAMPLED_LETTERS]))[:SAMPLED_LETTERS]
    shares = {code: len(script.findall(letters)) / max(1, len(letters)) for code, script in SCRIPTS.items()}
    if shares["ja"] >= MIN_KANA_SHARE:
        shares["ja"] += shares.pop("zh")
    code = max(shares, key=shares.__getitem__)
    return code if shares[code] >= MIN_SCRIPT_SHARE and (among is None or code in among) else None
