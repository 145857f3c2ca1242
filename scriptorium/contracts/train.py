"""Training: its request, its checkpoints and its result."""

from __future__ import annotations

from pathlib import Path

from scriptorium.contracts.base import Contract
from scriptorium.recipe import Calibration, Drafts, Training


class Checkpoint(Contract):
    """A saved state of the adapter and its losses.

    `selectivity` is the gain of the author's held-out passages over those of other authors, in nats per token.
    """

    step: int
    created_at: int
    train_loss: float | None = None
    dev_loss: float | None = None
    selectivity: float | None = None


class WandbRequest(Contract):
    """A run at Weights & Biases that gets the training's numbers; its id is the job's."""

    id: str
    project: str
    name: str
    entity: str | None = None
    tags: list[str] = []


class TrainRequest(Contract):
    """A prepared dataset, a base model and the training options, with the trials that follow.

    `replay_cache` is the folder that keeps a base's own answers for the next training; `replay_rows` is a folder of the
    user's own chat rows, which are replayed instead. `drafts` says what rows of the kind "rewrite" show: an outline, as
    the dataset has it, or what the base retells.
    """

    dataset: Path
    base: Path
    training: Training
    seed: int = 42
    replay_cache: Path | None = None
    replay_rows: Path | None = None
    drafts: Drafts = "outline"
    calibration: Calibration = Calibration(strengths=[])
    wandb: WandbRequest | None = None


class ReplayResult(Contract):
    """What was replayed: rows and trained tokens, their share of all, rows by kind of request, and where from.

    `refused` counts the answers that were left out, by reason.
    """

    rows: int
    tokens: int
    share: float
    kinds: dict[str, int]
    refused: dict[str, int] = {}
    source: str = ""
    seconds: float = 0.0


class DraftResult(Contract):
    """The rows that ask to rewrite a draft, and in how many the base wrote it; the others show an outline.

    `refused` counts the drafts that were no good, by reason.
    """

    rows: int
    by_base: int
    refused: dict[str, int] = {}
    seconds: float = 0.0


class TrainResult(Contract):
    """The checkpoints of a training, its first and last training loss, and its cost.

    `peak_bytes` is the most memory that it needed on its device, `tokens_per_second` its mean speed in trained tokens
    while it made steps; None if they were not measured. `base_hashes` holds the SHA-256 of the base's weights by file
    name, so that the adapter is merged with no other base.
    """

    checkpoints: list[Checkpoint]
    first_loss: float | None
    last_loss: float | None
    steps: int
    trained_tokens: int
    seconds: float
    peak_bytes: int | None = None
    tokens_per_second: float | None = None
    base_hashes: dict[str, str] = {}
    replay: ReplayResult | None = None
    drafts: DraftResult | None = None
