"""A stop with a checkpoint: a pause waits for a long step, a shutdown only so long, and a cancel not at all."""

import sys
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoints import checkpoint_folder
from scriptorium.artifacts.training_log import TRAINING_LOG, append_to_log
from scriptorium.contracts import TrainRequest
from scriptorium.errors import Cancelled, Interrupted, Paused
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.process.child import Child
from scriptorium.recipe import ResolvedTraining
from services.trainer.run import axolotl
from services.trainer.run.save_and_stop import PAUSE_PATIENCE, has_unsaved_steps, patience, save_and_stop


class StoppingReporter(SilentReporter):
    """Gives its reasons to stop one after the other; the last one stays."""

    def __init__(self, *reasons: Exception) -> None:
        super().__init__()
        self.reasons = list(reasons)

    def check(self) -> None:
        reason = self.reasons.pop(0) if len(self.reasons) > 1 else self.reasons[0]
        raise reason


def do_steps(folder: Path, *steps: int) -> None:
    append_to_log(folder / TRAINING_LOG, [{"step": step, "loss": 3.0} for step in steps])


def save(folder: Path, step: int) -> None:
    checkpoint = checkpoint_folder(folder, step)
    checkpoint.mkdir(parents=True)
    manifest.write(checkpoint, {"step": step, "created_at": 0})


def start_hanging(tmp_path: Path) -> Child:
    return Child([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log", {})


def test_a_pause_has_more_time_than_a_shutdown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTORIUM_STOP_GRACE", "PT7S")
    assert patience(StoppingReporter(Paused("pause"))) == PAUSE_PATIENCE
    assert patience(StoppingReporter(Interrupted("shutdown"))) == timedelta(seconds=7)
    assert patience(SilentReporter()) == timedelta(seconds=7)


def test_a_shutdown_or_a_cancel_ends_the_wait_of_a_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTORIUM_STOP_GRACE", "PT0.1S")
    child, started = start_hanging(tmp_path), time.monotonic()
    do_steps(tmp_path, 1)
    try:
        save_and_stop(child, tmp_path, StoppingReporter(Paused("pause"), Interrupted("shutdown")))
        with pytest.raises(Cancelled):
            save_and_stop(child, tmp_path, StoppingReporter(Paused("pause"), Cancelled("cancel")))
    finally:
        child.stop(timedelta(0))
    assert time.monotonic() - started < 5
    assert (tmp_path / "control").read_text() == "pause"


def test_a_training_without_a_new_step_is_not_waited_for(tmp_path: Path) -> None:
    assert not has_unsaved_steps(tmp_path)  # it is still loading
    do_steps(tmp_path, 1, 2, 3)
    assert has_unsaved_steps(tmp_path)
    save(tmp_path, 3)
    assert not has_unsaved_steps(tmp_path)
    child, started = start_hanging(tmp_path), time.monotonic()
    try:
        save_and_stop(child, tmp_path, StoppingReporter(Paused("pause")))
    finally:
        child.stop(timedelta(0))
    assert time.monotonic() - started < 5


def test_the_checkpoints_of_pauses_push_no_other_from_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(axolotl, "chat_tokenizer", lambda base: SimpleNamespace(end_of_turn="<|im_end|>"))
    training = ResolvedTraining(max_steps=9, checkpoints=3)
    request = TrainRequest(dataset=tmp_path, base=tmp_path, training=training)

    rows = axolotl.TrainingRows([], [], [])

    def limit() -> int:
        return int(axolotl.make_config(request, training, tmp_path, rows, gpu=False)["save_total_limit"])

    before = limit()
    for step in (3, 4, 5):
        save(tmp_path, step)
    assert limit() == before + 2
