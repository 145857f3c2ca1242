"""The names that are a book's own: people and places that nobody else's text has.

A name is a word that is capitalised in more than half of its places inside sentences, in at least three passages. It is
not the book's own if it is in the bank's list of ordinary names (titles, months, countries, common first names), or if
another author writes it at least twice. What the base model writes by itself is left out later (leak_rate.py).

Unlike the voice metric's names these are parts without apostrophes, so that "Tarzan's" and "d'Artagnan" count. Where
nouns have capitals, too (German), a name needs more places, and hardly any behind a determiner.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from scriptorium.scenes.bank import SceneBank
from scriptorium.text.words import PLAIN

MIN_PASSAGES = 3  # with a name: what is named once or twice is hardly learned
MIN_LETTERS = 3
MIN_OTHER_USES = 2  # by one other author: a single one may be a slip of the typesetter
MIN_NOUN_USES = 8  # of a word without determiners, where nouns have capitals: fewer happen by chance
MAX_DETERMINED = 0.1  # share of such a word's places that are behind a determiner

LETTER, CAPITAL = r"[^\W\d_]", "[A-ZÀ-ÖØ-Þ]"
PART_INSIDE_SENTENCE = re.compile(rf"(?:(?<=[a-zß-ÿ,;] )|(?<=[a-zß-ÿ]')){LETTER}+")
# The same with a capital: a pattern that begins with a letter is much faster than one that begins by looking behind.
CAPITAL_INSIDE_SENTENCE = re.compile(rf"{CAPITAL}(?:(?<=[a-zß-ÿ,;] {CAPITAL})|(?<=[a-zß-ÿ]'{CAPITAL})){LETTER}*")
CAPITALISED = re.compile(rf"{CAPITAL}(?<!{LETTER}{CAPITAL}){LETTER}{{{MIN_LETTERS - 1},}}")


@dataclass
class WordPlaces:
    """The places of words inside sentences, by lower-case word: all, with a capital, and the texts with a capital."""

    totals: Counter[str] = field(default_factory=Counter)
    capitalised: Counter[str] = field(default_factory=Counter)
    texts: Counter[str] = field(default_factory=Counter)


def find_own_names(passages: Sequence[str], others: Iterable[Sequence[str]], bank: SceneBank) -> frozenset[str]:
    """Return the own names of a book in lower case; `others` are the texts of each other author."""
    names = find_names(passages, bank) - bank.ordinary_names
    for texts in others:
        uses = Counter(word.lower() for text in texts for word in CAPITAL_INSIDE_SENTENCE.findall(_flatten(text)))
        names -= {name for name in names if uses[name] >= MIN_OTHER_USES}
    return names


def find_names(passages: Sequence[str], bank: SceneBank) -> frozenset[str]:
    """Return the names of a book in lower case."""
    places = count_places(passages)
    names = frozenset(
        word
        for word, number in places.capitalised.items()
        if number > places.totals[word] / 2 and places.texts[word] >= MIN_PASSAGES and len(word) >= MIN_LETTERS
    )
    return names - find_nouns(passages, places, bank) if bank.nouns_capitalised else names


def find_nouns(passages: Sequence[str], places: WordPlaces, bank: SceneBank) -> frozenset[str]:
    """Return the words that may be nouns: they are rare, or stand behind determiners."""
    determiners = "|".join(bank.determiners.split())
    pattern = re.compile(rf"\b(?:{determiners}) ([^\W\d_]+)", re.IGNORECASE)
    determined = Counter(word for text in passages for word in pattern.findall(_flatten(text)))
    counts: Counter[str] = Counter()
    for word, number in determined.items():
        counts[word.lower()] += number
    return frozenset(
        word
        for word, number in places.capitalised.items()
        if number < MIN_NOUN_USES or counts[word] > MAX_DETERMINED * number
    )


def count_places(texts: Iterable[str]) -> WordPlaces:
    """Count the places of words inside sentences."""
    places = WordPlaces()
    for text in texts:
        words = PART_INSIDE_SENTENCE.findall(_flatten(text))
        capitalised = [word.lower() for word in words if word[0].isupper()]
        places.totals.update(map(str.lower, words))
        places.capitalised.update(capitalised)
        places.texts.update(set(capitalised))
    return places


def list_capitalised(text: str) -> set[str]:
    """Return the words with a capital, wherever they stand, in lower case."""
    return {word.lower() for word in CAPITALISED.findall(text)}


def _flatten(text: str) -> str:
    return text.translate(PLAIN).replace("\n", " ")
