"""Training: what it is asked, its checkpoints, and what it left."""

from __future__ import annotations

from pathlib import Path

from scriptorium.contracts.base import Contract
from scriptorium.recipe import Training


class Checkpoint(Contract):
    """A saved state of the adapter and the losses seen there.

    `selectivity`: what the author's held-out passages have gained over other authors', nats a token.
    """

    step: int
    created_at: int
    train_loss: float | None = None
    dev_loss: float | None = None
    selectivity: float | None = None


class TrainRequest(Contract):
    """A prepared dataset, a base model and how to train."""

    dataset: Path
    base: Path
    training: Training
    seed: int = 42


class TrainResult(Contract):
    """What training left: its checkpoints, the first and last training loss, and what it cost.

    `base_hashes` holds the SHA-256 of the base's weights by file name, so that nothing else is merged with later.
    """

    checkpoints: list[Checkpoint]
    first_loss: float | None
    last_loss: float | None
    steps: int
    trained_tokens: int
    seconds: float
    base_hashes: dict[str, str] = {}
