"""The plan of a merge: the source and place of each tensor, decided and checked before anything is written.

A shard in which no tensor changes its shape keeps the base's header byte for byte, and so every offset.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from scriptorium.errors import MergeFailed, Problem
from scriptorium.models.tensor_files import Tensor, TensorFile
from services.merger.inputs.adapter import Adapter
from services.merger.inputs.base import EMBEDDINGS, HEADS, Base
from services.merger.inputs.safetensors_file import FLOATS, make_header
from services.merger.planning.tensor_source import TensorSource, find_source
from services.merger.planning.tied_embeddings import resolve_tied_head


@dataclass(frozen=True)
class ShardPart:
    """A tensor of the merged model, at its place in a shard, and its source."""

    tensor: Tensor
    source: TensorSource

    @property
    def copied(self) -> bool:
        """True if its bytes are those of the source."""
        unchanged = self.source.update is None and self.source.round_trip is None
        return unchanged and self.source.tensor.dtype == self.tensor.dtype


@dataclass(frozen=True)
class Shard:
    """A file of the merged model."""

    name: str
    header: bytes
    parts: list[ShardPart]

    @property
    def bytes(self) -> int:
        """The size of the file in bytes."""
        return len(self.header) + sum(part.tensor.bytes for part in self.parts)


@dataclass(frozen=True)
class Plan:
    """The merged model: its files, the rows of its embeddings, and the name of an output layer that is untied."""

    base: Base
    adapter: Adapter
    shards: list[Shard]
    rows: int
    untied: str | None

    @property
    def parts(self) -> list[ShardPart]:
        """Every part of every shard."""
        return [part for shard in self.shards for part in shard.parts]

    @property
    def bytes(self) -> int:
        """The size of all shards in bytes."""
        return sum(shard.bytes for shard in self.shards)

    @property
    def resized(self) -> bool:
        """True if the embeddings have more or fewer rows than the base's."""
        return self.rows != self.base.embeddings.shape[0]


def make_plan(base: Base, adapter: Adapter) -> Plan:
    """Decide the source of every tensor; raises MergeFailed with everything that does not fit."""
    sources = {
        name: find_source(adapter, name, file.path, tensor)
        for file in base.shards
        for name, tensor in file.tensors.items()
    }
    untied = resolve_tied_head(base, adapter, sources)
    problems = [*unexpected_tensors(base, adapter, sources), *shape_mismatches(base, adapter, sources)]
    if problems:
        raise MergeFailed(
            f"The adapter does not fit the base {base.folder.name}: {len(problems)} problem(s).",
            problems=problems,
            next_step="Merge with the base that the adapter was trained on.",
        )
    shards = [lay_out(base, file, sources, untied) for file in base.shards]
    return Plan(base, adapter, shards, sources[base.embeddings.name].tensor.shape[0], untied)


def unexpected_tensors(base: Base, adapter: Adapter, sources: dict[str, TensorSource]) -> Iterator[Problem]:
    """Yield weights that the adapter changes and the base lacks; a tied output layer is not among them."""
    for name in adapter.updates.keys() | adapter.saved.keys():
        if name not in sources and not (base.tied and name.endswith(HEADS)):
            yield Problem(name, "is not in the base")


def shape_mismatches(base: Base, adapter: Adapter, sources: dict[str, TensorSource]) -> Iterator[Problem]:
    """Yield weights whose change does not fit them."""
    rows = sources[base.embeddings.name].tensor.shape[0]
    for name, source in sources.items():
        before = base.tensors.get(name, base.embeddings)
        if source.tensor is not before or source.update:
            mismatch = find_mismatch(before, source)
        elif name.endswith(HEADS) and rows != base.embeddings.shape[0] and not base.tied:
            mismatch = f"has {before.shape[0]} rows, the adapter's embeddings {rows}; the adapter lacks the resized one"
        else:
            mismatch = None
        if mismatch:
            yield Problem(name, mismatch)


def find_mismatch(before: Tensor, source: TensorSource) -> str | None:
    """Return why a tensor of the base cannot become what the adapter makes of it, or None if it can."""
    after, update = source.tensor, source.update
    unsupported = [dtype for dtype in (before.dtype, after.dtype) if dtype not in FLOATS]
    if unsupported:
        return f"is stored as {unsupported[0]}; only {', '.join(FLOATS)} can be merged"
    resizable = after.name.endswith((*EMBEDDINGS, *HEADS)) and after.shape[1:] == before.shape[1:]
    if after.shape != before.shape and not resizable:
        return f"has the shape {list(before.shape)}, the adapter's {list(after.shape)}"
    if update and source.expected_shape != after.shape:
        return f"has the shape {list(after.shape)}, the adapter's update {list(source.expected_shape)}"
    return None


def lay_out(base: Base, file: TensorFile, sources: dict[str, TensorSource], untied: str | None) -> Shard:
    """Plan a shard with the base's tensors in their order; the embeddings' shard also gets an untied output layer."""
    before = list(file.tensors.values())
    if untied and untied not in base.tensors and base.embeddings.name in file.tensors:
        before.append(replace(base.embeddings, name=untied))
    after = [shaped_like(tensor, sources[tensor.name].tensor) for tensor in before]
    header = file.header if after == list(file.tensors.values()) else make_header(file.header, after)
    parts, offset = [], len(header)
    for tensor in after:
        placed = tensor.at(offset)
        parts.append(ShardPart(placed, sources[tensor.name]))
        offset = placed.stop
    return Shard(file.path.name, header, parts)


def shaped_like(tensor: Tensor, other: Tensor) -> Tensor:
    """Return a tensor with another's shape and its own type."""
    if tensor.shape == other.shape:
        return tensor
    count = math.prod(other.shape) * FLOATS[tensor.dtype].itemsize
    return replace(tensor, shape=other.shape, stop=tensor.start + count)
