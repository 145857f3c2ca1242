"""Resuming a training: a new attempt takes over the checkpoints of an earlier one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoint_samples import append_samples, read_samples
from scriptorium.artifacts.checkpoints import checkpoint_folder, complete_checkpoints
from scriptorium.artifacts.training_log import TENSORBOARD_FOLDER, TRAINING_LOG, append_to_log, read_training_log


def resume_training(earlier: list[Path], folder: Path) -> None:
    """Take the complete checkpoints of the attempt that got furthest, with the metrics and samples up to there.

    Checkpoints are linked, not moved: an attempt that only seemed dead keeps its own files, and no checkpoint is
    written twice. The earlier attempts' event files are removed, because TensorBoard would show the same curves twice.
    """
    for attempt in earlier:  # the next attempt writes these curves anew
        shutil.rmtree(attempt / TENSORBOARD_FOLDER, ignore_errors=True)
    resumable = [(saved[-1].step, attempt) for attempt in earlier if (saved := complete_checkpoints(attempt))]
    if not resumable:
        return
    last, source = max(resumable, key=lambda pair: pair[0])
    for checkpoint in complete_checkpoints(source):
        _link(checkpoint_folder(source, checkpoint.step), checkpoint_folder(folder, checkpoint.step))
    lines = [line for line in read_training_log(source / TRAINING_LOG) if line["step"] <= last]
    append_to_log(folder / TRAINING_LOG, lines)
    append_samples(folder, [sample for sample in read_samples(source) if sample.step <= last])


def _link(source: Path, target: Path) -> None:
    """Link a folder's files, the manifest last."""
    files = [path for path in source.rglob("*") if path.is_file()]
    for path in sorted(files, key=lambda path: path.name == manifest.NAME):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, copy)
