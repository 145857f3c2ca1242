"""T2: where the tuned model stands between base (0) and author (100) for the second judge, and whether T agrees.

A passage's affinity is its mean log-probability behind text by the author, minus the mean of those behind text by the
base and by another author. The three passages of a brief have the same contexts. T2 is placed, and its interval
drawn, as T is (docs/voice.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scriptorium.contracts.report.second_judge import JudgeAgreement, MixtureCheck, SecondJudge
from scriptorium.contracts.report.voice import Estimate
from scriptorium.stats.bootstrap import ONE_SIDED_95, draw_rows, percentile_interval
from services.evaluator.second_judge.read import Readings
from services.evaluator.voice.transfer import estimate, place

WEIGHTS = np.array([1.0, -0.5, -0.5])  # of the contexts author, base, impostor: as the other texts weigh for T
MIXTURES: MixtureCheck | None = None  # of `make bench-voice`; None until it was measured with the second judge
CAVEAT = (
    "A second judge, the base model’s own sense of what follows what, disagrees: it sees the tuned model at {judge}, "
    "T says {transfer}. Read some passages before you rely on either."
)

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Affinities:
    """The affinities of passages, by writer; the first three go together, brief by brief."""

    genuine: Vector
    base: Vector
    tuned: Vector
    impostors: Vector


def measure_affinities(readings: Readings, weights: Vector = WEIGHTS) -> Affinities:
    """Weigh the columns of all readings."""
    writers = (readings.genuine, readings.base, readings.tuned, readings.impostors)
    return Affinities(*(rows @ weights for rows in writers))


def judge_again(readings: Readings, transfer: Estimate, seed: int) -> SecondJudge:
    """Place the tuned model and compare with T, which is not folded here."""
    affinities = measure_affinities(readings)
    gap = affinities.genuine - affinities.base
    gap_bound = percentile_interval(gap[draw_rows(seed, len(gap))].mean(axis=1), ONE_SIDED_95)[0]
    second = place_passages(affinities, affinities.tuned, seed)
    agreement = compare_with_transfer(second, transfer) if gap_bound > 0 else "cannot_tell"
    caveat = CAVEAT.format(judge=_whole(second.value), transfer=_whole(transfer.value))
    return SecondJudge(
        prompts=len(gap),
        context_tokens=readings.context_tokens,
        passage_tokens=readings.passage_tokens,
        gap=float(gap.mean()),
        gap_bound=gap_bound,
        transfer=second,
        impostors=place_passages(affinities, affinities.impostors, seed) if len(affinities.impostors) else None,
        agreement=agreement,
        caveat=caveat if agreement == "disagrees" else "",
        mixtures=MIXTURES,
    )


def place_passages(affinities: Affinities, passages: Vector, seed: int) -> Estimate:
    """Return the T2 of some passages, not folded, with its interval; row i belongs to the brief of row i."""
    draws = draw_rows(seed, len(passages))
    drawn = place(*(rows[draws].mean(axis=1) for rows in (passages, affinities.base, affinities.genuine)))
    means = (np.atleast_1d(rows.mean()) for rows in (passages, affinities.base, affinities.genuine))
    return estimate(float(place(*means)[0]), drawn)


def compare_with_transfer(second: Estimate, transfer: Estimate) -> JudgeAgreement:
    """Compare two intervals: they disagree if more lies between them than the judge errs on mixtures."""
    distance = max(second.low - transfer.high, transfer.low - second.high)
    return "disagrees" if distance > (MIXTURES.deviation if MIXTURES else 0.0) else "agrees"


def _whole(number: float) -> str:
    """Format a number without decimals and with a real minus sign."""
    return f"{number:.0f}".replace("-0", "0").replace("-", "−")
