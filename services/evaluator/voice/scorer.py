"""The three scores of a voice, learned from the author, the base's calibration outputs and the seen impostors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scriptorium.text.languages.language import Language
from scriptorium.text.words import count_words
from services.evaluator.voice.features.characters import CharacterNgrams
from services.evaluator.voice.features.frequencies import find_frequent, measure_frequencies
from services.evaluator.voice.likelihood_ratio import LikelihoodRatio
from services.evaluator.voice.linear import LinearScore, TrainingClasses

SCORES = ("words", "characters", "grammar")

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MeasuredTexts:
    """Measured texts, one row per text: a column per score, and the features of words and characters.

    A text without words has no score (NaN).
    """

    scores: Matrix
    features: Matrix


class Scorer:
    """The three scores of any text in a language; words that are elided count apart.

    `training_features` are those of the training chunks, in the order of `classes.texts`.
    """

    def __init__(self, classes: TrainingClasses, language: Language) -> None:
        self.language = language
        classes = classes.convert(language.separate)
        vocabulary = find_frequent(classes.texts, language)
        characters = CharacterNgrams(classes.texts, vocabulary)
        self.words = LinearScore(lambda texts: measure_frequencies(texts, vocabulary), classes)
        self.characters = LinearScore(characters.measure, classes)
        self.grammar = LikelihoodRatio(classes, vocabulary, language)
        self.training_features = np.hstack([self.words.training_features, self.characters.training_features])

    def measure(self, texts: Sequence[str]) -> MeasuredTexts:
        """Measure the features of each text once, and score it."""
        if not texts:
            return MeasuredTexts(np.zeros((0, len(SCORES))), np.zeros((0, self.training_features.shape[1])))
        texts = [self.language.separate(text) for text in texts]
        words, characters = self.words.measure(texts), self.characters.measure(texts)
        columns = [self.words.score(words), self.characters.score(characters), self.grammar.score(texts)]
        empty = [[count_words(text) == 0] for text in texts]
        return MeasuredTexts(np.where(empty, np.nan, np.column_stack(columns)), np.hstack([words, characters]))

    def score(self, texts: Sequence[str]) -> Matrix:
        """Return the scores alone."""
        return self.measure(texts).scores
