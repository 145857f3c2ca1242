"""Frequencies of character n-grams of distorted text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import CountVectorizer

from services.evaluator.voice.features.frequencies import distort

NGRAM_LENGTHS = (2, 4)
MAX_NGRAMS = 2000


class CharacterNgrams:
    """The `MAX_NGRAMS` most frequent n-grams of the texts that it is made from."""

    def __init__(self, texts: Iterable[str], vocabulary: Iterable[str]) -> None:
        self.vocabulary = frozenset(vocabulary)
        self.counter = CountVectorizer(
            analyzer="char", ngram_range=NGRAM_LENGTHS, max_features=MAX_NGRAMS, lowercase=False
        )
        self.counter.fit(self._distort(texts))

    def measure(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return counts per character, one row per text."""
        distorted = self._distort(texts)
        lengths = np.array([[max(1, len(text))] for text in distorted])
        return np.asarray(self.counter.transform(distorted).toarray() / lengths)

    def _distort(self, texts: Iterable[str]) -> list[str]:
        return [distort(text, self.vocabulary) for text in texts]
