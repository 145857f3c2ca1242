"""The objects of our extensions as types: pruning, findings, sample passages, the blind reading, health and engines."""

from __future__ import annotations

from typing import Literal

from pydantic import RootModel

from scriptorium.contracts import PrepareResult
from scriptorium.jobs.leftovers import LeftoverKind
from services.api.blind_reading.tally import Tally
from services.api.openapi.wire_objects import WireObject


class PrunedKindAnswer(WireObject):
    """The leftovers of one kind."""

    kind: LeftoverKind
    count: int
    bytes: int
    paths: list[str]


class PruneAnswer(WireObject):
    """What was removed, or would be."""

    object: Literal["prune"]
    dry_run: bool
    freed_bytes: int
    kinds: list[PrunedKindAnswer]


class QualityAnswer(PrepareResult):
    """What was found in a job's manuscript, and what preparation has made of it."""

    object: Literal["quality"]
    job: str
    page: str


class SamplePassage(WireObject):
    """What the model wrote to a brief at a checkpoint."""

    step: int
    text: str
    ended: bool


class SampledBrief(WireObject):
    """A held-out brief, the author's own passage and the model's."""

    brief: str
    author: str
    passages: list[SamplePassage]


class CheckpointSamplesAnswer(WireObject):
    """What a model wrote at each checkpoint so far."""

    object: Literal["checkpoint_samples"]
    job: str
    page: str
    steps: list[int]
    briefs: list[SampledBrief]


class ReadingPair(WireObject):
    """Two texts without their writers' names beside a genuine passage."""

    passage: int
    genuine: str
    a: str
    b: str


class ReadingAnswer(WireObject):
    """A reader's progress, and the next pair; null once all are answered."""

    object: Literal["reading"]
    job: str
    reader: str
    answered: int
    total: int
    next: ReadingPair | None


class TallyAnswer(Tally):
    """The answers of all readers of a job's blind reading."""

    object: Literal["reading.tally"]
    job: str
    page: str


class HealthAnswer(WireObject):
    """Whether the API and its store are up."""

    status: Literal["ok", "degraded"]
    store: bool


class EngineTarget(WireObject):
    """A target of Prometheus' HTTP service discovery."""

    targets: list[str]
    labels: dict[str, str]


class EngineTargets(RootModel[list[EngineTarget]]):
    """The engines that are starting or answering."""
