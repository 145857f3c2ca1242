"""Stopping a training on request; how trainings end by themselves is in test_trainer_recovery."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from scriptorium.artifacts import manifest
from scriptorium.artifacts.training_log import TRAINING_LOG, append_to_log
from scriptorium.errors import Cancelled, Interrupted, TrainingFailed
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.process.child import Child
from scriptorium.recipe import ResolvedTraining
from services.trainer.run.watch import watch_training

TRAINING = ResolvedTraining()


class SecondCheckReporter(SilentReporter):
    """Stops the work at the second check."""

    def __init__(self, reason: Exception) -> None:
        super().__init__()
        self.reason, self.checks = reason, 0

    def check(self) -> None:
        self.checks += 1
        if self.checks > 1:
            raise self.reason


def test_a_cancelled_training_ends_at_once(tmp_path: Path) -> None:
    child = Child([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log", {})
    started = time.monotonic()
    with pytest.raises(Cancelled):
        watch_training(lambda: child, tmp_path, TRAINING, SecondCheckReporter(Cancelled("enough")))
    assert time.monotonic() - started < 5
    assert child.returncode is not None
    assert not (tmp_path / "control").exists()


def test_a_shutdown_waits_for_a_checkpoint(tmp_path: Path) -> None:
    """A stand-in for the plugin writes the checkpoint as soon as the control file asks for it."""
    script = (
        "import sys, time; from pathlib import Path\n"
        "folder = Path(sys.argv[1])\n"
        "while not (folder / 'control').exists(): time.sleep(0.05)\n"
        "assert (folder / 'control').read_text() == 'pause'\n"
        "(folder / 'asked').touch(); time.sleep(60)"
    )
    child = Child([sys.executable, "-c", script, tmp_path], tmp_path / "log", {})
    reporter = SecondCheckReporter(Interrupted("shutdown"))
    checkpoint = tmp_path / "checkpoints" / "checkpoint-3"
    checkpoint.mkdir(parents=True)
    append_to_log(tmp_path / TRAINING_LOG, [{"time": 0.0, "step": 3, "max_steps": 6, "loss": 3.0}])

    def save() -> None:
        while not (tmp_path / "asked").exists():
            time.sleep(0.05)
        manifest.write(checkpoint, {"step": 3, "created_at": 0})

    with ThreadPoolExecutor() as pool:
        saved = pool.submit(save)
        began = time.monotonic()
        with pytest.raises(Interrupted):
            watch_training(lambda: child, tmp_path, TRAINING, reporter)
        saved.result(timeout=5)
    assert time.monotonic() - began < 8
    assert child.wait(timedelta(seconds=1)) is not None


def test_only_the_lines_of_this_start_explain_its_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("torch.OutOfMemoryError: CUDA out of memory.\n")
    child = Child([sys.executable, "-c", "raise ValueError('of this start')"], log, {})
    with pytest.raises(TrainingFailed, match="ValueError: of this start"):
        watch_training(lambda: child, tmp_path, TRAINING, SilentReporter())


def test_what_a_training_logs_before_it_is_looked_at_is_not_of_an_earlier_one(tmp_path: Path) -> None:
    def start() -> Child:
        append_to_log(tmp_path / TRAINING_LOG, [{"time": 0.0, "step": 1, "max_steps": 6, "loss": 3.0}])
        return Child([sys.executable, "-c", "raise SystemExit(1)"], tmp_path / "log", {})

    reporter = SilentReporter()
    with pytest.raises(TrainingFailed):
        watch_training(start, tmp_path, TRAINING, reporter)
    assert [numbers["step"] for numbers in reporter.numbers] == [1]
