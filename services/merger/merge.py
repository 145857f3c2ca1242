"""Merge a LoRA adapter into its base, streamed from disk to disk, and prove the result.

    merge_adapter(MergeRequest(base=..., training=...), folder, ConsoleReporter())

Each shard keeps the base's header if no shape changes, so every tensor keeps its place. Targets are computed in fp32
in blocks of rows and rounded to their stored type; the kernel copies all other bytes. Memory use does not grow with the
model, a shard or a tensor. A shard that is written and proven survives the attempt (see `resume_merge`).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from scriptorium.artifacts.checkpoints import SCALED_ADAPTER, checkpoint_folder
from scriptorium.artifacts.volume import disk_errors
from scriptorium.contracts import Checkpoint, Level, MergeProof, MergeRequest, MergeResult
from scriptorium.errors import BaseModelUnusable, DiskFull
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.scaled_adapter import ADAPTER_WEIGHTS, write_scaled_copy
from scriptorium.models.tensor_files import BrokenTensorFile
from services.merger.blas import one_thread
from services.merger.exporting.export import export_all
from services.merger.inputs.adapter import read_adapter
from services.merger.inputs.base import open_base
from services.merger.inputs.hashes import check_base, check_checkpoint
from services.merger.planning.choose_base import choose_base
from services.merger.planning.plan import Plan, make_plan
from services.merger.planning.select_checkpoint import describe_losses, select_checkpoint
from services.merger.shards import Merge
from services.merger.verify import check_merged_model
from services.merger.writing.companion_files import count_tokens, read_companions
from services.merger.writing.resume import remove_records


def free_bytes(folder: Path) -> int:
    """Return how many bytes can still be written to the folder's disk."""
    return shutil.disk_usage(folder).free


def merge_adapter(
    request: MergeRequest, folder: Path, reporter: Reporter, free: Callable[[Path], int] = free_bytes
) -> MergeResult:
    """Merge the chosen checkpoint into the base and prove the result.

    Raises MergeFailed (checkpoint, adapter, tokenizer, or a merged model that did not pass its checks),
    BaseModelUnusable and DiskFull.
    """
    started = time.monotonic()
    checkpoint = select_checkpoint(request.training, request.checkpoint, reporter, request.select)
    reporter.message(f"[MERGE] Checkpoint {checkpoint.step} selected ({describe_losses(checkpoint)})")
    chosen = checkpoint_folder(request.training, checkpoint.step)
    hashes = check_checkpoint(chosen)
    base = open_base(request.base)
    quantised, losses = choose_base(base, request.training, checkpoint.step, reporter)
    plan = make_plan(base, replace(read_adapter(chosen, request.strength), quantised=quantised))
    companions = read_companions(plan, chosen, request.temperature)
    report_vocabulary(plan, count_tokens(companions), reporter)
    reporter.check()
    hashed_shards = check_base(base, request.base_hashes)
    merge = Merge(plan, companions, folder, hashes.get(ADAPTER_WEIGHTS, ""), reporter)
    check_space(merge.missing_bytes, free(folder))
    scaled = "" if request.strength == 1 else f" at strength {request.strength:g}"
    reporter.message(f"[MERGE] Merging adapter with base model{scaled}...")
    with one_thread(), disk_errors(), broken_file_errors():
        proof = check_merged_model(plan, companions, folder, merge.run())
    if request.strength != 1:
        shutil.rmtree(folder / SCALED_ADAPTER, ignore_errors=True)  # of an earlier attempt
        write_scaled_copy(chosen, request.strength, folder / SCALED_ADAPTER)
    exports = export_all(request.exports, folder, reporter, free(folder))
    remove_records(folder)
    updates = {
        "strength": request.strength,
        "temperature": request.temperature,
        "hashed_shards": hashed_shards,
        "exports": exports,
        "base_losses": losses,
        "base": "nf4" if quantised else "stored",
    }
    result = report_result(merge, checkpoint, proof)
    return result.model_copy(update={**updates, "seconds": time.monotonic() - started})


def report_result(merge: Merge, checkpoint: Checkpoint, proof: MergeProof) -> MergeResult:
    """Report what was merged in one line, and return it in numbers."""
    parts = merge.plan.parts
    merged = sum(part.source.update is not None for part in parts)
    saved = sum(part.source.update is None and part.source.path == merge.plan.adapter.path for part in parts)
    copied = len(parts) - merged - saved
    replaced = f", {saved} replaced" if saved else ""
    merge.reporter.message(
        f"[MERGE] Model saved: {merge.bytes / 1e9:.2f} GB, {merged} tensors merged{replaced}, {copied} copied"
    )
    return MergeResult(
        step=checkpoint.step,
        dev_loss=checkpoint.dev_loss,
        selectivity=checkpoint.selectivity,
        merged_tensors=merged,
        copied_tensors=copied,
        saved_tensors=saved,
        bytes=merge.bytes,
        seconds=0.0,
        resumed_shards=len(merge.resumed),
        vocabulary=merge.plan.rows,
        tokens=count_tokens(merge.companions),
        proof=proof,
    )


def report_vocabulary(plan: Plan, tokens: int, reporter: Reporter) -> None:
    """Report embeddings that differ from the base's in size or tying, or have rows that no token uses."""
    before = plan.base.embeddings.shape[0]
    if plan.resized:
        reporter.message(
            f"[MERGE] The vocabulary was resized: {before:,} rows in the base, {plan.rows:,} now", Level.WARN
        )
    if plan.untied:
        reporter.message(
            "[MERGE] Input and output embeddings were trained separately: they are no longer tied", Level.WARN
        )
    if tokens < plan.rows:
        reporter.message(f"[MERGE] The tokenizer uses {tokens:,} of {plan.rows:,} rows of the embeddings")


def check_space(needed: int, free: int) -> None:
    """Raise DiskFull if the volume lacks the space; called before anything is written."""
    if free < needed:
        raise DiskFull(f"Merging needs {needed:,} bytes on the volume; {free:,} are free.")


@contextmanager
def broken_file_errors() -> Iterator[None]:
    """Turn BrokenTensorFile, for a file that is truncated while it is read, into BaseModelUnusable."""
    try:
        yield
    except BrokenTensorFile as error:
        raise BaseModelUnusable(f"A file changed while it was read: {error}") from error
