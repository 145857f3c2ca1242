"""Score the triples; what is too short counts as the base."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from services.evaluator.voice.prepared import Prepared, Text
from services.evaluator.voice.scorer import Scorer
from services.evaluator.voice.transfer import Scores

Matrix = npt.NDArray[np.float64]


def score_prepared(prepared: Prepared, scorer: Scorer) -> Scores:
    """All scores of the triples. A base passage that is too short counts as the mean of the others."""
    base = _score(prepared.base, scorer)
    base = _fill(prepared.base, base, np.broadcast_to(_mean(prepared.base, base), base.shape))
    genuine = scorer.score([text.own for text in prepared.genuine])
    tuned = _fill(prepared.tuned, _score(prepared.tuned, scorer), base)
    return Scores(
        _fill(prepared.genuine, genuine, np.broadcast_to(_mean(prepared.genuine, genuine), base.shape)), base, tuned
    )


def _score(texts: Sequence[Text], scorer: Scorer) -> Matrix:
    return scorer.score([text.own for text in texts])


def _mean(texts: Sequence[Text], scores: Matrix) -> Matrix:
    """The mean of those that are long enough, or of all that have words."""
    enough = scores[[text.long_enough for text in texts]]
    return np.asarray(enough.mean(axis=0) if len(enough) else np.nanmean(scores, axis=0))


def _fill(texts: Sequence[Text], scores: Matrix, instead: Matrix) -> Matrix:
    enough = np.array([[text.long_enough] for text in texts])
    return np.where(enough, scores, instead)
