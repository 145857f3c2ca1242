"""Prove a merged model before it is published, by reading back what was written.

Every value is checked: untouched tensors have the base's bits, and each merged value is what one addition of the
update, recomputed here, rounds to. A target that was skipped, merged twice or written at a wrong place cannot pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from scriptorium.errors import MergeFailed, Problem
from scriptorium.report import Report
from services.merger.adapter import Adapter, LowRank
from services.merger.base import Base
from services.merger.tensors import (
    BrokenTensorFile,
    Float32,
    Tensor,
    TensorFile,
    pieces,
    read_layout,
    read_rows,
    round_to,
    row_blocks,
)

ROUNDOFF = 2.0**-24  # fp32's unit roundoff


def verify(base: Base, adapter: Adapter, companions: dict[str, bytes], folder: Path, report: Report) -> None:
    """Compare a merged folder with its base, adapter and companions; raises MergeFailed with every difference."""
    problems = list(companion_differences(companions, folder))
    for shard in base.shards:
        problems += shard_differences(shard, adapter, folder / shard.path.name, report)
    if problems:
        raise MergeFailed(
            f"The merged model did not pass its checks: {len(problems)} problem(s).",
            problems=problems,
            next_step="Create the job again; if it fails alike, choose another checkpoint.",
        )


def companion_differences(companions: dict[str, bytes], folder: Path) -> Iterator[Problem]:
    """Config, tokenizer and chat template that are missing or not as they were meant to be."""
    for name, body in companions.items():
        if not (folder / name).is_file():
            yield Problem(name, "is missing")
        elif (folder / name).read_bytes() != body:
            yield Problem(name, "is not what was written")


def shard_differences(shard: TensorFile, adapter: Adapter, path: Path, report: Report) -> list[Problem]:
    """What is wrong with one written shard."""
    try:
        written = read_layout(path)
        problems = list(layout_differences(shard, written))
        if not problems:
            problems = list(value_differences(shard, path, adapter, report))
    except BrokenTensorFile as error:
        problems = [Problem(path.name, str(error))]
    return problems


def layout_differences(shard: TensorFile, written: TensorFile) -> Iterator[Problem]:
    """Tensors that are missing, too many, of another type or shape, or at another place."""
    for name, tensor in shard.tensors.items():
        found = written.tensors.get(name)
        if found is None:
            yield Problem(name, "is missing")
        elif found != tensor:
            yield Problem(name, f"is {found} at byte {found.start} instead of {tensor} at byte {tensor.start}")
    for name in written.tensors.keys() - shard.tensors.keys():
        yield Problem(name, "is not in the base")


def value_differences(shard: TensorFile, path: Path, adapter: Adapter, report: Report) -> Iterator[Problem]:
    """Tensors with a wrong value, in two files of the same layout; raises Stopped."""
    with shard.path.open("rb") as source, path.open("rb") as result:
        for name, tensor in shard.tensors.items():
            if name in adapter.updates:
                difference = merged_difference(source, result, tensor, adapter.load(name), report)
            else:
                difference = copied_difference(source, result, tensor, report)
            if difference is not None:
                yield Problem(name, difference)


def copied_difference(source: BinaryIO, result: BinaryIO, tensor: Tensor, report: Report) -> str | None:
    """Whether an untouched tensor's bytes changed."""
    both = zip(pieces(source, tensor.start, tensor.bytes), pieces(result, tensor.start, tensor.bytes), strict=True)
    for expected, found in both:
        report.check()
        if expected != found:
            return "differs from the base although the adapter leaves it alone"
    return None


def merged_difference(
    source: BinaryIO, result: BinaryIO, tensor: Tensor, update: LowRank, report: Report
) -> str | None:
    """Whether a merged tensor has values that are not finite, or not the base's plus the update once."""
    for rows in row_blocks(tensor):
        report.check()
        found = read_rows(result, tensor, rows).astype(np.float32)
        if not np.isfinite(found).all():
            return "has NaN or infinite values"
        weights = read_rows(source, tensor, rows).astype(np.float32)
        low, high = bounds(weights, update, rows, tensor.dtype)
        if not ((low <= found) & (found <= high)).all():
            return "is not the base's weight with the update added once"
    return None


def bounds(weights: Float32, update: LowRank, rows: slice, dtype: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """The smallest and largest stored value that fp32 arithmetic, in whatever order it adds up, may round to.

    Two sums of r products differ by at most 2 (r + 2) u times the sum of their absolute values (Higham, Accuracy and
    Stability of Numerical Algorithms, section 3.1), and that sum is at most the product of the norms of B's row and A's
    column.
    """
    exact = update.added_to(weights, rows)
    norms = np.outer(np.linalg.norm(update.b[rows], axis=1), np.linalg.norm(update.a, axis=0))
    rank = update.a.shape[0]
    slack = np.float32(2 * (rank + 2) * ROUNDOFF) * (np.abs(weights) + np.float32(abs(update.scale)) * norms)
    low, high = round_to(exact - slack, dtype), round_to(exact + slack, dtype)
    return low.astype(np.float32), high.astype(np.float32)
