"""How well texts can be told apart: AUCs, whose hand a classifier sees, and how far the model left the way."""

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
    """AUC of the mean of the three scores, the author's held-out text against the base's."""
    base, genuine = scores.base.mean(axis=0), scores.genuine.mean(axis=0)
    found = [place(each, base, genuine).mean(axis=1) for each in (scores.base, scores.genuine)]
    labels = np.repeat([0, 1], [len(each) for each in found])
    return float(roc_auc_score(labels, np.concatenate(found)))


def separate_tuned(tuned: Matrix, genuine: Matrix, seed: int) -> float:
    """Cross-validated AUC of a classifier made to tell tuned from genuine passages; 0.5: it cannot.

    Both passages of a prompt lie in the same fold, so that what is told about gives nothing away.
    """
    prompts = min(len(tuned), len(genuine))
    folds = max(2, min(FOLDS, prompts))
    found = [_validate(tuned[:prompts], genuine[:prompts], folds, seed + number) for number in range(ROUNDS)]
    return float(np.mean(found))


def _validate(tuned: Matrix, genuine: Matrix, folds: int, seed: int) -> float:
    """The mean AUC over folds of prompts."""
    prompts = len(tuned)
    aucs = []
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(tuned, np.zeros(prompts)):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=1000))
        model.fit(np.vstack([tuned[train], genuine[train]]), np.repeat([0, 1], len(train)))
        decided = model.decision_function(np.vstack([tuned[test], genuine[test]]))
        aucs.append(roc_auc_score(np.repeat([0, 1], len(test)), decided))
    return float(np.mean(aucs))


def attribute(hands: Mapping[str, Matrix], wanted: str, asked: Sequence[Matrix]) -> list[float]:
    """The share of each set of texts that a classifier over all `hands` gives to `wanted`."""
    model = LogisticRegression(C=STRENGTH, max_iter=1000, class_weight="balanced")
    labels = np.repeat(list(hands), [len(texts) for texts in hands.values()])
    model.fit(np.vstack(list(hands.values())), labels)
    return [float(np.mean(model.predict(found) == wanted)) if len(found) else 0.0 for found in asked]


def measure_drift(tuned: Matrix, base: Matrix, genuine: Matrix) -> float | None:
    """How far the tuned model went beside the way from base to author, in lengths of that way; None without a way.

    Squared lengths of means are estimated over pairs of different prompts, so that noise does not count as distance.
    """
    way, gone = genuine - base, tuned - base
    length = between_prompts(way, way)
    if length <= 0:
        return None
    beside = gone - between_prompts(gone, way) / length * way
    return float(np.sqrt(max(0.0, between_prompts(beside, beside)) / length))


def between_prompts(one: Matrix, other: Matrix) -> float:
    """Mean of <one_i, other_j> over i != j: an unbiased estimate of the product of the two means."""
    count = len(one)
    if count < 2:
        return 0.0
    return float((one.sum(axis=0) @ other.sum(axis=0) - (one * other).sum()) / (count * (count - 1)))
