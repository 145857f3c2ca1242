"""Prove a merged model before it is published, by reading back what was written.

Every byte is compared: untouched tensors have the base's bits, and each merged block has the checksum that it was
written with, or is computed again. If its bits differ, and at sampled positions of every block, it must lie within the
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
from scriptorium.models.tensor_files import BrokenTensorFile, Tensor, TensorFile, read_layout
from scriptorium.models.weights import INDEX
from services.merger.inputs.base import open_base
from services.merger.inputs.nf4 import RoundTrip
from services.merger.inputs.safetensors_file import (
    PIECE_BYTES,
    Float32,
    all_finite,
    byte_range,
    checksum,
    read_into,
    read_rows,
    row_blocks,
    same_bits,
)
from services.merger.low_rank_update import LowRank
from services.merger.planning.plan import Plan, Shard, ShardPart
from services.merger.writing.worker_pool import Step
from services.merger.writing.write_shard import BlockChecksums, ShardFiles, compute_rows, pieces, scratch

SAMPLE_ROWS, SAMPLE_COLUMNS = 2, 512  # of each block
SIZE_TOLERANCE = 0.01
BYTES = np.dtype(np.uint8)
ALL_COLUMNS = slice(None)


class Proof:
    """The running totals of what several threads compared, and every difference."""

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}
        self.merged_values = 0
        self.sampled_values = 0
        self.identical_bytes = 0
        self._lock = threading.Lock()

    def count(self, *, merged: int = 0, sampled: int = 0, identical: int = 0) -> None:
        """Add to the totals."""
        with self._lock:
            self.merged_values += merged
            self.sampled_values += sampled
            self.identical_bytes += identical

    def add(self, other: Proof) -> None:
        """Add another shard's totals and problems."""
        self.count(merged=other.merged_values, sampled=other.sampled_values, identical=other.identical_bytes)
        self.problems |= other.problems

    def fail(self, name: str, difference: str) -> None:
        """Record a difference of a tensor, if it is the first one."""
        self.problems.setdefault(name, difference)


def verify_steps(
    shard: Shard, files: ShardFiles, path: Path, checksums: BlockChecksums, proof: Proof
) -> Iterator[Step]:
    """Yield the steps that compare a written shard with its sources; differences go into the proof.

    Of a block that has the checksum with which it was written only samples are computed again, in fp64.
    """
    try:
        for name, difference in layout_differences(shard, read_layout(path)):
            proof.fail(name, difference)
    except BrokenTensorFile as error:
        proof.fail(shard.name, str(error))
    if not proof.problems:
        result = files.open(path)
        for part in shard.parts:
            source, update = files.descriptor(part.source), files.update(part.source)
            round_trip = files.round_trip(part.source)
            yield from TensorComparison(source, result, part, update, checksums, proof, round_trip).steps()


def layout_differences(shard: Shard, written: TensorFile) -> Iterator[tuple[str, str]]:
    """Yield tensors that are missing, unexpected, of another type or shape, or at another place."""
    planned: dict[str, Tensor] = {part.tensor.name: part.tensor for part in shard.parts}
    for name, tensor in planned.items():
        actual = written.tensors.get(name)
        if actual is None:
            yield name, "is missing"
        elif actual != tensor:
            yield name, f"is {actual} at byte {actual.start} instead of {tensor} at byte {tensor.start}"
    for name in written.tensors.keys() - planned.keys():
        yield name, "is not in the base"


@dataclass(frozen=True)
class TensorComparison:
    """One tensor of the result beside its source, in two open files."""

    file: int
    result: int
    part: ShardPart
    update: LowRank | None
    checksums: BlockChecksums
    proof: Proof
    round_trip: RoundTrip | None = None

    def steps(self) -> Iterator[Step]:
        """Yield one step for each piece or block."""
        if self.part.copied:
            for start, count in pieces(self.part.tensor.bytes, PIECE_BYTES):
                yield partial(self.compare_bytes, start, count)
        else:
            for rows in row_blocks(self.part.tensor):
                yield partial(self.compare_rows, rows)

    def fail(self, difference: str) -> None:
        """Record a difference of the tensor."""
        self.proof.fail(self.part.tensor.name, difference)

    def compare_bytes(self, start: int, count: int) -> int:
        """Check that some bytes of an untouched tensor are the source's, and neither NaN nor infinite."""
        expected, actual = (scratch.take(name, (count,), BYTES) for name in ("stored", "actual"))
        read_into(self.file, expected.data, self.part.source.tensor.start + start)
        read_into(self.result, actual.data, self.part.tensor.start + start)
        if not same_bits(expected, actual):
            self.fail("differs from the base although the adapter leaves it alone")
        elif not all_finite(actual, self.part.tensor.dtype):
            self.fail("has NaN or infinite values, in its source already")
        self.proof.count(identical=count)
        return count

    def compare_rows(self, rows: slice) -> int:
        """Check that some rows of a changed tensor are finite, and the source's with the update added once."""
        tensor = self.part.tensor
        count = byte_range(tensor, rows)[1]
        actual = read_rows(self.result, tensor, rows, scratch.take("actual", (count,), BYTES))
        if not all_finite(actual, tensor.dtype):
            source = read_rows(self.file, self.part.source.tensor, rows)
            origin = "" if all_finite(source, self.part.source.tensor.dtype) else ", in its source already"
            self.fail(f"has NaN or infinite values{origin}")
        elif self.checksums.get((tensor.name, rows.start)) != checksum(actual) and not self.is_correct(actual, rows):
            self.fail("is not the base's weight with the update added once")
        elif self.update is not None:
            self.compare_samples(actual, rows)
        self.proof.count(merged=actual.size)
        return count

    def is_correct(self, actual: NDArray[Any], rows: slice) -> bool:
        """Return whether computing the values again gives the same bits, or values within the bounds."""
        expected = compute_rows(self.file, self.part, self.update, rows, self.round_trip)
        return same_bits(actual, expected) or self.within_bounds(self.source_rows(rows), actual, rows)

    def compare_samples(self, actual: NDArray[Any], rows: slice) -> None:
        """Compare some values of a block with arithmetic in fp64."""
        middle, step = len(actual) // 2, max(1, actual.shape[1] // SAMPLE_COLUMNS)
        sample_rows = slice(rows.start + middle, min(rows.stop, rows.start + middle + SAMPLE_ROWS))
        columns = slice(rows.start % step, None, step)
        weights = self.source_rows(sample_rows)
        samples = actual[middle : middle + SAMPLE_ROWS]
        if not self.within_bounds(weights, samples, sample_rows, columns):
            self.fail("is not the base's weight with the update added once, by samples in fp64")
        self.proof.count(sampled=samples[:, columns].size)

    def source_rows(self, rows: slice) -> Float32:
        """Read some rows of the source in fp32, after their NF4 round trip if they take it."""
        tensor = self.part.source.tensor
        stored = read_rows(self.file, tensor, rows)
        if self.round_trip:
            return self.round_trip.apply(stored, rows.start * tensor.shape[1], tensor.dtype)
        return stored.astype(np.float32)

    def within_bounds(self, weights: Float32, actual: NDArray[Any], rows: slice, columns: slice = ALL_COLUMNS) -> bool:
        """Return whether values lie within the bounds computed in fp64; without an update only the bits count."""
        if self.update is None:
            return False
        low, high = self.update.bounds(weights, rows, columns, self.part.tensor.dtype)
        values = actual[:, columns].astype(np.float32)
        return bool(((low.astype(np.float32) <= values) & (values <= high.astype(np.float32))).all())


def check_merged_model(plan: Plan, companions: dict[str, bytes], folder: Path, proof: Proof) -> MergeProof:
    """Check the files of the whole model; raises MergeFailed with their differences and those of the shards."""
    problems = list(companion_differences(companions, folder))
    problems += [Problem(name, difference) for name, difference in sorted(proof.problems.items())] or [
        *index_differences(plan, folder)
    ]
    written, expected = plan.bytes, sum(shard.bytes for shard in plan.base.shards)
    if abs(written - expected) > SIZE_TOLERANCE * expected and not (plan.resized or plan.untied):
        problems.append(Problem("size", f"is {written:,} bytes; the base has {expected:,}"))
    if problems:
        raise MergeFailed(
            f"The merged model did not pass its checks: {len(problems)} problem(s).",
            problems=problems,
            next_step="Create the job again; if it fails the same way, choose another checkpoint.",
        )
    return MergeProof(
        merged_values=proof.merged_values,
        sampled_values=proof.sampled_values,
        identical_bytes=proof.identical_bytes,
        size_ratio=written / expected,
    )


def companion_differences(companions: dict[str, bytes], folder: Path) -> Iterator[Problem]:
    """Yield config, tokenizer and chat template files that are missing or differ from what was written."""
    for name, body in companions.items():
        if not (folder / name).is_file():
            yield Problem(name, "is missing")
        elif (folder / name).read_bytes() != body:
            yield Problem(name, "is not what was written")


def index_differences(plan: Plan, folder: Path) -> Iterator[Problem]:
    """Yield tensors that a loader does not find where the index says, and files of another size."""
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
            yield Problem(INDEX, f"states {total:,} bytes; the tensors have {tensors:,}")
