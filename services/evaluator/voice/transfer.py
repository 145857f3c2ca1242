"""T: how far from the base to the author's own held-out text, with a cluster bootstrap over prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scriptorium.contracts.report.voice import Estimate, ScoreTransfer, Transfer
from scriptorium.stats.bootstrap import DRAWS, ONE_SIDED_95, draw_rows, percentile_interval
from services.evaluator.voice.scorer import SCORES

CARICATURE = 115.0  # single held-out works score 85 to 117: above, a text is more like the author than the author is

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """The scores of the passages of author, base and tuned model: one row per prompt, one column per score."""

    genuine: Matrix
    base: Matrix
    tuned: Matrix


def measure_transfer(scores: Scores, seed: int) -> Transfer:
    """Measure T = mean over k of 100 (mean s_k(F) - mean s_k(B)) / (mean s_k(G) - mean s_k(B)).

    F, B and G are the passages of tuned model, base and author; the three of a prompt are drawn together.
    """
    prompts = len(scores.genuine)
    draws = draw_rows(seed, prompts)
    drawn = place(*(rows[draws].mean(axis=1) for rows in (scores.tuned, scores.base, scores.genuine)))
    point = place(*(rows.mean(axis=0) for rows in (scores.tuned, scores.base, scores.genuine)))
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


def measure_other(others: Matrix, scores: Scores, seed: int) -> Estimate:
    """Measure the folded T of texts that belong to no prompt, such as an impostor's; they are drawn on their own."""
    chance = np.random.default_rng(seed)
    other_means = others[draw_rows(chance, len(others))].mean(axis=1)
    draws = draw_rows(chance, len(scores.base))
    drawn = fold(place(other_means, scores.base[draws].mean(axis=1), scores.genuine[draws].mean(axis=1)))
    point = fold(place(others.mean(axis=0), scores.base.mean(axis=0), scores.genuine.mean(axis=0)))
    return estimate(float(point.mean()), drawn.mean(axis=1))


def measure_range(chapters: Sequence[str], scores: Scores) -> Mapping[str, tuple[int, float]]:
    """Return the passages and the raw T of each held-out chapter: how far the author strays from their own mean."""
    names = np.array(chapters)
    rows_by_name = {name: scores.genuine[names == name] for name in dict.fromkeys(chapters)}
    base, genuine = scores.base.mean(axis=0), scores.genuine.mean(axis=0)
    return {
        name: (len(rows), float(place(rows.mean(axis=0), base, genuine).mean())) for name, rows in rows_by_name.items()
    }


def place(scores: Matrix, base: Matrix, genuine: Matrix) -> Matrix:
    """Place scores between the base's (0) and the author's (100); if those two are equal, everything is at 0."""
    gap = genuine - base
    return np.asarray(100 * (scores - base) / np.where(np.abs(gap) < 1e-9, np.inf, gap))


def fold(transfer: Matrix) -> Matrix:
    """Return 100 - |100 - T|."""
    return np.asarray(100 - np.abs(100 - transfer))


def estimate(value: float, drawn: Matrix) -> Estimate:
    """Return a value with the percentiles of its draws."""
    low, high = percentile_interval(drawn)
    return Estimate(value=value, low=low, high=high, lower_bound=percentile_interval(drawn, ONE_SIDED_95)[0])
