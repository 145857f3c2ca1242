"""Merge a LoRA adapter into its base: W + scale * (B @ A), tensor by tensor, streamed from disk to disk.

    merge_adapter(MergeRequest(base=..., training=...), folder, ConsoleReport())

Each shard is written with the base's own header, so untouched tensors keep their bytes and their place. Targets are
computed in fp32 in blocks of rows and rounded to their stored type. Memory grows with neither the model nor the shard.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from scriptorium.checkpoints import checkpoint_folder
from scriptorium.contracts import Checkpoint, MergeRequest, MergeResult
from scriptorium.errors import BaseModelUnusable, DiskFull, MergeFailed, Problem
from scriptorium.report import Report
from scriptorium.volume import disk_errors
from services.merger.adapter import Adapter, LowRank, read_adapter
from services.merger.base import Base, open_base
from services.merger.companions import read_companions
from services.merger.select import select_checkpoint
from services.merger.tensors import (
    FLOATS,
    BrokenTensorFile,
    Tensor,
    TensorFile,
    pieces,
    read_rows,
    round_to,
    row_blocks,
)
from services.merger.verify import verify

EVERY = 2.0  # seconds between two lines of progress


def free_bytes(folder: Path) -> int:
    """Bytes that may still be written to the folder's disk."""
    return shutil.disk_usage(folder).free


def merge_adapter(
    request: MergeRequest, folder: Path, report: Report, free: Callable[[Path], int] = free_bytes
) -> MergeResult:
    """Merge the chosen checkpoint into the base and prove the result.

    Raises MergeFailed (checkpoint, adapter, tokenizer, or a merged model that did not pass its checks),
    BaseModelUnusable and DiskFull.
    """
    started = time.monotonic()
    checkpoint = select_checkpoint(request.training, request.checkpoint)
    report.message(f"[MERGE] Checkpoint {describe(checkpoint)}")
    chosen = checkpoint_folder(request.training, checkpoint.step)
    base, adapter = open_base(request.base), read_adapter(chosen)
    check_fit(base, adapter)
    companions = read_companions(base, chosen)
    size = sum(shard.bytes for shard in base.shards) + sum(map(len, companions.values()))
    check_space(size, free(folder))
    report.message("[MERGE] Merging adapter with base model...")
    write_model(base, adapter, companions, folder, report)
    report.message("[MERGE] Checking the merged model...")
    verify(base, adapter, companions, folder, report)
    merged, copied = len(adapter.updates), len(base.tensors) - len(adapter.updates)
    report.message(f"[MERGE] Model saved: {size / 1e9:.2f} GB, {merged} tensors merged, {copied} copied")
    return MergeResult(
        step=checkpoint.step,
        dev_loss=checkpoint.dev_loss,
        merged_tensors=merged,
        copied_tensors=copied,
        bytes=size,
        seconds=time.monotonic() - started,
    )


def describe(checkpoint: Checkpoint) -> str:
    """The checkpoint's step and loss for a person."""
    loss = "not measured" if checkpoint.dev_loss is None else f"{checkpoint.dev_loss:.4f}"
    return f"{checkpoint.step} selected (dev loss {loss})"


def check_fit(base: Base, adapter: Adapter) -> None:
    """Compare names, shapes and types of all targets with the base; raises MergeFailed with every mismatch."""
    problems = [
        Problem(target, mismatch)
        for target, update in adapter.updates.items()
        if (mismatch := misfit(base, target, update.shape)) is not None
    ]
    if problems:
        raise MergeFailed(
            f"The adapter does not fit the base {base.folder.name}: {len(problems)} problem(s).",
            problems=problems,
            next_step="Merge with the base that the adapter was trained on.",
        )


def misfit(base: Base, target: str, shape: tuple[int, int]) -> str | None:
    """Why an update cannot be added to a weight of the base, or None."""
    weight = base.tensors.get(target)
    if base.tied and target.endswith("lm_head.weight"):
        return "shares its values with the embeddings (tie_word_embeddings), which a merge would change, too"
    if weight is None:
        return "is not in the base"
    if weight.shape != shape:
        return f"has the shape {list(weight.shape)}, the adapter's update {list(shape)}"
    if weight.dtype not in FLOATS:
        return f"is stored as {weight.dtype}; only {', '.join(FLOATS)} can be merged"
    return None


def check_space(needed: int, free: int) -> None:
    """Raise DiskFull before anything is written."""
    if free < needed:
        raise DiskFull(f"Merging needs {needed:,} bytes on the volume; {free:,} are free.")


def write_model(base: Base, adapter: Adapter, companions: dict[str, bytes], folder: Path, report: Report) -> None:
    """Write shards and companions; raises DiskFull, and BaseModelUnusable where a shard is cut while it is read."""
    progress = Progress(report, sum(shard.bytes for shard in base.shards))
    with disk_errors():
        for shard in base.shards:
            try:
                write_shard(shard, adapter, folder / shard.path.name, progress)
            except BrokenTensorFile as error:
                raise BaseModelUnusable(f"The base changed while it was read: {error}") from error
        for name, body in companions.items():
            (folder / name).write_bytes(body)


def write_shard(shard: TensorFile, adapter: Adapter, target: Path, progress: Progress) -> None:
    """Write one shard: header and untouched tensors byte for byte, the others merged."""
    with shard.path.open("rb") as source, target.open("xb") as sink:
        copy(source, sink, 0, shard.header_bytes, progress)
        for tensor in shard.tensors.values():
            if tensor.name in adapter.updates:
                merge_tensor(source, sink, tensor, adapter.load(tensor.name), progress)
            else:
                copy(source, sink, tensor.start, tensor.bytes, progress)


def copy(source: BinaryIO, sink: BinaryIO, start: int, count: int, progress: Progress) -> None:
    """Copy bytes as they are."""
    for piece in pieces(source, start, count):
        sink.write(piece)
        progress.advance(len(piece))


def merge_tensor(source: BinaryIO, sink: BinaryIO, tensor: Tensor, update: LowRank, progress: Progress) -> None:
    """Merge one weight, a block of rows at a time."""
    for rows in row_blocks(tensor):
        weights = read_rows(source, tensor, rows).astype(np.float32)
        merged = round_to(update.added_to(weights, rows), tensor.dtype)
        sink.write(merged.tobytes())
        progress.advance(merged.nbytes)


class Progress:
    """Says how far the merge is, every few seconds, and stops it when asked to."""

    def __init__(self, report: Report, total: int, every: float = EVERY) -> None:
        self.report = report
        self.total = total
        self.every = every
        self.written = 0
        self.said = time.monotonic()

    def advance(self, count: int) -> None:
        """Count bytes that were written; raises Stopped."""
        self.report.check()
        self.written += count
        if time.monotonic() - self.said >= self.every:
            percent = 100 * self.written // self.total
            self.report.message(f"[MERGE] {percent} % written", percent=percent)
            self.said = time.monotonic()
