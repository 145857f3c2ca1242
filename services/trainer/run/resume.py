"""Resuming a training: a new attempt takes over an earlier one's checkpoints, a new start those of its own folder."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoint_samples import FOLDER as SAMPLES_FOLDER
from scriptorium.artifacts.checkpoint_samples import TEXTS, append_samples, read_samples
from scriptorium.artifacts.checkpoints import FOLDER, checkpoint_folder, complete_checkpoints
from scriptorium.artifacts.training_log import (
    CONTROL,
    TENSORBOARD_FOLDER,
    TRAINING_LOG,
    append_to_log,
    read_training_log,
)

DRAFTS = "drafts"  # the folder of the passages that the base retells, see `services.trainer.drafts`
REPLAY = "replay"  # the folder of the rows that are replayed, see `services.trainer.replay`
BEGUN_ANEW = "begun_anew"  # marks an attempt for which the checkpoints of earlier ones are of no use


def resume_training(earlier: list[Path], folder: Path) -> None:
    """Take the complete checkpoints of the attempt that got furthest, with the metrics and samples up to there.

    Checkpoints are linked, not moved: an attempt that only seemed dead keeps its own files, and no checkpoint is
    written twice. Attempts from before one that began anew do not count. The earlier attempts' event files are removed,
    because TensorBoard would show the same curves twice.
    """
    for attempt in earlier:  # the next attempt writes these curves anew
        shutil.rmtree(attempt / TENSORBOARD_FOLDER, ignore_errors=True)
    beginnings = [number for number, attempt in enumerate(earlier) if (attempt / BEGUN_ANEW).exists()]
    usable = earlier[max(beginnings, default=0) :]
    take_drafts(usable, folder)
    resumable = [(saved[-1].step, attempt) for attempt in usable if (saved := complete_checkpoints(attempt))]
    if not resumable:
        return
    last, source = max(resumable, key=lambda pair: pair[0])
    for checkpoint in complete_checkpoints(source):
        _link(checkpoint_folder(source, checkpoint.step), checkpoint_folder(folder, checkpoint.step))
    lines = [line for line in read_training_log(source / TRAINING_LOG) if line["step"] <= last]
    append_to_log(folder / TRAINING_LOG, lines)
    append_samples(folder, [sample for sample in read_samples(source) if sample.step <= last])
    if (source / REPLAY).exists():  # the same rows, whatever the base would answer now
        shutil.copytree(source / REPLAY, folder / REPLAY)


def take_drafts(attempts: list[Path], folder: Path) -> None:
    """Take over the passages that the base retold in the last attempt that has any, also without a checkpoint."""
    drafted = [attempt / DRAFTS for attempt in attempts if (attempt / DRAFTS).exists()]
    if drafted:
        shutil.copytree(drafted[-1], folder / DRAFTS)


def newest_step(folder: Path) -> int:
    """Return the step of the newest complete checkpoint, 0 if there is none."""
    return max((checkpoint.step for checkpoint in complete_checkpoints(folder)), default=0)


def is_finished(folder: Path) -> bool:
    """Return whether the newest complete checkpoint is the last of its run, which may have been stopped early."""
    lines, step = read_training_log(folder / TRAINING_LOG), newest_step(folder)
    if not lines or not step:
        return False
    stopped = any(line.get("reason") == "early_stop" and line["step"] == step for line in lines)
    return stopped or step >= lines[-1]["max_steps"]


def rewind(folder: Path) -> None:
    """Take an ended start's folder back to its newest complete checkpoint, for another start."""
    last = newest_step(folder)
    (folder / CONTROL).unlink(missing_ok=True)
    for path in (folder / FOLDER).glob("checkpoint-*"):
        if not manifest.is_complete(path):
            shutil.rmtree(path)
    lines = [line for line in read_training_log(folder / TRAINING_LOG) if 0 < line["step"] <= last]
    manifest.replace_file(folder / TRAINING_LOG, "".join(json.dumps(line) + "\n" for line in lines))
    samples = [sample for sample in read_samples(folder) if sample.step <= last]
    (folder / SAMPLES_FOLDER / TEXTS).unlink(missing_ok=True)
    append_samples(folder, samples)


def begin_anew(folder: Path) -> None:
    """Drop the checkpoints of a folder and what was logged, for this attempt and all that resume it."""
    (folder / BEGUN_ANEW).touch()
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    (folder / TRAINING_LOG).unlink(missing_ok=True)
    (folder / SAMPLES_FOLDER / TEXTS).unlink(missing_ok=True)


def fits_rank(folder: Path, rank: int) -> bool:
    """Return whether the newest complete checkpoint, if there is one, has an adapter of this rank."""
    path = checkpoint_folder(folder, newest_step(folder)) / "adapter_config.json"
    return not path.exists() or json.loads(path.read_text("utf-8"))["r"] == rank


def _link(source: Path, target: Path) -> None:
    """Link a folder's files, the manifest last."""
    files = [path for path in source.rglob("*") if path.is_file()]
    for path in sorted(files, key=lambda path: path.name == manifest.NAME):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, copy)
