"""Checkpoints on disk: which are whole, and how a new attempt takes over those of the one before."""

from __future__ import annotations

import json
import os
from pathlib import Path

from scriptorium import manifest
from scriptorium.contracts import Checkpoint
from services.trainer.metrics import METRICS, read_metrics

FOLDER = "checkpoints"


def whole_checkpoints(folder: Path) -> list[tuple[Checkpoint, Path]]:
    """The checkpoints below a training folder that have a manifest and every file of it, oldest first."""
    found = [(read_checkpoint(path), path) for path in (folder / FOLDER).glob("checkpoint-*") if manifest.whole(path)]
    return sorted(found, key=lambda item: item[0].step)


def read_checkpoint(path: Path) -> Checkpoint:
    """A checkpoint as its manifest describes it."""
    body = manifest.read(path) or {}
    return Checkpoint(
        step=body["step"], created_at=body["created_at"], train_loss=body["train_loss"], dev_loss=body["dev_loss"]
    )


def best_checkpoint(checkpoints: list[Checkpoint]) -> Checkpoint:
    """The one with the lowest dev loss; the earlier of equals; the last where none was measured."""
    measured = [checkpoint for checkpoint in checkpoints if checkpoint.dev_loss is not None]
    return min(measured, key=lambda c: (c.dev_loss or 0.0, c.step)) if measured else checkpoints[-1]


def hand_on(earlier: list[Path], folder: Path) -> None:
    """Link the whole checkpoints of the attempt that got furthest, and the metrics up to there, into `folder`.

    Links, not moves: an attempt that only seemed dead keeps its own files, and no checkpoint is written twice.
    """
    reached = [(found[-1][0].step, attempt) for attempt in earlier if (found := whole_checkpoints(attempt))]
    if not reached:
        return
    last, source = max(reached, key=lambda item: item[0])
    for _, path in whole_checkpoints(source):
        _link(path, folder / FOLDER / path.name)
    lines = [line for line in read_metrics(source / METRICS) if line["step"] <= last]
    (folder / METRICS).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def _link(source: Path, target: Path) -> None:
    """Link a folder's files; the manifest comes last."""
    files = [path for path in source.rglob("*") if path.is_file()]
    for path in sorted(files, key=lambda path: path.name == manifest.NAME):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, copy)
