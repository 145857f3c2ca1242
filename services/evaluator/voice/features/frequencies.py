"""The most frequent words of all texts, and a text reduced to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from services.evaluator.voice.features.names import find_names
from services.evaluator.voice.features.words import PRONOUNS, TITLES, WORD, list_words, plain

TOP = 300

Matrix = npt.NDArray[np.float64]


def find_frequent(texts: Iterable[str], top: int = TOP) -> list[str]:
    """The `top` most frequent words that are neither names, titles nor personal pronouns."""
    texts = list(texts)
    counts = Counter(word for text in texts for word in list_words(text))
    left_out = find_names(texts) | TITLES | PRONOUNS
    return [word for word, _ in counts.most_common() if word not in left_out][:top]


def measure_frequencies(texts: Sequence[str], vocabulary: Sequence[str]) -> Matrix:
    """Shares of the words of the vocabulary among all words, one row per text."""
    counted = [Counter(list_words(text)) for text in texts]
    return np.array([[count[word] / max(1, count.total()) for word in vocabulary] for count in counted])


def distort(text: str, vocabulary: frozenset[str]) -> str:
    """The text in small letters with `*` for every word outside the vocabulary and `#` for numbers.

    Stamatatos 2017 ("Authorship attribution using text distortion"): what is told about goes, how it is told stays.
    """
    small = plain(text).lower()
    spelled = WORD.sub(lambda match: match.group() if match.group() in vocabulary else "*", small)
    return "".join("#" if letter.isdigit() else letter for letter in spelled)
