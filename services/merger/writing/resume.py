"""How a new attempt at a merge takes over the shards that the one before had finished.

A finished shard has a small record in finished/, written after its bytes are durable and proven. The record says what
the shard was made from; the new attempt proves the shard once more instead of writing it.
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


def hand_on(earlier: list[Path], folder: Path) -> None:
    """Link the finished shards of earlier attempts into `folder`, and free what was left half-written.

    Links, not moves: an attempt that only seemed dead keeps its own files, and never writes into a finished one.
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


def origin(plan: Plan, shard: Shard, adapter_hash: str) -> dict[str, object]:
    """What decides a shard's bytes: adapter, header, and the base's file by size, time of change and way."""
    file = (plan.base.folder / shard.name).stat()
    header = hashlib.sha256(shard.header).hexdigest()
    way = "nf4" if plan.adapter.quantised else "stored"
    base = {"base": way, "base_bytes": file.st_size, "base_changed": file.st_mtime_ns}
    return {"adapter": adapter_hash, "header": header, **base}


def record(folder: Path, shard: Shard, made_from: dict[str, object]) -> None:
    """Say durably that a shard is finished."""
    target = folder / FINISHED / f"{shard.name}.json"
    target.parent.mkdir(exist_ok=True)
    temporary = target.with_suffix(".tmp")
    temporary.write_text(json.dumps(made_from), encoding="utf-8")
    manifest.sync(temporary)
    temporary.replace(target)
    manifest.sync(target.parent)


def is_finished(folder: Path, shard: Shard, made_from: dict[str, object]) -> bool:
    """Whether an earlier attempt left a shard that was made from the same; one of anything else is removed."""
    path, note = folder / shard.name, folder / FINISHED / f"{shard.name}.json"
    try:
        if json.loads(note.read_text(encoding="utf-8")) == made_from and path.stat().st_size == shard.bytes:
            return True
    except (FileNotFoundError, ValueError):
        pass
    path.unlink(missing_ok=True)
    note.unlink(missing_ok=True)
    return False


def forget(folder: Path) -> None:
    """Remove the records; the merged model is whole."""
    shutil.rmtree(folder / FINISHED, ignore_errors=True)
