"""Evaluations side by side: what each found, and how far the voices of two models are apart.

T of a passage is linear, so the T of a model is the mean of its passages'. Two models that answered the same held-out
briefs are compared brief by brief, which takes out how hard a brief is; others as two independent sets of passages.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import EvaluateResult, Phase
from scriptorium.errors import Conflict, Problem
from services.api.blind_reading.pairs import SAMPLES, read_pairs

REPORT = "report.json"
DRAWS, TAILS = 2000, (2.5, 97.5)

Row = npt.NDArray[np.float64]


class Side(BaseModel):
    """One evaluated model and what was found out about it."""

    job: str
    model: str
    title: str
    created_at: int
    result: EvaluateResult


class Difference(BaseModel):
    """How much further than the first model another one has come, in points of T with a 95 % interval.

    `paired` where both answered the same briefs; no number where either voice was not measured.
    """

    job: str
    paired: bool
    points: float | None = None
    low: float | None = None
    high: float | None = None
    summary: str


class Comparison(BaseModel):
    """All models in the order asked for, and how each later one differs from the first."""

    object: str = "comparison"
    models: list[Side]
    differences: list[Difference]


@dataclass(frozen=True)
class Evaluated:
    """A published evaluation: T of each passage, empty where the voice was not measured, and what they go with."""

    side: Side
    transfers: Row
    genuine: list[str]


def compare_jobs(volume: Volume, job_ids: Sequence[str], seed: int = 42) -> Comparison:
    """Compare the reports of jobs; raises Conflict with every one that has none."""
    missing = [job_id for job_id in job_ids if volume.published(job_id, Phase.EVALUATE) is None]
    if missing:
        problems = [Problem(job_id, "has no report yet") for job_id in missing]
        raise Conflict("Not every job can be compared.", problems=problems, next_step="Wait until all have succeeded.")
    first, *rest = [read_evaluated(volume, job_id) for job_id in job_ids]
    return Comparison(
        models=[first.side, *(other.side for other in rest)],
        differences=[compare_two(first, other, seed) for other in rest],
    )


def read_evaluated(volume: Volume, job_id: str) -> Evaluated:
    """What a job's report says."""
    folder = volume.folder(job_id, Phase.EVALUATE)
    body = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    side = Side(
        job=job_id,
        model=body["tuned"]["model"],
        title=body["title"],
        created_at=body["created_at"],
        result=EvaluateResult.model_validate(body["result"]),
    )
    return Evaluated(side, read_transfers(body), read_genuine(folder / SAMPLES))


def read_transfers(body: dict[str, Any]) -> Row:
    """T of each passage: the mean of its scores. Reports from before the voice was measured have none."""
    voice = (body.get("voice") or {}).get("measured") or {}
    return np.array([np.mean(list(sample["scores"].values())) for sample in voice.get("samples", [])], float)


def read_genuine(path: Path) -> list[str]:
    """The held-out passages in order, which tell whether two evaluations had the same."""
    return [pair.genuine for pair in read_pairs(path)] if path.exists() else []


def compare_two(first: Evaluated, other: Evaluated, seed: int) -> Difference:
    """How far `other` is ahead of `first`, with a bootstrap over passages."""
    paired = bool(first.genuine) and first.genuine == other.genuine and len(first.transfers) == len(other.transfers)
    job = other.side.job
    if not len(first.transfers) or not len(other.transfers):
        return Difference(job=job, paired=paired, summary="The voice was not measured in both reports.")
    drawn = draw_mean(other.transfers, seed) - draw_mean(first.transfers, seed if paired else seed + 1)
    low, high = (float(end) for end in np.percentile(drawn, TAILS))
    points = float(other.transfers.mean() - first.transfers.mean())
    return Difference(
        job=job, paired=paired, points=points, low=low, high=high, summary=tell(points, low, high, paired=paired)
    )


def draw_mean(transfers: Row, seed: int) -> Row:
    """The means of bootstrap draws; the same seed draws the same places of rows of one length."""
    places = np.random.default_rng(seed).integers(0, len(transfers), size=(DRAWS, len(transfers)))
    return np.asarray(transfers[places].mean(axis=1))


def tell(points: float, low: float, high: float, *, paired: bool) -> str:
    """The difference in words."""
    how = "the same briefs" if paired else "different passages"
    interval = f"95 % interval {low:+.0f} to {high:+.0f}, {how}"
    if low > 0:
        return f"closer to its author by {points:.0f} points of T ({interval})"
    if high < 0:
        return f"further from its author by {-points:.0f} points of T ({interval})"
    return f"no clear difference: {points:+.0f} points of T ({interval})"
