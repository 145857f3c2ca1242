"""The words of headings as patterns, from the languages' files.

A chapter's number or name is sought in all languages at once: a word beside a number, or "Prologue", is a heading in
any book, and a book may be too short, or too mixed, to tell its language. Words that are ordinary ones elsewhere
(Italian "fine", Swedish "slut") count only in a book of their language; English ones count everywhere, as many editors
add them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from scriptorium.text.digits import read_digits
from scriptorium.text.languages.heading_words import HeadingWords, alternatives
from scriptorium.text.languages.language import ENGLISH, Language, list_codes, read_language

ROMAN = r"(?:(?=[IVXLC])C{0,3}(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})(?<=[IVXLC]))"  # never empty
ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
EAST_ASIAN_DIGITS = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "兩": 2}
EAST_ASIAN_UNITS = {"十": 10, "百": 100, "千": 1000}
EAST_ASIAN = f"[{''.join(EAST_ASIAN_DIGITS)}{''.join(EAST_ASIAN_UNITS)}]"
ORNAMENTS = (
    r"[^\w\"'“”„‘’«»‹›「」『』?]*"  # what may stand around a line of the book's own; a quoted or asked one is story
)

LANGUAGES = [words for code in list_codes() if (words := read_language(code).headings) != HeadingWords()]


def spell(words: HeadingWords) -> str:
    """Return the pattern of one or two words that are a number: "twenty-one", "dreiundzwanzigstes", "vingt et un"."""
    number = alternatives(tuple(words.values()))
    joiner = rf"(?:[- ]?{alternatives(words.joiners)}[- ]?|[- ]?)" if words.joiners else "[- ]?"
    return rf"{number}(?:{joiner}{number})?"


def label(words: HeadingWords) -> str:
    """Return the pattern of a chapter's word with its number, in either order; of its counter with a number."""
    if words.prefix:
        number = rf"(?:\d{{1,4}}|[０-９]{{1,4}}|{EAST_ASIAN}{{1,7}})"
        return rf"{words.prefix}\s?{number}\s?{alternatives(words.counters)}"
    article = rf"(?:{alternatives(words.article)}\s+)?"
    chapter = rf"{alternatives(words.chapter)}"
    spelled = spell(words)
    return (
        rf"{article}{chapter}\s+{article}(?:{ROMAN}|\d{{1,3}}|{spelled})\b"
        rf"|{article}{spelled}\s+{chapter}(?!\w)(?=\W*$)"
    )


LABEL = "|".join(map(label, LANGUAGES))
NAMED = alternatives(tuple(phrase for words in LANGUAGES for phrase in [*words.opening, *words.closing, *words.named]))
LABELLED = re.compile(rf"^(?:(?P<label>{LABEL})|{NAMED}(?!\w))\s*(?P<rest>.*)$", re.IGNORECASE)
SPELLED = "|".join(spell(words) for words in LANGUAGES if words.numbers)


SIGNS = re.compile(rf"(?P<digits>\d+)|(?P<east_asian>{EAST_ASIAN}+)|\b(?P<roman>{ROMAN})\b", re.IGNORECASE)
SPELLINGS = [
    (re.compile(rf"\b{spell(words)}\b", re.IGNORECASE), re.compile(alternatives(tuple(words.values()))), words.values())
    for words in LANGUAGES
    if words.numbers
]


def read_value(text: str) -> int:
    """Return the value of the number in a text, 0 if it has none: "XIV", "第二十三回", "Dreiundzwanzigstes Kapitel"."""
    if signs := SIGNS.search(text):
        if signs["digits"]:
            return read_digits(signs["digits"])
        return read_roman(signs["roman"].upper()) if signs["roman"] else read_east_asian(signs["east_asian"])
    for spelled, part, values in SPELLINGS:
        if number := spelled.search(text):
            return sum(values[word] for word in part.findall(number[0].casefold()))
    return 0


def read_roman(text: str) -> int:
    """Return the value of a Roman number."""
    values = [ROMAN_VALUES[sign] for sign in text]
    return sum(-value if value < max(values[place:]) else value for place, value in enumerate(values))


def read_east_asian(text: str) -> int:
    """Return the value of a Chinese number: 二十三 is 23, and so is 二三."""
    total = digit = 0
    for sign in text:
        if unit := EAST_ASIAN_UNITS.get(sign):
            total, digit = total + (digit or 1) * unit, 0
        else:
            digit = 10 * digit + EAST_ASIAN_DIGITS[sign]
    return total + digit


def of_book(language: Language) -> Iterable[HeadingWords]:
    """Return the words that count in a book of a language."""
    return [language.headings, ENGLISH.headings] if language != ENGLISH else [ENGLISH.headings]


@cache
def story_end(code: str) -> re.Pattern[str]:
    """Return the pattern of "The End" in a language, as a line of its own."""
    phrases = tuple(phrase for words in of_book(find(code)) for phrase in words.story_end)
    return re.compile(rf"^{ORNAMENTS}{alternatives(phrases)}{ORNAMENTS}$", re.IGNORECASE)


@cache
def contents(code: str) -> re.Pattern[str]:
    """Return the pattern of the heading of a table of contents."""
    phrases = tuple(phrase for words in of_book(find(code)) for phrase in words.contents)
    return re.compile(rf"^\W*{alternatives(phrases)}\W*$", re.IGNORECASE)


@cache
def matter(code: str) -> re.Pattern[str]:
    """Return the pattern of a heading before or after the story."""
    parts = [
        pattern
        for words in of_book(find(code))
        for pattern in (alternatives(words.matter), words.matter_pattern or "(?!)")
    ]
    return re.compile(rf"^\W*(?:{'|'.join(parts)})\W*$", re.IGNORECASE)


@cache
def notice(code: str) -> re.Pattern[str]:
    """Return the pattern of what only an imprint says."""
    return re.compile("|".join(words.notice for words in of_book(find(code)) if words.notice), re.IGNORECASE)


@cache
def by_somebody(code: str) -> re.Pattern[str]:
    """Return the pattern of a line with an author's name: "by" with names only."""
    words = alternatives(tuple(phrase for words in of_book(find(code)) for phrase in words.by))
    particles = "the|of|and|de|la|le|du|da|di|del|van|von|der|den"
    return re.compile(rf"^\W*(?i:{words})(?:\s+(?:{particles}|[^\W\d_a-z][^\s!?]*))+$")


@cache
def transcriber(code: str) -> re.Pattern[str]:
    """Return the pattern of the beginning of a transcriber's note."""
    patterns = "|".join(words.transcriber for words in of_book(find(code)) if words.transcriber)
    return re.compile(rf"^\W*(?:{patterns})\b", re.IGNORECASE)


def find(code: str) -> Language:
    """Return a language by its code, English if it is unknown."""
    return read_language(code) if code else ENGLISH
