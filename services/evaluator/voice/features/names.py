"""Find proper nouns by their capitals, so that no score or marker depends on who is in the story."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from scriptorium.text.words import PLAIN

# A sentence's first word always has a capital: only words after a small letter or a comma are evidence.
WORD_INSIDE_SENTENCE = re.compile(r"(?<=[a-zß-ÿ,;] )[^\W\d_]+(?:'[^\W\d_]+)*")


def find_names(texts: Iterable[str]) -> frozenset[str]:
    """Return the words, in lower case, that are capitalised in more than half of their places inside sentences."""
    capitalised: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    for text in texts:
        for word, number in Counter(WORD_INSIDE_SENTENCE.findall(text.translate(PLAIN).replace("\n", " "))).items():
            totals[word.lower()] += number
            capitalised[word.lower()] += number * word[0].isupper()
    return frozenset(word for word, number in capitalised.items() if number > totals[word] / 2)
