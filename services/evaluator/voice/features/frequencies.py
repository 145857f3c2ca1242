"""The most frequent words of all texts, and a text reduced to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from scriptorium.text.languages.language import Language
from scriptorium.text.words import WORD, list_words, plain
from services.evaluator.voice.features.names import find_names

FREQUENT_WORDS = 300

Matrix = npt.NDArray[np.float64]


def find_frequent(texts: Iterable[str], language: Language, count: int = FREQUENT_WORDS) -> list[str]:
    """Return the `count` most frequent words that are neither names, titles nor personal pronouns."""
    texts = list(texts)
    counts = Counter(word for text in texts for word in list_words(text))
    excluded = find_names(texts, language) | language.titles | language.personal_pronouns
    return [word for word, _ in counts.most_common() if word not in excluded][:count]


def measure_frequencies(texts: Sequence[str], vocabulary: Sequence[str]) -> Matrix:
    """Return the share of each word of the vocabulary among all words, one row per text."""
    word_counts = [Counter(list_words(text)) for text in texts]
    return np.array([[counts[word] / max(1, counts.total()) for word in vocabulary] for counts in word_counts])


def distort(text: str, vocabulary: frozenset[str]) -> str:
    """Return the text in lower case with `*` for every word outside the vocabulary and `#` for digits.

    Stamatatos 2017 ("Authorship attribution using text distortion"): the subject goes, the style stays.
    """
    lower_case = plain(text).lower()
    masked = WORD.sub(lambda match: match.group() if match.group() in vocabulary else "*", lower_case)
    return "".join("#" if letter.isdigit() else letter for letter in masked)
