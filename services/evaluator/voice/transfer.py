"""T: how far from the base to the author's own held-out text, with a cluster bootstrap over prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.evaluator.voice.frozen import Frozen
from services.evaluator.voice.scorer import SCORES

DRAWS = 2000
CARICATURE = 115.0  # single held-out works score 85 to 117: above, a text is more like the author than the author is
ONE_SIDED, TWO_SIDED = 5.0, (2.5, 97.5)  # percentiles

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """One row per prompt, one column per score, of what base, tuned model and author wrote."""

    genuine: Matrix
    base: Matrix
    tuned: Matrix


class Estimate(Frozen):
    """A T with its two-sided 95 % interval; `lower_bound` is the one-sided 95 % one."""

    value: float
    low: float
    high: float
    lower_bound: float


class ScoreTransfer(Frozen):
    """One of the three scores: T as measured and folded at 100, and whether it is a caricature."""

    score: str
    raw: Estimate
    folded: Estimate
    caricature: bool


class Transfer(Frozen):
    """T. 0 is the base, 100 the author's own held-out text. `folded` is the headline: too much counts as too little."""

    prompts: int
    draws: int
    raw: Estimate
    folded: Estimate
    scores: list[ScoreTransfer]


def measure_transfer(scores: Scores, seed: int) -> Transfer:
    """T = mean over k of 100 (mean s_k(F) - mean s_k(B)) / (mean s_k(G) - mean s_k(B)); a triple is drawn as one."""
    prompts = len(scores.genuine)
    draws = np.random.default_rng(seed).integers(0, prompts, size=(DRAWS, prompts))
    drawn = place(*(each[draws].mean(axis=1) for each in (scores.tuned, scores.base, scores.genuine)))
    point = place(*(each.mean(axis=0) for each in (scores.tuned, scores.base, scores.genuine)))
    parts = [
        ScoreTransfer(
            score=name,
            raw=estimate(float(point[number]), drawn[:, number]),
            folded=estimate(float(fold(point)[number]), fold(drawn[:, number])),
            caricature=bool(point[number] > CARICATURE),
        )
        for number, name in enumerate(SCORES)
    ]
    return Transfer(
        prompts=prompts,
        draws=DRAWS,
        raw=estimate(float(point.mean()), drawn.mean(axis=1)),
        folded=estimate(float(fold(point).mean()), fold(drawn).mean(axis=1)),
        scores=parts,
    )


def measure_other(found: Matrix, scores: Scores, seed: int) -> Estimate:
    """The folded T of texts that belong to no prompt, such as an impostor's; they are drawn apart from the triples."""
    chance = np.random.default_rng(seed)
    own = found[chance.integers(0, len(found), size=(DRAWS, len(found)))].mean(axis=1)
    draws = chance.integers(0, len(scores.base), size=(DRAWS, len(scores.base)))
    drawn = fold(place(own, scores.base[draws].mean(axis=1), scores.genuine[draws].mean(axis=1)))
    point = fold(place(found.mean(axis=0), scores.base.mean(axis=0), scores.genuine.mean(axis=0)))
    return estimate(float(point.mean()), drawn.mean(axis=1))


def measure_range(chapters: Sequence[str], scores: Scores) -> Mapping[str, tuple[int, float]]:
    """Passages and raw T of each held-out chapter: how far the author strays from their own mean."""
    names = np.array(chapters)
    rows = {name: scores.genuine[names == name] for name in dict.fromkeys(chapters)}
    base, genuine = scores.base.mean(axis=0), scores.genuine.mean(axis=0)
    return {name: (len(found), float(place(found.mean(axis=0), base, genuine).mean())) for name, found in rows.items()}


def place(found: Matrix, base: Matrix, genuine: Matrix) -> Matrix:
    """Where scores lie between the base's (0) and the author's (100); where the two are one, nothing can be placed."""
    gap = genuine - base
    return np.asarray(100 * (found - base) / np.where(np.abs(gap) < 1e-9, np.inf, gap))


def fold(found: Matrix) -> Matrix:
    """100 - |100 - T|."""
    return np.asarray(100 - np.abs(100 - found))


def estimate(value: float, drawn: Matrix) -> Estimate:
    """A value with the percentiles of its draws."""
    low, high = np.percentile(drawn, TWO_SIDED)
    return Estimate(value=value, low=float(low), high=float(high), lower_bound=float(np.percentile(drawn, ONE_SIDED)))
