"""Watch a training from its start to its end: report its lines, raise alarms, and stop what must not go on.

A training must not go on if the phase is to stop, if its loss has diverged, if it is finished and does not exit
(threads of a tracker or a tokenizer hang), or if it makes no progress for very long.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from scriptorium.artifacts.checkpoints import best_checkpoint, checkpoint_folder, complete_checkpoints
from scriptorium.artifacts.training_log import TRAINING_LOG, TrainingLogTail, read_training_log
from scriptorium.contracts import Level
from scriptorium.errors import Interrupted, TrainingDiverged, TrainingStalled
from scriptorium.jobs.reporter import Reporter
from scriptorium.process.child import Child
from scriptorium.recipe import ResolvedTraining
from scriptorium.settings import get_settings
from services.trainer.failures.explain import Ending, count_kernel_kills, describe_settings, explain_failure
from services.trainer.run.alarms import Divergence, TrainingAlarms
from services.trainer.run.progress import TrainingProgress
from services.trainer.run.resume import is_finished
from services.trainer.run.save_and_stop import request_stop, save_and_stop

POLL_INTERVAL = timedelta(seconds=0.5)
SAVED_GRACE = 5  # times the settings' `exit_grace`


def watch_training(
    start: Callable[[], Child],
    folder: Path,
    training: ResolvedTraining,
    reporter: Reporter,
    planned_speed: float | None = None,
) -> None:
    """Start a training and report its progress until it ends; leaves none of its processes behind.

    The log is looked at before the start: what is in it then is of earlier attempts. `planned_speed` is in trained
    tokens per second. Raises what `reporter.check` raises, TrainingStalled, TrainingDiverged, or the error that
    explains why the training ended before its last step.
    """
    log, kills = folder / TRAINING_LOG, count_kernel_kills()
    earlier = read_training_log(log)
    progress, lines = TrainingProgress(reporter, earlier), TrainingLogTail(log)
    alarms = TrainingAlarms(reporter, training, earlier, planned_speed)
    silence = Silence()
    child = start()
    try:
        while child.wait(POLL_INTERVAL) is None:
            if report_new(lines, progress, alarms):
                silence = Silence()
            if alarms.divergence:
                request_stop(folder, "stop")
            if must_end(folder, silence, ended=bool(progress.ending or alarms.divergence)):
                reporter.message("[TRAIN] Training is finished but does not exit; its process is ended.", Level.WARN)
                break
            reporter.check()
    except Interrupted:
        save_and_stop(child, folder, reporter)
        report_new(lines, progress, alarms)  # the checkpoint that was just saved
        raise
    finally:
        child.stop(grace=timedelta(seconds=1))
    report_new(lines, progress, alarms)
    if alarms.divergence:
        keep_checkpoints_before(folder, alarms.divergence, training, reporter)
    elif not is_finished(folder):
        ending = Ending(
            child.log,
            child.log_start,
            child.returncode,
            progress.step,
            begun=progress.begun,
            kernel_kills=count_kernel_kills() - kills,
        )
        raise explain_failure(ending, training, gpu=get_settings().gpu)


class Silence:
    """The time since something was last heard."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def exceeds(self, limit: timedelta) -> bool:
        """Return whether it has lasted longer than `limit`."""
        return time.monotonic() - self._began > limit.total_seconds()


def report_new(lines: TrainingLogTail, progress: TrainingProgress, alarms: TrainingAlarms) -> bool:
    """Report the lines that are new since the last call; return whether there were any."""
    new = list(lines.read())
    for line in new:
        progress.report(line)
        alarms.observe(line)
    return bool(new)


def must_end(folder: Path, silence: Silence, *, ended: bool) -> bool:
    """Return whether a training is over and hangs; `ended` if it said so or was asked to. Raises TrainingStalled.

    One that has only saved its last checkpoint gets more time: a tracker may still be uploading.
    """
    settings = get_settings()
    if silence.exceeds(settings.exit_grace) and ended:
        return True
    if silence.exceeds(min(SAVED_GRACE * settings.exit_grace, settings.stall_timeout)) and is_finished(folder):
        return True
    if silence.exceeds(settings.stall_timeout):
        raise TrainingStalled(f"Training made no progress for {settings.stall_timeout}.")
    return False


def keep_checkpoints_before(
    folder: Path, divergence: Divergence, training: ResolvedTraining, reporter: Reporter
) -> None:
    """Delete the checkpoints of a diverged training, and report the best one from before.

    Raises TrainingDiverged if no checkpoint from before is known to be good.
    """
    reason = f"{divergence.reason} ({describe_settings(training)}, learning rate {training.learning_rate:g})"
    for checkpoint in complete_checkpoints(folder):
        if checkpoint.step >= divergence.step:
            shutil.rmtree(checkpoint_folder(folder, checkpoint.step))
    checkpoints = complete_checkpoints(folder)
    best = best_checkpoint(checkpoints) if checkpoints else None
    if best is None or best.dev_loss is None:
        raise TrainingDiverged(f"{reason}.")
    reporter.message(f"[TRAIN] {reason}; checkpoint-{best.step} is from before.", Level.WARN)
