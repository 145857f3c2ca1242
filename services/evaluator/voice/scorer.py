"""The three scores of a voice, learned from the author, the base's calibration outputs and the seen impostors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.evaluator.voice.features.characters import Characters
from services.evaluator.voice.features.frequencies import find_frequent, measure_frequencies
from services.evaluator.voice.features.words import count_words
from services.evaluator.voice.likelihood_ratio import LikelihoodRatio
from services.evaluator.voice.linear import Classes, LinearScore

SCORES = ("words", "characters", "grammar")

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Read:
    """Texts as the measure sees them, one row per text: a column per score, and the features of words and characters.

    A text without words has no score (NaN).
    """

    scores: Matrix
    features: Matrix


class Scorer:
    """Three numbers for any text; `trained` are the features of the training chunks in the order of `classes.texts`."""

    def __init__(self, classes: Classes) -> None:
        vocabulary = find_frequent(classes.texts)
        characters = Characters(classes.texts, vocabulary)
        self.words = LinearScore(lambda texts: measure_frequencies(texts, vocabulary), classes)
        self.characters = LinearScore(characters.measure, classes)
        self.grammar = LikelihoodRatio(classes, vocabulary)
        self.trained = np.hstack([self.words.trained, self.characters.trained])

    def read(self, texts: Sequence[str]) -> Read:
        """Read each text once."""
        if not texts:
            return Read(np.zeros((0, len(SCORES))), np.zeros((0, self.trained.shape[1])))
        words, characters = self.words.read(texts), self.characters.read(texts)
        columns = [self.words.score(words), self.characters.score(characters), self.grammar.score(texts)]
        empty = [[count_words(text) == 0] for text in texts]
        return Read(np.where(empty, np.nan, np.column_stack(columns)), np.hstack([words, characters]))

    def score(self, texts: Sequence[str]) -> Matrix:
        """The scores alone."""
        return self.read(texts).scores
