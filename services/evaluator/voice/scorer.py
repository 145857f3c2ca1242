"""The three scores of a voice, learned from the author, the base's calibration outputs and the seen impostors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from services.evaluator.voice.characters import Characters
from services.evaluator.voice.frequencies import find_frequent, measure_frequencies
from services.evaluator.voice.likelihood import LikelihoodRatio
from services.evaluator.voice.linear import Classes, LinearScore
from services.evaluator.voice.words import count_words

SCORES = ("words", "characters", "grammar")

Matrix = npt.NDArray[np.float64]


class Scorer:
    """Three numbers for any text."""

    def __init__(self, classes: Classes) -> None:
        self.vocabulary = find_frequent(classes.texts)
        characters = Characters(classes.texts, self.vocabulary)
        self.parts = (
            LinearScore(lambda texts: measure_frequencies(texts, self.vocabulary), classes),
            LinearScore(characters.measure, classes),
            LikelihoodRatio(classes, self.vocabulary),
        )

    def score(self, texts: Sequence[str]) -> Matrix:
        """One row per text, one column per score in the order of SCORES; a text without words has no score (NaN)."""
        scores = np.full((len(texts), len(SCORES)), np.nan)
        told = [place for place, text in enumerate(texts) if count_words(text)]
        if told:
            scores[told] = np.column_stack([part.score([texts[place] for place in told]) for part in self.parts])
        return scores

    def features(self, texts: Sequence[str]) -> Matrix:
        """Words and characters of each text, z-scored as the scores see them."""
        parts = [part for part in self.parts if isinstance(part, LinearScore)]
        return np.hstack([part.scaler.transform(part.features(texts)) for part in parts])
