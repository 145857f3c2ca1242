"""Evaluations side by side: the result of each, and the difference between the voices of two models.

T of a passage is linear, so the T of a model is the mean of its passages'. Two models that answered the same held-out
briefs are compared brief by brief, which takes out how hard a brief is; others as two independent sets of passages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from scriptorium.artifacts.report import read_report
from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import EvaluateResult, Phase
from scriptorium.contracts.report.document import SAMPLES, Report
from scriptorium.errors import Conflict, Problem
from scriptorium.stats.bootstrap import draw_rows, percentile_interval
from services.api.blind_reading.pairs import read_pairs

FloatArray = npt.NDArray[np.float64]


class ComparedModel(BaseModel):
    """One evaluated model and the result of its evaluation."""

    job: str
    model: str
    title: str
    created_at: int
    result: EvaluateResult


class Difference(BaseModel):
    """How much closer to its author a model is than the first one, in points of T with a 95 % interval.

    `paired` if both answered the same briefs; no numbers if either voice was not measured.
    """

    job: str
    paired: bool
    points: float | None = None
    low: float | None = None
    high: float | None = None
    summary: str


class JobComparison(BaseModel):
    """All models in the requested order, and the difference of each from the first."""

    object: str = "comparison"
    models: list[ComparedModel]
    differences: list[Difference]


@dataclass(frozen=True)
class PublishedEvaluation:
    """A published evaluation: T of each passage (empty if the voice was not measured) and the genuine passages."""

    model: ComparedModel
    transfers: FloatArray
    genuine: list[str]


def compare_jobs(volume: Volume, job_ids: Sequence[str], seed: int = 42) -> JobComparison:
    """Compare the reports of jobs; raise Conflict that names every job without one."""
    missing = [job_id for job_id in job_ids if volume.published(job_id, Phase.EVALUATE) is None]
    if missing:
        problems = [Problem(job_id, "has no report yet") for job_id in missing]
        raise Conflict("Not every job can be compared.", problems=problems, next_step="Wait until all have succeeded.")
    first, *others = read_evaluations(volume, job_ids)
    return JobComparison(
        models=[first.model, *(other.model for other in others)],
        differences=[compare_to_first(first, other, seed) for other in others],
    )


def read_evaluations(volume: Volume, job_ids: Sequence[str]) -> list[PublishedEvaluation]:
    """Read what the reports say of their models; raise Conflict that names every report of another version."""
    evaluations, problems = [], []
    for job_id in job_ids:
        try:
            evaluations.append(read_evaluation(volume, job_id))
        except ValueError:
            problems.append(Problem(job_id, "has a report of another version"))
    if problems:
        raise Conflict("Not every job can be compared.", problems=problems, next_step="Run these jobs again.")
    return evaluations


def read_evaluation(volume: Volume, job_id: str) -> PublishedEvaluation:
    """Read what the report of a job says about its model; raises ValueError if another version wrote it."""
    folder = volume.folder(job_id, Phase.EVALUATE)
    report = read_report(folder)
    model = ComparedModel(
        job=job_id,
        model=report.tuned.model,
        title=report.title,
        created_at=report.created_at,
        result=report.result,
    )
    return PublishedEvaluation(model, list_transfers(report), read_genuine(folder / SAMPLES))


def list_transfers(report: Report) -> FloatArray:
    """Return T of each passage, the mean of its scores; none if the voice was not measured."""
    samples = report.voice.measured.samples if report.voice.measured else []
    return np.array([np.mean(list(sample.scores.values())) for sample in samples], float)


def read_genuine(path: Path) -> list[str]:
    """Read the held-out passages in order; two evaluations are paired if theirs are equal."""
    return [pair.genuine for pair in read_pairs(path)] if path.exists() else []


def compare_to_first(first: PublishedEvaluation, other: PublishedEvaluation, seed: int) -> Difference:
    """Return how far `other` is ahead of `first`, with a bootstrap over passages."""
    paired = bool(first.genuine) and first.genuine == other.genuine and len(first.transfers) == len(other.transfers)
    job = other.model.job
    if not len(first.transfers) or not len(other.transfers):
        return Difference(job=job, paired=paired, summary="The voice was not measured in both reports.")
    other_means = draw_bootstrap_means(other.transfers, seed)
    first_means = draw_bootstrap_means(first.transfers, seed if paired else seed + 1)
    low, high = percentile_interval(other_means - first_means)
    points = float(other.transfers.mean() - first.transfers.mean())
    summary = summarise_difference(points, low, high, paired=paired)
    return Difference(job=job, paired=paired, points=points, low=low, high=high, summary=summary)


def draw_bootstrap_means(transfers: FloatArray, seed: int) -> FloatArray:
    """Return the means of bootstrap draws; the same seed draws the same indices from arrays of one length."""
    return np.asarray(transfers[draw_rows(seed, len(transfers))].mean(axis=1))


def summarise_difference(points: float, low: float, high: float, *, paired: bool) -> str:
    """Put a difference into words."""
    basis = "the same briefs" if paired else "different passages"
    interval = f"95 % interval {low:+.0f} to {high:+.0f}, {basis}"
    if low > 0:
        return f"closer to its author by {points:.0f} points of T ({interval})"
    if high < 0:
        return f"further from its author by {-points:.0f} points of T ({interval})"
    return f"no clear difference: {points:+.0f} points of T ({interval})"
