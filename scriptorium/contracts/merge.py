"""Merging: its request, its proof and its result."""

from __future__ import annotations

from pathlib import Path

from scriptorium.artifacts.checkpoint_losses import BaseVariant
from scriptorium.contracts.base import Contract
from scriptorium.recipe import Export, Select


class MergeRequest(Contract):
    """The folder of a finished training and the base it started from; `checkpoint` None means the best one.

    The adapter's update is scaled by `strength`. A `temperature` is written into the model's generation_config.json.
    `base_hashes` holds the SHA-256 of the base's files by name, if training recorded them; `exports` are additional
    formats for the merged model.
    """

    base: Path
    training: Path
    checkpoint: int | None = None
    strength: float = 1.0
    temperature: float | None = None
    select: Select = "loss"
    base_hashes: dict[str, str] = {}
    exports: list[Export] = []


class MergeProof(Contract):
    """Counts of what was read back and compared before publishing; a model that differs anywhere is not published.

    Merged values have the checksum that they were written with; sampled values were computed again, in fp64. Identical
    bytes are those of untouched tensors; `size_ratio` is the merged model's size over the base's.
    """

    merged_values: int
    sampled_values: int
    identical_bytes: int
    size_ratio: float


class MergeResult(Contract):
    """The merged checkpoint with its numbers, the base it was merged onto, and the dev loss on each base.

    Then the numbers of tensors updated, copied and replaced; bytes written; seconds. `resumed_shards` come from an
    earlier attempt, `hashed_shards` of the base had a known hash. `vocabulary` is the number of embedding rows,
    `tokens` how many of them the tokenizer uses; `exports` are files in other formats.
    """

    step: int
    strength: float = 1.0
    temperature: float | None = None
    dev_loss: float | None
    selectivity: float | None = None
    base: BaseVariant = "stored"
    base_losses: dict[BaseVariant, float] = {}
    merged_tensors: int
    copied_tensors: int
    saved_tensors: int = 0
    bytes: int
    seconds: float
    resumed_shards: int = 0
    hashed_shards: int = 0
    vocabulary: int | None = None
    tokens: int | None = None
    exports: list[str] = []
    proof: MergeProof | None = None
