"""The base model's folder: config.json and one model.safetensors, or several shards with an index."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from scriptorium.errors import BaseModelUnusable
from scriptorium.models.tensor_files import Tensor, TensorFile
from scriptorium.models.weights import CONFIG, SINGLE_FILE, read_json, read_shards

EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "embed_in.weight")
HEADS = ("lm_head.weight", "embed_out.weight")  # the output layer, which turns hidden states into scores of tokens


@dataclass(frozen=True)
class Base:
    """A base model whose shards are complete; the values themselves stay on disk."""

    folder: Path
    config: dict[str, Any]
    shards: list[TensorFile]

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """Every tensor of every shard, by name."""
        return {name: tensor for shard in self.shards for name, tensor in shard.tensors.items()}

    @property
    def single(self) -> bool:
        """True if all tensors are in one file that needs no index."""
        return [shard.path.name for shard in self.shards] == [SINGLE_FILE]

    @property
    def tied(self) -> bool:
        """True if the output layer shares the embeddings' values; if no config says so, true if it is missing."""
        for config in (self.config, self.config.get("text_config") or {}):
            if "tie_word_embeddings" in config:
                return bool(config["tie_word_embeddings"])
        return not any(name.endswith(HEADS) for name in self.tensors)

    @property
    def embeddings(self) -> Tensor:
        """The tensor with a row for each token id; raises BaseModelUnusable if there is none."""
        for name, tensor in self.tensors.items():
            if name.endswith(EMBEDDINGS):
                return tensor
        raise BaseModelUnusable(f"{self.folder.name} has no embeddings (looked for {', '.join(EMBEDDINGS)}).")

    def path_of(self, name: str) -> Path:
        """Return the shard that a tensor is in."""
        return next(shard.path for shard in self.shards if name in shard.tensors)


def open_base(folder: Path) -> Base:
    """Read the layout of every shard; raises BaseModelUnusable with everything that is missing or broken."""
    return Base(folder, read_json(folder / CONFIG), read_shards(folder))
