"""A job's sample passages, brief by brief, from wherever its training has got to."""

from __future__ import annotations

from dataclasses import dataclass

from scriptorium.artifacts.checkpoint_samples import CheckpointSample, read_order, read_samples
from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Phase


@dataclass(frozen=True)
class BriefPassages:
    """A brief, the author's own passage, and the model's passages by step."""

    brief: str
    author: str
    passages: list[CheckpointSample]


@dataclass(frozen=True)
class JobPassages:
    """All passages of a job, and the steps at which there are any; step 0 is before training."""

    job_id: str
    steps: list[int]
    briefs: list[BriefPassages]


def find_passages(volume: Volume, job_id: str) -> JobPassages:
    """Return a job's passages: of its training, or of the newest attempt at it that has written any."""
    for folder in volume.outputs(job_id, Phase.TRAIN):
        order, samples = read_order(folder), read_samples(folder)
        if order and samples:
            steps = sorted({sample.step for sample in samples})
            briefs = [
                BriefPassages(entry.brief, entry.passage, [sample for sample in samples if sample.brief == number])
                for number, entry in enumerate(order.briefs)
            ]
            return JobPassages(job_id, steps, briefs)
    return JobPassages(job_id, [], [])
