"""How probable held-out passages are to each checkpoint, on each base it may be merged with; measured after training.

<training>/measured/checkpoint-<step>.json; training writes them, merging chooses by them, serving compares with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

FOLDER = "measured"
Base = Literal["stored", "nf4"]


class Passage(BaseModel):
    """Summed loss (nats) of one held-out passage over `tokens` tokens."""

    model_config = ConfigDict(frozen=True)

    loss: float
    tokens: int


def mean_loss(passages: Sequence[Passage]) -> float:
    """Nats a token, over all tokens."""
    return sum(passage.loss for passage in passages) / sum(passage.tokens for passage in passages)


class Reference(BaseModel):
    """What a model says to some token ids: for each of `ids[start:]` its log-probability, and the likeliest id.

    `without` are the log-probabilities of the base alone.
    """

    model_config = ConfigDict(frozen=True)

    ids: list[int]
    start: int
    log_probabilities: list[float]
    likeliest: list[int]
    without: list[float]


class OnBase(BaseModel):
    """One base with the checkpoint's adapter: the loss of every passage, and the first few in full.

    `others` are passages of other authors; `without` and `others_without` are the same read by the base alone.
    """

    model_config = ConfigDict(frozen=True)

    passages: list[Passage]
    references: list[Reference]
    others: list[Passage] = []
    without: list[Passage] = []
    others_without: list[Passage] = []

    @property
    def loss(self) -> float:
        """Mean loss of a token."""
        return mean_loss(self.passages)

    @property
    def selectivity(self) -> float | None:
        """What the author's passages have gained over those of other authors, nats a token; None where not read."""
        if not self.others or not self.without:
            return None
        gain = mean_loss(self.without) - mean_loss(self.passages)
        return gain - (mean_loss(self.others_without) - mean_loss(self.others))


class Measured(BaseModel):
    """One checkpoint on the base as it is stored and, where training quantised it, on its NF4 round trip."""

    model_config = ConfigDict(frozen=True)

    step: int
    bases: dict[Base, OnBase]


def measured_path(training: Path, step: int) -> Path:
    """Where a training folder keeps what was measured of a checkpoint."""
    return training / FOLDER / f"checkpoint-{step}.json"


def read_measured(path: Path) -> Measured | None:
    """What was measured of a checkpoint, or None."""
    try:
        return Measured.model_validate_json(path.read_text("utf-8"))
    except (FileNotFoundError, ValidationError):
        return None
