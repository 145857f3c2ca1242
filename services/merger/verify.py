"""Prove a merged model before it is published, by reading back what was written.

Every byte is compared: untouched tensors have the base's bits, and each merged block the checksum that it was written
with, or is computed once more. Where its bits differ, and at sampled places of every block, it must lie within the
bounds of one addition of the update in fp64. A target that was skipped, merged twice or misplaced cannot pass.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scriptorium.contracts import MergeProof
from scriptorium.errors import BaseModelUnusable, MergeFailed, Problem
from services.merger.inputs.base import INDEX, open_base
from services.merger.inputs.nf4 import RoundTrip
from services.merger.inputs.safetensors_file import (
    PIECE_BYTES,
    BrokenTensorFile,
    Float32,
    Tensor,
    TensorFile,
    all_finite,
    byte_range,
    checksum,
    read_into,
    read_layout,
    read_rows,
    row_blocks,
    same_bits,
)
from services.merger.low_rank_update import LowRank
from services.merger.planning.plan import Part, Plan, Shard
from services.merger.writing.worker_pool import Step
from services.merger.writing.write_shard import Files, Receipts, compute_rows, pieces, scratch

SAMPLE_ROWS, SAMPLE_COLUMNS = 2, 512  # of each block
SIZE_TOLERANCE = 0.01
BYTES = np.dtype(np.uint8)
ALL = slice(None)


class Proof:
    """What was compared so far, by several threads, and every difference that was found."""

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}
        self.merged_values = 0
        self.sampled_values = 0
        self.identical_bytes = 0
        self._lock = threading.Lock()

    def count(self, *, merged: int = 0, sampled: int = 0, identical: int = 0) -> None:
        """Add to the numbers."""
        with self._lock:
            self.merged_values += merged
            self.sampled_values += sampled
            self.identical_bytes += identical

    def add(self, other: Proof) -> None:
        """Add another shard's."""
        self.count(merged=other.merged_values, sampled=other.sampled_values, identical=other.identical_bytes)
        self.problems |= other.problems

    def fail(self, name: str, difference: str) -> None:
        """Remember the first difference of a tensor."""
        self.problems.setdefault(name, difference)


def verify_steps(shard: Shard, files: Files, path: Path, receipts: Receipts, proof: Proof) -> Iterator[Step]:
    """The steps that compare a written shard with its sources; differences will be in the proof.

    A block that has the checksum with which it was written is not computed once more, but for samples in fp64.
    """
    try:
        for name, difference in layout_differences(shard, read_layout(path)):
            proof.fail(name, difference)
    except BrokenTensorFile as error:
        proof.fail(shard.name, str(error))
    if not proof.problems:
        result = files.open(path)
        for part in shard.parts:
            source, update = files.of(part.source), files.update(part.source)
            trip = files.trip(part.source)
            yield from Comparison(source, result, part, update, receipts, proof, trip).steps()


def layout_differences(shard: Shard, written: TensorFile) -> Iterator[tuple[str, str]]:
    """Tensors that are missing, too many, of another type or shape, or at another place."""
    planned: dict[str, Tensor] = {part.tensor.name: part.tensor for part in shard.parts}
    for name, tensor in planned.items():
        found = written.tensors.get(name)
        if found is None:
            yield name, "is missing"
        elif found != tensor:
            yield name, f"is {found} at byte {found.start} instead of {tensor} at byte {tensor.start}"
    for name in written.tensors.keys() - planned.keys():
        yield name, "is not in the base"


@dataclass(frozen=True)
class Comparison:
    """One tensor of the result beside its source, in two open files."""

    file: int
    result: int
    part: Part
    update: LowRank | None
    receipts: Receipts
    proof: Proof
    trip: RoundTrip | None = None

    def steps(self) -> Iterator[Step]:
        """One step for each piece or block."""
        if self.part.copied:
            for start, count in pieces(self.part.tensor.bytes, PIECE_BYTES):
                yield partial(self.copied, start, count)
        else:
            for rows in row_blocks(self.part.tensor):
                yield partial(self.merged, rows)

    def fail(self, difference: str) -> None:
        """Say what is wrong with the tensor."""
        self.proof.fail(self.part.tensor.name, difference)

    def copied(self, start: int, count: int) -> int:
        """Whether some bytes of an untouched tensor changed, or are NaN or infinite."""
        expected, found = (scratch.take(name, (count,), BYTES) for name in ("stored", "found"))
        read_into(self.file, expected.data, self.part.source.tensor.start + start)
        read_into(self.result, found.data, self.part.tensor.start + start)
        if not same_bits(expected, found):
            self.fail("differs from the base although the adapter leaves it alone")
        elif not all_finite(found, self.part.tensor.dtype):
            self.fail("has NaN or infinite values, in its source already")
        self.proof.count(identical=count)
        return count

    def merged(self, rows: slice) -> int:
        """Whether some rows of a changed tensor are finite, and the source's plus the update once."""
        tensor = self.part.tensor
        count = byte_range(tensor, rows)[1]
        found = read_rows(self.result, tensor, rows, scratch.take("found", (count,), BYTES))
        if not all_finite(found, tensor.dtype):
            source = read_rows(self.file, self.part.source.tensor, rows)
            where = "" if all_finite(source, self.part.source.tensor.dtype) else ", in its source already"
            self.fail(f"has NaN or infinite values{where}")
        elif self.receipts.get((tensor.name, rows.start)) != checksum(found) and not self.right(found, rows):
            self.fail("is not the base's weight with the update added once")
        elif self.update is not None:
            self.sample(found, rows)
        self.proof.count(merged=found.size)
        return count

    def right(self, found: NDArray[Any], rows: slice) -> bool:
        """Whether computing the values once more gives the same bits, or as good ones."""
        expected = compute_rows(self.file, self.part, self.update, rows, self.trip)
        return same_bits(found, expected) or self.within(self.source_rows(rows), found, rows)

    def sample(self, found: NDArray[Any], rows: slice) -> None:
        """Compare some values of a block with arithmetic in fp64."""
        middle, step = len(found) // 2, max(1, found.shape[1] // SAMPLE_COLUMNS)
        seen = slice(rows.start + middle, min(rows.stop, rows.start + middle + SAMPLE_ROWS))
        columns = slice(rows.start % step, None, step)
        weights = self.source_rows(seen)
        sampled = found[middle : middle + SAMPLE_ROWS]
        if not self.within(weights, sampled, seen, columns):
            self.fail("is not the base's weight with the update added once, by samples in fp64")
        self.proof.count(sampled=sampled[:, columns].size)

    def source_rows(self, rows: slice) -> Float32:
        """Some rows of the source in fp32, by way of NF4 where they took it."""
        tensor = self.part.source.tensor
        stored = read_rows(self.file, tensor, rows)
        if self.trip:
            return self.trip.of(stored, rows.start * tensor.shape[1], tensor.dtype)
        return stored.astype(np.float32)

    def within(self, weights: Float32, found: NDArray[Any], rows: slice, columns: slice = ALL) -> bool:
        """Whether values lie where arithmetic in fp64 says that they must; without an update only the bits count."""
        if self.update is None:
            return False
        low, high = self.update.bounds(weights, rows, columns, self.part.tensor.dtype)
        values = found[:, columns].astype(np.float32)
        return bool(((low.astype(np.float32) <= values) & (values <= high.astype(np.float32))).all())


def conclude(plan: Plan, companions: dict[str, bytes], folder: Path, proof: Proof) -> MergeProof:
    """Check what belongs to the whole model; raises MergeFailed with every difference of shards and the rest."""
    problems = list(companion_differences(companions, folder))
    problems += [Problem(name, difference) for name, difference in sorted(proof.problems.items())] or [
        *index_differences(plan, folder)
    ]
    written, before = plan.bytes, sum(shard.bytes for shard in plan.base.shards)
    if abs(written - before) > SIZE_TOLERANCE * before and not (plan.resized or plan.untied):
        problems.append(Problem("size", f"is {written:,} bytes; the base has {before:,}"))
    if problems:
        raise MergeFailed(
            f"The merged model did not pass its checks: {len(problems)} problem(s).",
            problems=problems,
            next_step="Create the job again; if it fails alike, choose another checkpoint.",
        )
    return MergeProof(
        merged_values=proof.merged_values,
        sampled_values=proof.sampled_values,
        identical_bytes=proof.identical_bytes,
        size_ratio=written / before,
    )


def companion_differences(companions: dict[str, bytes], folder: Path) -> Iterator[Problem]:
    """Config, tokenizer and chat template that are missing or not as they were meant to be."""
    for name, body in companions.items():
        if not (folder / name).is_file():
            yield Problem(name, "is missing")
        elif (folder / name).read_bytes() != body:
            yield Problem(name, "is not what was written")


def index_differences(plan: Plan, folder: Path) -> Iterator[Problem]:
    """Whether a loader finds every tensor where the index says, and files of the right size."""
    try:
        merged = open_base(folder)
    except BaseModelUnusable as error:
        yield from error.problems or [Problem(error.param or folder.name, error.message)]
        return
    planned = {part.tensor.name: shard.name for shard in plan.shards for part in shard.parts}
    for name in merged.tensors.keys() ^ planned.keys():
        yield Problem(name, "is not where the index has it")
    for shard in plan.shards:
        if (folder / shard.name).stat().st_size != shard.bytes:
            yield Problem(shard.name, f"does not have {shard.bytes:,} bytes")
    if not merged.single:
        total = json.loads((folder / INDEX).read_text("utf-8")).get("metadata", {}).get("total_size")
        tensors = sum(part.tensor.bytes for part in plan.parts)
        if (plan.resized or plan.untied) and total != tensors:
            yield Problem(INDEX, f"says {total:,} bytes; the tensors have {tensors:,}")
