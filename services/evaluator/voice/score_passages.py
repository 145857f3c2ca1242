"""Read the triples; what is too short counts as the base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scriptorium.errors import EvaluationFailed
from services.evaluator.voice.align_lengths import Prepared, Text
from services.evaluator.voice.scorer import Read, Scorer
from services.evaluator.voice.transfer import Scores

NOTHING = "None of the {} is long enough, or all are copied: there is nothing to compare with."
NEXT = "Look at the samples; allow more tokens, or hold out other chapters."

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Hand:
    """Passages of one hand: their features, and which are `enough`, long enough to be judged."""

    read: Read
    enough: npt.NDArray[np.bool_]

    @property
    def features(self) -> Matrix:
        """Those of the passages that are long enough."""
        return self.read.features[self.enough]


@dataclass(frozen=True)
class Scored:
    """The scores that count, and the three hands as they were read."""

    scores: Scores
    genuine: Hand
    base: Hand
    tuned: Hand


def score_prepared(prepared: Prepared, scorer: Scorer) -> Scored:
    """Read all triples; raises EvaluationFailed where base or author have nothing to score.

    A passage of base or author that is too short counts as the mean of the others, one of the tuned model as the base.
    """
    genuine, base, tuned = (_read(texts, scorer) for texts in (prepared.genuine, prepared.base, prepared.tuned))
    own, theirs = _fill(genuine, "held-out passages"), _fill(base, "base model's passages")
    scores = Scores(own, theirs, np.where(tuned.enough[:, None], tuned.read.scores, theirs))
    return Scored(scores, genuine, base, tuned)


def _read(texts: Sequence[Text], scorer: Scorer) -> Hand:
    return Hand(scorer.read([text.own for text in texts]), np.array([text.long_enough for text in texts]))


def _fill(hand: Hand, whose: str) -> Matrix:
    if not hand.enough.any():
        raise EvaluationFailed(NOTHING.format(whose), next_step=NEXT)
    scores = hand.read.scores
    return np.where(hand.enough[:, None], scores, scores[hand.enough].mean(axis=0))
