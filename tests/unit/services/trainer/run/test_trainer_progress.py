import json
from pathlib import Path
from typing import Any

from scriptorium import metrics
from scriptorium.jobs.reporter import SilentReporter
from services.trainer.run.progress import Progress, Tail


def step(number: int, loss: float, epoch: float = 0.1, time: float = 0.0) -> dict[str, Any]:
    return {
        "time": time or 100.0 + 2 * number, "step": number, "max_steps": 10, "loss": loss, "epoch": epoch,
        "learning_rate": 1e-3, "tokens/trainable": 500.0 * number,
    }  # fmt: skip


def begin(number: int = 0, epoch: float = 0.0) -> dict[str, Any]:
    return {
        "time": 100.0 + 2 * number,
        "step": number,
        "max_steps": 10,
        "event": "begin",
        "epoch": epoch,
        "num_epochs": 3,
    }


def test_speed_and_remaining_time_come_from_the_clock_and_the_tokens() -> None:
    reporter = SilentReporter()
    progress = Progress(reporter)
    for line in (begin(), step(1, 3.0), step(2, 2.5)):
        progress.take(line)
    assert reporter.numbers[-1]["tokens_per_second"] == 250.0
    assert reporter.numbers[-1]["eta_seconds"] == 16.0
    assert (progress.first_loss, progress.last_loss, progress.step) == (3.0, 2.5, 2)


def test_epochs_are_told_as_the_seed_workflow_told_them() -> None:
    reporter = SilentReporter()
    progress = Progress(reporter)
    for line in (begin(), step(1, 2.34, 0.5), step(2, 1.12, 1.0), step(3, 1.0, 1.5), step(4, 0.9, 2.0)):
        progress.take(line)
    assert "[TRAIN] Starting epoch 1/3, 10 steps" in reporter.messages
    assert "[TRAIN] Epoch 1 complete, loss: 2.34 -> 1.12" in reporter.messages
    assert "[TRAIN] Epoch 2 complete, loss: 1.00 -> 0.90" in reporter.messages


def test_a_resumed_run_says_where_it_goes_on_and_ends_no_epoch_twice() -> None:
    reporter = SilentReporter()
    progress = Progress(reporter)
    progress.take(begin(5, 1.4))
    progress.take(step(6, 1.0, 1.6))
    assert reporter.messages == ["[TRAIN] Starting epoch 2/3, resuming at step 5"]


def test_checkpoints_and_dev_losses_are_reported() -> None:
    reporter = SilentReporter()
    progress = Progress(reporter)
    progress.take(begin())
    progress.take({"time": 101.0, "step": 4, "max_steps": 10, "eval_loss": 3.5})
    progress.take(
        {"time": 102.0, "step": 4, "max_steps": 10, "event": "checkpoint", "train_loss": 3.0, "dev_loss": 3.5}
    )
    assert reporter.numbers[-1] == {"step": 4, "valid_loss": 3.5}
    assert (reporter.checkpoints[0].step, reporter.checkpoints[0].dev_loss) == (4, 3.5)


def test_a_torn_line_waits_until_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = Tail(path)
    assert list(lines.read()) == []
    path.write_text('{"step": 1}\n{"st')
    assert list(lines.read()) == [{"step": 1}]
    with path.open("a") as file:
        file.write('ep": 2}\n')
    assert list(lines.read()) == [{"step": 2}]
    assert list(lines.read()) == []


def test_lines_that_were_handed_on_are_not_told_again(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(json.dumps({"step": 1}) + "\n")
    assert list(Tail(path).read()) == []


def test_the_devices_numbers_are_reported_with_their_step() -> None:
    reporter = SilentReporter()
    Progress(reporter).take({**step(1, 3.0), "mfu_ratio": 0.4, "memory_used_bytes": 7})
    assert (reporter.numbers[-1]["mfu_ratio"], reporter.numbers[-1]["memory_used_bytes"]) == (0.4, 7)
    assert reporter.numbers[-1]["device_use_ratio"] is None


def test_every_number_that_training_reports_is_a_metric() -> None:
    reporter = SilentReporter()
    progress = Progress(reporter)
    for line in (begin(), step(1, 3.0), {**step(2, 2.0), "mfu_ratio": 0.4}, checkpoint(2)):
        progress.take(line)
    keys = {key for numbers in reporter.numbers for key in numbers} | set(reporter.remembered)
    assert keys > {"curve_loss/10", "curve_loss/20", "checkpoints", "mfu_ratio", "step"}
    assert [key for key in keys if metrics.find(key) is None] == []


def test_a_resumed_run_goes_on_with_its_curve_its_tokens_and_its_checkpoints() -> None:
    """The attempt before died in the middle of a twentieth of 40 steps: step 3 is its first, step 4 its last."""
    reporter = SilentReporter()
    lines = [{**step(number, float(number)), "max_steps": 40} for number in range(1, 5)]
    progress = Progress(reporter, [*lines[:2], checkpoint(2), lines[2], checkpoint(3)])
    assert (reporter.messages, reporter.numbers, reporter.checkpoints) == ([], [], [])  # nothing is told twice
    progress.take(begin(3))
    assert reporter.remembered == {"curve_loss/5": 1.5, "checkpoints": 2}  # a stop may have left them untold
    progress.take(lines[3])
    assert reporter.remembered["curve_loss/10"] == 3.5
    assert reporter.numbers[-1]["tokens_per_second"] == 250.0
    progress.take(checkpoint(4))
    assert reporter.remembered["checkpoints"] == 3


def checkpoint(number: int) -> dict[str, Any]:
    return {
        "time": 101.0 + 2 * number,
        "step": number,
        "max_steps": 10,
        "event": "checkpoint",
        "train_loss": 3.0,
        "dev_loss": None,
    }
