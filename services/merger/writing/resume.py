"""Resuming a merge: a new attempt takes over the shards that the previous one had finished.

A finished shard has a small record in finished/, written after its bytes are durable and proven. The record says what
the shard was made from; the new attempt proves the shard again instead of writing it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

from scriptorium.artifacts import manifest
from services.merger.planning.plan import Plan, Shard

FINISHED = "finished"
UNFINISHED = ".part"


def resume_merge(earlier: list[Path], folder: Path) -> None:
    """Link the finished shards of earlier attempts into `folder`, and remove the half-written ones.

    They are linked, not moved: an attempt that only seemed dead keeps its own files, and never writes into a finished
    one.
    """
    for attempt in reversed(earlier):
        for record in sorted((attempt / FINISHED).glob("*.json")):
            shard = attempt / record.stem
            if shard.is_file() and not (folder / shard.name).exists():
                (folder / FINISHED).mkdir(exist_ok=True)
                os.link(shard, folder / shard.name)
                os.link(record, folder / FINISHED / record.name)
        for path in attempt.glob(f"*{UNFINISHED}"):
            path.unlink(missing_ok=True)


def make_fingerprint(plan: Plan, shard: Shard, adapter_hash: str) -> dict[str, object]:
    """Return what decides a shard's bytes: adapter and strength, header, kind of base, its size and mtime."""
    file = (plan.base.folder / shard.name).stat()
    header = hashlib.sha256(shard.header).hexdigest()
    kind = "nf4" if plan.adapter.quantised else "stored"
    base = {"base": kind, "base_bytes": file.st_size, "base_changed": file.st_mtime_ns}
    return {"adapter": adapter_hash, "strength": plan.adapter.strength, "header": header, **base}


def write_record(folder: Path, shard: Shard, fingerprint: dict[str, object]) -> None:
    """Record durably that a shard is finished."""
    target = folder / FINISHED / f"{shard.name}.json"
    target.parent.mkdir(exist_ok=True)
    temporary = target.with_suffix(".tmp")
    temporary.write_text(json.dumps(fingerprint), encoding="utf-8")
    manifest.sync(temporary)
    temporary.replace(target)
    manifest.sync(target.parent)


def is_finished(folder: Path, shard: Shard, fingerprint: dict[str, object]) -> bool:
    """Return whether an earlier attempt left a shard with this fingerprint; remove one with another."""
    path, record = folder / shard.name, folder / FINISHED / f"{shard.name}.json"
    try:
        if json.loads(record.read_text(encoding="utf-8")) == fingerprint and path.stat().st_size == shard.bytes:
            return True
    except (FileNotFoundError, ValueError):
        pass
    path.unlink(missing_ok=True)
    record.unlink(missing_ok=True)
    return False


def remove_records(folder: Path) -> None:
    """Remove the records of a complete merged model."""
    shutil.rmtree(folder / FINISHED, ignore_errors=True)
