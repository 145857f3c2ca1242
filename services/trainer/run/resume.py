"""How a new attempt at a training takes over the checkpoints of the one before."""

from __future__ import annotations

import json
import os
from pathlib import Path

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoints import checkpoint_folder, whole_checkpoints
from services.trainer.run.metrics_csv import METRICS, read_metrics


def hand_on(earlier: list[Path], folder: Path) -> None:
    """Link the whole checkpoints of the attempt that got furthest, and the metrics up to there, into `folder`.

    Links, not moves: an attempt that only seemed dead keeps its own files, and no checkpoint is written twice.
    """
    reached = [(found[-1].step, attempt) for attempt in earlier if (found := whole_checkpoints(attempt))]
    if not reached:
        return
    last, source = max(reached, key=lambda item: item[0])
    for checkpoint in whole_checkpoints(source):
        _link(checkpoint_folder(source, checkpoint.step), checkpoint_folder(folder, checkpoint.step))
    lines = [line for line in read_metrics(source / METRICS) if line["step"] <= last]
    (folder / METRICS).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def _link(source: Path, target: Path) -> None:
    """Link a folder's files; the manifest comes last."""
    files = [path for path in source.rglob("*") if path.is_file()]
    for path in sorted(files, key=lambda path: path.name == manifest.NAME):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, copy)
