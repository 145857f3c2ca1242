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
SINGLE_FILE = "model.safetensors"
INDEX = "model.safetensors.index.json"
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
    config = read_json(folder / CONFIG)
    expected = read_weight_map(folder)
    shards, problems = [], []
    for name in sorted(set(expected.values())) or [SINGLE_FILE]:
        try:
            shards.append(read_layout(folder / name))
        except BrokenTensorFile as error:
            problems.append(Problem(name, str(error)))
    if not problems and expected:
        problems = index_mismatches(shards, expected)
    if problems:
        raise BaseModelUnusable(
            f"The base {folder.name} is not complete: {len(problems)} problem(s).",
            problems=problems,
            next_step="Fetch the base model again.",
        )
    return Base(folder, config, shards)


def read_weight_map(folder: Path) -> dict[str, str]:
    """Read the index's shard of each tensor; empty for a single file. A shard is a plain file name, never a path."""
    if (folder / SINGLE_FILE).exists() or not (folder / INDEX).exists():
        return {}
    weight_map: dict[str, str] = read_json(folder / INDEX).get("weight_map", {})
    problems = [
        Problem(INDEX, f"{name!r} is not a file name") for name in set(weight_map.values()) if Path(name).name != name
    ]
    if problems:
        raise BaseModelUnusable(f"The index of {folder.name} does not name plain files.", problems=problems)
    return weight_map


def index_mismatches(shards: list[TensorFile], expected: dict[str, str]) -> list[Problem]:
    """List the tensors that the index and the shards disagree on."""
    actual = {name: shard.path.name for shard in shards for name in shard.tensors}
    counts = Counter(name for shard in shards for name in shard.tensors)
    moved = [Problem(name, "the index and the shards disagree on it") for name, _ in actual.items() ^ expected.items()]
    duplicates = [Problem(name, f"is in {count} shards") for name, count in counts.items() if count > 1]
    return sorted(set(moved) | set(duplicates), key=str)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of the base; raises BaseModelUnusable."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BaseModelUnusable(f"{path.parent.name} has no readable {path.name}: {error}", param=path.name) from error
    if not isinstance(body, dict):
        raise BaseModelUnusable(f"{path.parent.name}: {path.name} is not a JSON object.", param=path.name)
    return body
