"""Losses of held-out passages under each checkpoint, on each base it may be merged with; measured after training.

<training>/measured/checkpoint-<step>.json: training writes it, merging chooses by it, serving compares with it. With
the adapter at another strength than 1: <training>/measured/checkpoint-<step>@<strength>.json.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

FOLDER = "measured"
BaseVariant = Literal["stored", "nf4"]


class SummedLoss(BaseModel):
    """Summed loss (nats) of one held-out passage over `tokens` tokens."""

    model_config = ConfigDict(frozen=True)

    loss: float
    tokens: int


def mean_loss(passages: Sequence[SummedLoss]) -> float:
    """Return the mean loss over all tokens of the passages, in nats per token."""
    return sum(passage.loss for passage in passages) / sum(passage.tokens for passage in passages)


class ReferenceTokens(BaseModel):
    """Token ids with a model's log-probability of each of `ids[start:]`, and the likeliest id at its position.

    `without` holds the log-probabilities under the base alone.
    """

    model_config = ConfigDict(frozen=True)

    ids: list[int]
    start: int
    log_probabilities: list[float]
    likeliest: list[int]
    without: list[float]


class BaseLosses(BaseModel):
    """Losses on one base with the checkpoint's adapter: of every passage, and token by token of the first few.

    `others` are passages of other authors; `without` and `others_without` are losses of the same passages on the base
    alone.
    """

    model_config = ConfigDict(frozen=True)

    passages: list[SummedLoss]
    references: list[ReferenceTokens]
    others: list[SummedLoss] = []
    without: list[SummedLoss] = []
    others_without: list[SummedLoss] = []

    @property
    def loss(self) -> float:
        """The mean loss of the passages, in nats per token."""
        return mean_loss(self.passages)

    @property
    def selectivity(self) -> float | None:
        """The gain of the author's passages over those of other authors, in nats per token; None if not measured."""
        if not self.others or not self.without:
            return None
        gain = mean_loss(self.without) - mean_loss(self.passages)
        return gain - (mean_loss(self.others_without) - mean_loss(self.others))


class CheckpointLosses(BaseModel):
    """Losses of one checkpoint on the stored base and, if training quantised it, on its NF4 round trip."""

    model_config = ConfigDict(frozen=True)

    step: int
    bases: dict[BaseVariant, BaseLosses]


def checkpoint_losses_path(training: Path, step: int, strength: float = 1.0) -> Path:
    """Return the path of a checkpoint's losses, with its adapter at a strength, in a training folder."""
    suffix = "" if strength == 1 else f"@{strength:g}"
    return training / FOLDER / f"checkpoint-{step}{suffix}.json"


def read_checkpoint_losses(path: Path) -> CheckpointLosses | None:
    """Read the losses of a checkpoint; None if there are none or the file is invalid."""
    try:
        return CheckpointLosses.model_validate_json(path.read_text("utf-8"))
    except (FileNotFoundError, ValidationError):
        return None
