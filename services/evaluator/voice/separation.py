"""How well texts can be separated: AUCs, attribution to an author, and drift off the way from base to author."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from services.evaluator.voice.linear import STRENGTH
from services.evaluator.voice.transfer import Scores, place

FOLDS = 5
ROUNDS = 3  # cross-validations with different folds, of which the mean is taken

Matrix = npt.NDArray[np.float64]


def separate_base(scores: Scores) -> float:
    """Return the AUC of the mean of the three scores, the author's held-out text against the base's."""
    base, genuine = scores.base.mean(axis=0), scores.genuine.mean(axis=0)
    placed = [place(rows, base, genuine).mean(axis=1) for rows in (scores.base, scores.genuine)]
    labels = np.repeat([0, 1], [len(values) for values in placed])
    return float(roc_auc_score(labels, np.concatenate(placed)))


def separate_tuned(tuned: Matrix, genuine: Matrix, seed: int) -> float:
    """Return the cross-validated AUC of a classifier of tuned against genuine passages; 0.5: it cannot separate them.

    Both passages of a prompt lie in the same fold, so that their subject gives nothing away.
    """
    prompts = min(len(tuned), len(genuine))
    folds = max(2, min(FOLDS, prompts))
    aucs = [_validate(tuned[:prompts], genuine[:prompts], folds, seed + number) for number in range(ROUNDS)]
    return float(np.mean(aucs))


def _validate(tuned: Matrix, genuine: Matrix, folds: int, seed: int) -> float:
    """Return the mean AUC over folds of prompts."""
    prompts = len(tuned)
    aucs = []
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(tuned, np.zeros(prompts)):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=1000))
        model.fit(np.vstack([tuned[train], genuine[train]]), np.repeat([0, 1], len(train)))
        decisions = model.decision_function(np.vstack([tuned[test], genuine[test]]))
        aucs.append(roc_auc_score(np.repeat([0, 1], len(test)), decisions))
    return float(np.mean(aucs))


def attribute(authors: Mapping[str, Matrix], author: str, text_sets: Sequence[Matrix]) -> list[float]:
    """Return the share of each set of texts that a classifier over all `authors` attributes to `author`."""
    model = LogisticRegression(C=STRENGTH, max_iter=1000, class_weight="balanced")
    labels = np.repeat(list(authors), [len(texts) for texts in authors.values()])
    model.fit(np.vstack(list(authors.values())), labels)
    return [float(np.mean(model.predict(texts) == author)) if len(texts) else 0.0 for texts in text_sets]


def measure_drift(tuned: Matrix, base: Matrix, genuine: Matrix) -> float | None:
    """Return how far the tuned model lies off the way from base to author, in lengths of that way; None without a way.

    Squared lengths of means are estimated over pairs of different prompts, so that noise does not count as distance.
    """
    way, moved = genuine - base, tuned - base
    length = between_prompts(way, way)
    if length <= 0:
        return None
    off_way = moved - between_prompts(moved, way) / length * way
    return float(np.sqrt(max(0.0, between_prompts(off_way, off_way)) / length))


def between_prompts(one: Matrix, other: Matrix) -> float:
    """Return the mean of <one_i, other_j> over i != j: an unbiased estimate of the product of the two means."""
    count = len(one)
    if count < 2:
        return 0.0
    return float((one.sum(axis=0) @ other.sum(axis=0) - (one * other).sum()) / (count * (count - 1)))
