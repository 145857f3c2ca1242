"""Score the triples; what is too short counts as the base."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from scriptorium.errors import EvaluationFailed
from services.evaluator.voice.prepared import Prepared, Text
from services.evaluator.voice.scorer import Scorer
from services.evaluator.voice.transfer import Scores

NOTHING = "None of the {} is long enough, or all are copied: there is nothing to compare with."
NEXT = "Look at the samples; allow more tokens, or hold out other chapters."

Matrix = npt.NDArray[np.float64]


def score_prepared(prepared: Prepared, scorer: Scorer) -> Scores:
    """All scores of the triples; raises EvaluationFailed where base or author have nothing to score.

    A passage of base or author that is too short counts as the mean of the others, one of the tuned model as the base's.
    """
    genuine = _fill_with_mean(prepared.genuine, scorer, "held-out passages")
    base = _fill_with_mean(prepared.base, scorer, "base model's passages")
    return Scores(genuine, base, _fill(prepared.tuned, scorer, base))


def _fill_with_mean(texts: Sequence[Text], scorer: Scorer, whose: str) -> Matrix:
    enough = [text.own for text in texts if text.long_enough]
    if not enough:
        raise EvaluationFailed(NOTHING.format(whose), next_step=NEXT)
    return _fill(texts, scorer, np.tile(scorer.score(enough).mean(axis=0), (len(texts), 1)))


def _fill(texts: Sequence[Text], scorer: Scorer, scores: Matrix) -> Matrix:
    """Scores with those of the texts that are long enough in their places."""
    places = [place for place, text in enumerate(texts) if text.long_enough]
    filled = scores.copy()
    filled[places] = scorer.score([texts[place].own for place in places])
    return filled
