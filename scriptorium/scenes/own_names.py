"""The names that are a book's own: people and places that nobody else's text has.

A name is a word that is capitalised in more than half of its places inside sentences, in at least three passages. It is
not the book's own if it is in the bank's list of ordinary names (titles, months, countries, common first names), or if
another author writes it at least twice. The evaluation looks for these names in new scenes, where it leaves out what
the base model writes by itself; data preparation replaces them in some training rows.

Unlike the voice metric's names these are parts without apostrophes, so that "Tarzan's" and "d'Artagnan" count. Where
nouns have capitals, too (German), a name needs more places, and hardly any behind a determiner.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from scriptorium.scenes.bank import SceneBank
from scriptorium.text.languages.language import read_language
from scriptorium.text.words import PLAIN

MIN_PASSAGES = 3  # with a name: what is named once or twice is hardly learned
MIN_LETTERS = 3
MIN_OTHER_USES = 2  # by one other author: a single one may be a slip of the typesetter
MIN_NOUN_USES = 8  # of a word without determiners, where nouns have capitals: fewer happen by chance
MIN_PLACED = 0.3  # share of a name's places that are behind a preposition such as "in": it is a place
MAX_DETERMINED = 0.1  # share of such a word's places that are behind a determiner

LETTER, CAPITAL = r"[^\W\d_]", "[A-ZÀ-ÖØ-Þ]"
PART_INSIDE_SENTENCE = re.compile(rf"(?:(?<=[a-zß-ÿ,;] )|(?<=[a-zß-ÿ]')){LETTER}+")
# The same with a capital: a pattern that begins with a letter is much faster than one that begins by looking behind.
CAPITAL_INSIDE_SENTENCE = re.compile(rf"{CAPITAL}(?:(?<=[a-zß-ÿ,;] {CAPITAL})|(?<=[a-zß-ÿ]'{CAPITAL})){LETTER}*")
CAPITALISED = re.compile(rf"{CAPITAL}(?<!{LETTER}{CAPITAL}){LETTER}{{{MIN_LETTERS - 1},}}")


@dataclass
class WordPlaces:
    """The places of words inside sentences, by lower-case word: all, with a capital, and the texts with a capital.

    `determined` and `placed` are those directly behind a determiner, or a preposition before places.
    """

    totals: Counter[str] = field(default_factory=Counter)
    capitalised: Counter[str] = field(default_factory=Counter)
    texts: Counter[str] = field(default_factory=Counter)
    determined: Counter[str] = field(default_factory=Counter)
    placed: Counter[str] = field(default_factory=Counter)


def find_own_names(passages: Iterable[str], others: Iterable[Iterable[str]], bank: SceneBank) -> frozenset[str]:
    """Return the own names of a book in lower case; `others` are the texts of each other author."""
    names = select_names(count_places(passages, bank), bank)
    for texts in others:
        uses = Counter(word.lower() for text in texts for word in CAPITAL_INSIDE_SENTENCE.findall(_flatten(text)))
        names -= {name for name in names if uses[name] >= MIN_OTHER_USES}
    return names


def select_names(places: WordPlaces, bank: SceneBank) -> frozenset[str]:
    """Return the words that are names by their places, in lower case, without ordinary ones."""
    return frozenset(
        word
        for word, number in places.capitalised.items()
        if number > places.totals[word] / 2
        and places.texts[word] >= MIN_PASSAGES
        and len(word) >= MIN_LETTERS
        and word not in bank.ordinary_names
        and not (read_language(bank.code).capitals == "nouns" and is_noun(word, places))
    )


def is_noun(word: str, places: WordPlaces) -> bool:
    """Return whether a capitalised word may be a noun: it is rare, or stands behind determiners."""
    number = places.capitalised[word]
    return number < MIN_NOUN_USES or places.determined[word] > MAX_DETERMINED * number


def is_place(name: str, places: WordPlaces) -> bool:
    """Return whether a name is that of a place rather than of somebody."""
    return places.placed[name] >= MIN_PLACED * places.capitalised[name]


def count_places(texts: Iterable[str], bank: SceneBank) -> WordPlaces:
    """Count the places of words inside sentences, in one pass over the texts."""
    places = WordPlaces()
    determined, placed = _behind(read_language(bank.code).determiners), _behind(bank.place_words.split())
    for text in texts:
        flat = _flatten(text)
        words = PART_INSIDE_SENTENCE.findall(flat)
        capitalised = [word.lower() for word in words if word[0].isupper()]
        places.totals.update(map(str.lower, words))
        places.capitalised.update(capitalised)
        places.texts.update(set(capitalised))
        places.determined.update(map(str.lower, determined.findall(flat)))
        places.placed.update(map(str.lower, placed.findall(flat)))
    return places


def list_capitalised(text: str) -> set[str]:
    """Return the words with a capital, wherever they stand, in lower case."""
    return {word.lower() for word in CAPITALISED.findall(text)}


def _behind(words: Iterable[str]) -> re.Pattern[str]:
    """Compile the pattern of a capitalised word behind one of the words; nothing matches if there are none."""
    return re.compile(rf"\b(?:{'|'.join(sorted(words)) or '(?!)'}) ({CAPITAL}{LETTER}+)")


def _flatten(text: str) -> str:
    return text.translate(PLAIN).replace("\n", " ")
