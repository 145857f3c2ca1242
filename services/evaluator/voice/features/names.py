"""Find proper nouns by their capitals, so that no score or marker lives on who is in the story."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from services.evaluator.voice.features.words import PLAIN

# A sentence's first word is capitalised whatever it is: only words after a small letter or a comma tell.
INSIDE = re.compile(r"(?<=[a-zß-ÿ,;] )[^\W\d_]+(?:'[^\W\d_]+)*")


def find_names(texts: Iterable[str]) -> frozenset[str]:
    """Words, in small letters, that are capitalised in more than half of their places inside sentences."""
    capital: Counter[str] = Counter()
    every: Counter[str] = Counter()
    for text in texts:
        for word, number in Counter(INSIDE.findall(text.translate(PLAIN).replace("\n", " "))).items():
            every[word.lower()] += number
            capital[word.lower()] += number * word[0].isupper()
    return frozenset(word for word, number in capital.items() if number > every[word] / 2)
