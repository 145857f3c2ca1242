"""Score the passages of author, base and tuned model; a passage that is too short counts as the base's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scriptorium.errors import EvaluationFailed
from services.evaluator.voice.align_lengths import AlignedText, AlignedTexts
from services.evaluator.voice.scorer import MeasuredTexts, Scorer
from services.evaluator.voice.transfer import Scores

NOTHING_TO_COMPARE = "None of the {} is long enough, or all are copied: there is nothing to compare with."
NEXT_STEP = "Look at the samples; allow more tokens, or hold out other chapters."

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MeasuredPassages:
    """The passages of one writer as measured, and which of them are long enough to be judged."""

    texts: MeasuredTexts
    long_enough: npt.NDArray[np.bool_]

    @property
    def features(self) -> Matrix:
        """The features of the passages that are long enough."""
        return self.texts.features[self.long_enough]


@dataclass(frozen=True)
class ScoredPassages:
    """The scores that count, and the passages of the three writers as measured."""

    scores: Scores
    genuine: MeasuredPassages
    base: MeasuredPassages
    tuned: MeasuredPassages


def score_passages(aligned: AlignedTexts, scorer: Scorer) -> ScoredPassages:
    """Score all triples; raises EvaluationFailed if base or author have nothing to score.

    A passage of base or author that is too short counts as the mean of the others, one of the tuned model as the base.
    """
    genuine, base, tuned = (_measure(texts, scorer) for texts in (aligned.genuine, aligned.base, aligned.tuned))
    genuine_scores, base_scores = _fill(genuine, "held-out passages"), _fill(base, "base model's passages")
    tuned_scores = np.where(tuned.long_enough[:, None], tuned.texts.scores, base_scores)
    return ScoredPassages(Scores(genuine_scores, base_scores, tuned_scores), genuine, base, tuned)


def _measure(texts: Sequence[AlignedText], scorer: Scorer) -> MeasuredPassages:
    unmasked = [text.unmasked for text in texts]
    return MeasuredPassages(scorer.measure(unmasked), np.array([text.long_enough for text in texts]))


def _fill(passages: MeasuredPassages, description: str) -> Matrix:
    """Return the scores, with the mean for each passage that is too short."""
    if not passages.long_enough.any():
        raise EvaluationFailed(NOTHING_TO_COMPARE.format(description), next_step=NEXT_STEP)
    scores = passages.texts.scores
    return np.where(passages.long_enough[:, None], scores, scores[passages.long_enough].mean(axis=0))
