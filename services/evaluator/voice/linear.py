"""A linear score: how far a text lies on the author's side of a plane between the author and everybody else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

STRENGTH = 0.03  # C of the L2 penalty; from 0.01 to 0.1 the result hardly moves

Matrix = npt.NDArray[np.float64]
MeasureFeatures = Callable[[Sequence[str]], Matrix]


@dataclass(frozen=True)
class TrainingClasses:
    """Training chunks: the author's, the base's, and those of each seen impostor."""

    author: list[str]
    base: list[str]
    impostors: list[list[str]]

    @property
    def texts(self) -> list[str]:
        """All chunks, the author's first."""
        return [*self.author, *self.base, *(text for texts in self.impostors for text in texts)]

    def convert(self, change: Callable[[str], str]) -> TrainingClasses:
        """Return the same classes with every chunk changed."""
        author, base, *impostors = (
            [change(text) for text in texts] for texts in (self.author, self.base, *self.impostors)
        )
        return TrainingClasses(author, base, impostors)

    @property
    def weights(self) -> Matrix:
        """The author's chunks weigh half, the base's a quarter, the impostors' a quarter, each impostor the same."""
        impostors = ((texts, 0.25 / len(self.impostors)) for texts in self.impostors)
        groups = [(self.author, 0.5), (self.base, 0.25), *impostors]
        group_weights = [np.full(len(texts), share / len(texts)) for texts, share in groups]
        weights = np.concatenate(group_weights)
        return np.asarray(weights * len(weights))

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """1 for the author's chunks, 0 for all others."""
        return np.repeat([1, 0], [len(self.author), len(self.texts) - len(self.author)])


class LinearScore:
    """L2 logistic regression on z-scored features; its decision function is linear in relative frequencies.

    A probability would not be: a text that is half the author's must score half.
    """

    def __init__(self, measure_features: MeasureFeatures, classes: TrainingClasses) -> None:
        self.measure_features = measure_features
        features = measure_features(classes.texts)
        self.scaler = StandardScaler().fit(features, sample_weight=classes.weights)
        self.model = LogisticRegression(C=STRENGTH, max_iter=1000)
        self.training_features = np.asarray(self.scaler.transform(features))
        self.model.fit(self.training_features, classes.labels, sample_weight=classes.weights)

    def measure(self, texts: Sequence[str]) -> Matrix:
        """Return the z-scored features, one row per text."""
        return np.asarray(self.scaler.transform(self.measure_features(texts)))

    def score(self, features: Matrix) -> Matrix:
        """Return one number per row of features; higher is more like the author."""
        return np.asarray(self.model.decision_function(features))
