"""The lambda score: how much likelier a text's grammar is under the author's model than under the others'."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from services.evaluator.voice.features.grammar import ORDER, Grammar, Tokens
from services.evaluator.voice.features.names import find_names
from services.evaluator.voice.linear import Classes


class LikelihoodRatio:
    """Mean log-probability per token: the author's minus the others', where the base counts as much as all references.

    Each token adds to it, so a text that is half the author's scores half.
    """

    def __init__(self, classes: Classes, vocabulary: Sequence[str]) -> None:
        self.tokens = Tokens(vocabulary, find_names(classes.texts))
        size = len(self.tokens.numbers)
        groups = [classes.author, classes.base, *classes.seen]
        self.author, *self.others = [Grammar([self.tokens.read(text) for text in texts], size) for texts in groups]

    def score(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """One number (nats per token) per text."""
        return np.array([self._score(text) for text in texts])

    def _score(self, text: str) -> float:
        ids = self.tokens.read(text)
        if len(ids) < ORDER:
            return np.nan
        base, *references = [float(other.score(ids).mean()) for other in self.others]
        return float(self.author.score(ids).mean()) - (base + float(np.mean(references or [base]))) / 2
