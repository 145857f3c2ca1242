"""The base model's folder: config.json and one model.safetensors, or several shards with an index."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from scriptorium.errors import BaseModelUnusable, Problem
from services.merger.inputs.safetensors_file import BrokenTensorFile, Tensor, TensorFile, read_layout

CONFIG = "config.json"
SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "embed_in.weight")
HEADS = ("lm_head.weight", "embed_out.weight")  # the output layer, which turns states into scores of tokens


@dataclass(frozen=True)
class Base:
    """A base model whose shards are whole; the values themselves stay on disk."""

    folder: Path
    config: dict[str, Any]
    shards: list[TensorFile]

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """Every tensor of every shard, by name."""
        return {name: tensor for shard in self.shards for name, tensor in shard.tensors.items()}

    @property
    def single(self) -> bool:
        """Whether all tensors are in one file that needs no index."""
        return [shard.path.name for shard in self.shards] == [SINGLE]

    @property
    def tied(self) -> bool:
        """Whether the output layer shares the embeddings' values; where no config says so, whether it is missing."""
        for config in (self.config, self.config.get("text_config") or {}):
            if "tie_word_embeddings" in config:
                return bool(config["tie_word_embeddings"])
        return not any(name.endswith(HEADS) for name in self.tensors)

    @property
    def embeddings(self) -> Tensor:
        """The tensor with a row for each token id; raises BaseModelUnusable where none is found."""
        for name, tensor in self.tensors.items():
            if name.endswith(EMBEDDINGS):
                return tensor
        raise BaseModelUnusable(f"{self.folder.name} has no embeddings (looked for {', '.join(EMBEDDINGS)}).")

    def path_of(self, name: str) -> Path:
        """The shard that a tensor is in."""
        return next(shard.path for shard in self.shards if name in shard.tensors)


def open_base(folder: Path) -> Base:
    """Read the layout of every shard; raises BaseModelUnusable with everything that is missing or broken."""
    config = read_json(folder / CONFIG)
    expected = index_places(folder)
    shards, problems = [], []
    for name in sorted(set(expected.values())) or [SINGLE]:
        try:
            shards.append(read_layout(folder / name))
        except BrokenTensorFile as error:
            problems.append(Problem(name, str(error)))
    if not problems and expected:
        problems = index_mismatches(shards, expected)
    if problems:
        raise BaseModelUnusable(
            f"The base {folder.name} is not whole: {len(problems)} problem(s).",
            problems=problems,
            next_step="Fetch the base model again.",
        )
    return Base(folder, config, shards)


def index_places(folder: Path) -> dict[str, str]:
    """Which shard each tensor is in, by the index; empty for a single file. A shard is a plain name, never a path."""
    if (folder / SINGLE).exists() or not (folder / INDEX).exists():
        return {}
    places: dict[str, str] = read_json(folder / INDEX).get("weight_map", {})
    strange = [Problem(INDEX, f"{name!r} is no file name") for name in set(places.values()) if Path(name).name != name]
    if strange:
        raise BaseModelUnusable(f"The index of {folder.name} does not name plain files.", problems=strange)
    return places


def index_mismatches(shards: list[TensorFile], expected: dict[str, str]) -> list[Problem]:
    """Tensors that the index and the shards do not agree on."""
    found = {name: shard.path.name for shard in shards for name in shard.tensors}
    counts = Counter(name for shard in shards for name in shard.tensors)
    moved = [Problem(name, "the index and the shards disagree on it") for name, _ in found.items() ^ expected.items()]
    twice = [Problem(name, f"is in {count} shards") for name, count in counts.items() if count > 1]
    return sorted(set(moved) | set(twice), key=str)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of the base; raises BaseModelUnusable."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BaseModelUnusable(f"{path.parent.name} has no readable {path.name}: {error}", param=path.name) from error
    if not isinstance(body, dict):
        raise BaseModelUnusable(f"{path.parent.name}: {path.name} is no JSON object.", param=path.name)
    return body
