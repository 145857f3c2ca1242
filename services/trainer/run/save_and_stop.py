"""Stop a training at its present step, with a checkpoint of it: for a pause, or before a shutdown."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

from scriptorium.artifacts.checkpoints import complete_checkpoints
from scriptorium.artifacts.training_log import CONTROL, TRAINING_LOG, read_training_log
from scriptorium.errors import Interrupted, Paused
from scriptorium.jobs.reporter import Reporter
from scriptorium.process.child import Child
from scriptorium.settings import get_settings

PAUSE_PATIENCE = timedelta(minutes=10)  # an update of many rows takes minutes, and nobody is in a hurry
POLL_INTERVAL = 0.2  # seconds


def save_and_stop(child: Child, folder: Path, reporter: Reporter) -> None:
    """Have the plugin save a checkpoint for the next attempt, and wait for it, at most for `patience`.

    A training that is still loading, or has just saved, has nothing to save and is not waited for.

    Raises what `reporter.check` raises besides Interrupted: a cancel needs no checkpoint.
    """
    if not has_unsaved_steps(folder):
        return
    request_stop(folder, "pause")
    before, started = len(complete_checkpoints(folder)), time.monotonic()
    while child.returncode is None and len(complete_checkpoints(folder)) == before:
        if time.monotonic() - started > patience(reporter).total_seconds():
            return
        time.sleep(POLL_INTERVAL)


def has_unsaved_steps(folder: Path) -> bool:
    """Return whether a training has done steps since its newest checkpoint."""
    step = max((line["step"] for line in read_training_log(folder / TRAINING_LOG) if "loss" in line), default=0)
    checkpoints = complete_checkpoints(folder)
    return bool(step > (checkpoints[-1].step if checkpoints else 0))


def patience(reporter: Reporter) -> timedelta:
    """Return how long the checkpoint may take: a pause waits for a long step, a shutdown only for `stop_grace`."""
    try:
        reporter.check()
    except Paused:
        return PAUSE_PATIENCE
    except Interrupted:
        pass
    return get_settings().stop_grace


def request_stop(folder: Path, how: str) -> None:
    """Ask the plugin to stop: "pause" after it has saved a checkpoint, "stop" without one."""
    (folder / CONTROL).write_text(how, encoding="utf-8")
