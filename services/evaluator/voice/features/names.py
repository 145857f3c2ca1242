"""Find proper nouns by their capitals, so that no score or marker depends on who is in the story."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from scriptorium.text.languages.language import Language
from scriptorium.text.words import PLAIN, WORD

# A sentence's first word always has a capital: only words after a small letter or a comma are evidence.
SMALL_LETTERS = "a-zß-ÿāăąćčďđēęěğġįłńňőœřśšťůűźżžά-ώа-џ"
WORD_INSIDE_SENTENCE = re.compile(rf"(?<=[{SMALL_LETTERS},;] )[^\W\d_]+(?:'[^\W\d_]+)*")
WORD_AFTER_ELISION = re.compile(rf"(?<=[{SMALL_LETTERS},;'] )[^\W\d_]+(?:'[^\W\d_]+)*")  # "l' Angleterre"
MAX_DETERMINED = 0.2  # share of a name's uses behind a determiner, where nouns are capitalised, too


def find_names(texts: Iterable[str], language: Language) -> frozenset[str]:
    """Return the words, in lower case, that are capitalised in more than half of their places inside sentences.

    In a language that capitalises every noun, only those that hardly ever follow a determiner are names.
    """
    pattern = WORD_AFTER_ELISION if language.elisions else WORD_INSIDE_SENTENCE
    plain_texts = [text.translate(PLAIN).replace("\n", " ") for text in texts]
    capitalised: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    for text in plain_texts:
        for word, number in Counter(pattern.findall(text)).items():
            totals[word.lower()] += number
            capitalised[word.lower()] += number * word[0].isupper()
    names = frozenset(word for word, number in capitalised.items() if number > totals[word] / 2)
    return names - find_determined(plain_texts, language) if language.capitals == "nouns" else names


def find_determined(texts: Sequence[str], language: Language) -> frozenset[str]:
    """Return the words that follow a determiner more often than a name does."""
    totals: Counter[str] = Counter()
    determined: Counter[str] = Counter()
    for text in texts:
        words = WORD.findall(text.lower())
        totals.update(words)
        determined.update(word for before, word in pairwise(words) if before in language.determiners)
    return frozenset(word for word, number in determined.items() if number > MAX_DETERMINED * totals[word])
