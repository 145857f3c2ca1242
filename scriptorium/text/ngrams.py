"""Runs of words (word n-grams) as 64-bit hashes, to find wording that texts have in common.

Words are numbered as they come, so the same text gives the same hashes in every process. A chance match among a million
runs and ten thousand looked up has a probability below one in a billion.

    >>> numbers = number_words()
    >>> first, second = (hash_ngrams([numbers[w] for w in t.split()], 2) for t in ("a b c", "x b c"))
    >>> int(np.isin(first, second).sum())
    1
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import count

import numpy as np
from numpy.typing import ArrayLike, NDArray

NGRAM = 8  # words: two novels hardly ever have eight in a row in common; shorter runs are anybody's phrases
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, from the golden ratio: the order of words counts

Hashes = NDArray[np.uint64]
WordNumbers = defaultdict[str, int]


def number_words() -> WordNumbers:
    """Return an empty numbering: looking a word up gives it the next number, from 1; 0 is free for unknown words."""
    return defaultdict(count(1).__next__)


def hash_ngrams(words: Sequence[int] | ArrayLike, length: int = NGRAM) -> Hashes:
    """Hash each run of `length` numbered words, in order; a text of fewer words has none."""
    mixed = _mix(np.asarray(words, np.uint64))
    runs = max(0, len(mixed) - length + 1)
    hashes = np.zeros(runs, np.uint64)
    for offset in range(length):
        hashes *= MULTIPLIER
        hashes += mixed[offset : offset + runs]
    return hashes


def _mix(numbers: Hashes) -> Hashes:
    """Return numbers whose every bit depends on every bit (the finish of splitmix64, Steele et al. 2014)."""
    mixed = (numbers + np.uint64(1)) * MULTIPLIER
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))
