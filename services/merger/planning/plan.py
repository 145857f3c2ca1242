"""What each tensor of the merged model is made of, decided and checked before anything is written.

A shard in which no tensor changes its shape keeps the base's header byte for byte, and so every offset.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from scriptorium.errors import MergeFailed, Problem
from services.merger.inputs.adapter import Adapter
from services.merger.inputs.base import EMBEDDINGS, HEADS, Base
from services.merger.inputs.safetensors_file import FLOATS, Tensor, TensorFile, make_header
from services.merger.planning.tensor_source import Source, find_source
from services.merger.planning.tied_embeddings import tie


@dataclass(frozen=True)
class Part:
    """A tensor of the merged model, at its place, and its source."""

    tensor: Tensor
    source: Source

    @property
    def copied(self) -> bool:
        """Whether its bytes are those of the source."""
        plain = self.source.update is None and self.source.trip is None
        return plain and self.source.tensor.dtype == self.tensor.dtype


@dataclass(frozen=True)
class Shard:
    """A file of the merged model."""

    name: str
    header: bytes
    parts: list[Part]

    @property
    def bytes(self) -> int:
        """How many bytes it takes."""
        return len(self.header) + sum(part.tensor.bytes for part in self.parts)


@dataclass(frozen=True)
class Plan:
    """The merged model: its files, how many token ids its embeddings know, and an output layer that came apart."""

    base: Base
    adapter: Adapter
    shards: list[Shard]
    rows: int
    untied: str | None

    @property
    def parts(self) -> list[Part]:
        """Every tensor."""
        return [part for shard in self.shards for part in shard.parts]

    @property
    def bytes(self) -> int:
        """How many bytes all shards take."""
        return sum(shard.bytes for shard in self.shards)

    @property
    def resized(self) -> bool:
        """Whether the embeddings know more or fewer token ids than the base's."""
        return self.rows != self.base.embeddings.shape[0]


def make_plan(base: Base, adapter: Adapter) -> Plan:
    """Decide where every tensor comes from; raises MergeFailed with everything that does not fit."""
    sources = {
        name: find_source(adapter, name, file.path, tensor)
        for file in base.shards
        for name, tensor in file.tensors.items()
    }
    untied = tie(base, adapter, sources)
    problems = [*strangers(base, adapter, sources), *misfits(base, adapter, sources)]
    if problems:
        raise MergeFailed(
            f"The adapter does not fit the base {base.folder.name}: {len(problems)} problem(s).",
            problems=problems,
            next_step="Merge with the base that the adapter was trained on.",
        )
    shards = [lay_out(base, file, sources, untied) for file in base.shards]
    return Plan(base, adapter, shards, sources[base.embeddings.name].tensor.shape[0], untied)


def strangers(base: Base, adapter: Adapter, sources: dict[str, Source]) -> Iterator[Problem]:
    """Weights that the adapter changes, but the base does not have; a tied output layer may be among them."""
    for name in adapter.updates.keys() | adapter.saved.keys():
        if name not in sources and not (base.tied and name.endswith(HEADS)):
            yield Problem(name, "is not in the base")


def misfits(base: Base, adapter: Adapter, sources: dict[str, Source]) -> Iterator[Problem]:
    """Weights whose change does not fit them."""
    rows = sources[base.embeddings.name].tensor.shape[0]
    for name, source in sources.items():
        before = base.tensors.get(name, base.embeddings)
        if source.tensor is not before or source.update:
            mismatch = misfit(before, source)
        elif name.endswith(HEADS) and rows != base.embeddings.shape[0] and not base.tied:
            mismatch = f"has {before.shape[0]} rows, the adapter's embeddings {rows}; the adapter lacks the resized one"
        else:
            mismatch = None
        if mismatch:
            yield Problem(name, mismatch)


def misfit(before: Tensor, source: Source) -> str | None:
    """Why a tensor of the base cannot become what the adapter makes of it, or None."""
    after, update = source.tensor, source.update
    strange = [dtype for dtype in (before.dtype, after.dtype) if dtype not in FLOATS]
    if strange:
        return f"is stored as {strange[0]}; only {', '.join(FLOATS)} can be merged"
    resizable = after.name.endswith((*EMBEDDINGS, *HEADS)) and after.shape[1:] == before.shape[1:]
    if after.shape != before.shape and not resizable:
        return f"has the shape {list(before.shape)}, the adapter's {list(after.shape)}"
    if update and source.wanted != after.shape:
        return f"has the shape {list(after.shape)}, the adapter's update {list(source.wanted)}"
    return None


def lay_out(base: Base, file: TensorFile, sources: dict[str, Source], untied: str | None) -> Shard:
    """A shard with the base's tensors in their order; an output layer that came apart is added to the embeddings'."""
    before = list(file.tensors.values())
    if untied and untied not in base.tensors and base.embeddings.name in file.tensors:
        before.append(replace(base.embeddings, name=untied))
    after = [shaped_like(tensor, sources[tensor.name].tensor) for tensor in before]
    header = file.header if after == list(file.tensors.values()) else make_header(file.header, after)
    parts, place = [], len(header)
    for tensor in after:
        placed = tensor.at(place)
        parts.append(Part(placed, sources[tensor.name]))
        place = placed.stop
    return Shard(file.path.name, header, parts)


def shaped_like(tensor: Tensor, other: Tensor) -> Tensor:
    """A tensor with another's shape and its own type."""
    if tensor.shape == other.shape:
        return tensor
    count = math.prod(other.shape) * FLOATS[tensor.dtype].itemsize
    return replace(tensor, shape=other.shape, stop=tensor.start + count)
