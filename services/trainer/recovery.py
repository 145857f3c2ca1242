"""Train to the end in spite of failures: start again what died or hung, change what ran out of memory as decided."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from scriptorium.contracts import Level
from scriptorium.errors import DiskFull, OutOfMemory, SystemFailure, TrainingKilled, TrainingStalled
from scriptorium.jobs.reporter import Reporter
from scriptorium.recipe import ResolvedTraining
from scriptorium.settings import get_settings
from services.trainer.failures.remedies import ask_about_disk, ask_about_memory
from services.trainer.run.resume import begin_anew, fits_rank, is_finished, newest_step, rewind

Start = Callable[[ResolvedTraining], None]


def train_to_end(
    start: Start, training: ResolvedTraining, folder: Path, longest: int, reporter: Reporter
) -> ResolvedTraining:
    """Call `start` until the training in `folder` is finished; return the options that it was finished with.

    Whatever fails twice without a new checkpoint in between is raised; so is what `start` raises otherwise. `longest`
    is the longest row, in tokens.
    """
    restarted_at: int | None = None
    while True:
        if not fits_rank(folder, training.lora_r):
            begin_anew(folder)
        if is_finished(folder):
            return training
        try:
            start(training)
            return training
        except OutOfMemory as error:
            rewind(folder)
            training = ask_about_memory(error, training, longest, reporter)
        except (DiskFull, TrainingKilled, TrainingStalled) as error:
            rewind(folder)
            step = newest_step(folder)
            if step == restarted_at:
                raise
            restarted_at = step
            if isinstance(error, DiskFull):
                ask_about_disk(error, folder, get_settings().min_free_bytes, reporter)
            report_restart(error, step, reporter)


def report_restart(error: SystemFailure, step: int, reporter: Reporter) -> None:
    """Report that training is started again, and from where."""
    place = f"from checkpoint-{step}" if step else "from the beginning"
    reporter.message(f"[TRAIN] {error.message} It is started again {place}.", Level.WARN, code=error.code)
