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
Features = Callable[[Sequence[str]], Matrix]


@dataclass(frozen=True)
class Classes:
    """Training chunks: the author's, the base's, and of each impostor that may be seen."""

    author: list[str]
    base: list[str]
    seen: list[list[str]]

    @property
    def texts(self) -> list[str]:
        """All chunks, the author's first."""
        return [*self.author, *self.base, *(text for texts in self.seen for text in texts)]

    @property
    def weights(self) -> Matrix:
        """The author weighs as much as all others; those are half base, half impostors, each impostor alike."""
        groups = [(self.author, 0.5), (self.base, 0.25), *((texts, 0.25 / len(self.seen)) for texts in self.seen)]
        each = [np.full(len(texts), share / len(texts)) for texts, share in groups]
        weights = np.concatenate(each)
        return np.asarray(weights * len(weights))

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """1 for the author."""
        return np.repeat([1, 0], [len(self.author), len(self.texts) - len(self.author)])


class LinearScore:
    """L2 logistic regression on z-scored features; its decision function is linear in relative frequencies.

    A probability would not be: a text that is half the author's must score half.
    """

    def __init__(self, features: Features, classes: Classes) -> None:
        self.features = features
        found = features(classes.texts)
        self.scaler = StandardScaler().fit(found, sample_weight=classes.weights)
        self.model = LogisticRegression(C=STRENGTH, max_iter=1000)
        self.trained = np.asarray(self.scaler.transform(found))
        self.model.fit(self.trained, classes.labels, sample_weight=classes.weights)

    def read(self, texts: Sequence[str]) -> Matrix:
        """The z-scored features, one row per text."""
        return np.asarray(self.scaler.transform(self.features(texts)))

    def score(self, read: Matrix) -> Matrix:
        """One number per row of features; higher is more like the author."""
        return np.asarray(self.model.decision_function(read))
