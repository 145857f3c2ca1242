import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium import metrics
from scriptorium.artifacts.training_log import TrainingLogTail
from scriptorium.jobs.reporter import SilentReporter
from services.trainer.run.progress import TrainingLossCurve, TrainingProgress


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
    progress = TrainingProgress(reporter)
    for line in (begin(), step(1, 3.0), step(2, 2.5)):
        progress.report(line)
    assert reporter.numbers[-1]["tokens_per_second"] == 250.0
    assert reporter.numbers[-1]["eta_seconds"] == 16.0
    assert (progress.first_loss, progress.last_loss, progress.step) == (3.0, 2.5, 2)


def test_preferences_say_how_often_the_right_answer_is_preferred() -> None:
    reporter = SilentReporter()
    messages: list[str] = []
    reporter.metrics = lambda text, **_: messages.append(text)  # type: ignore[method-assign]
    progress = TrainingProgress(reporter)
    for line in (begin(), {**step(1, 0.69), "rewards/accuracies": 0.75, "rewards/margins": 0.123}, step(2, 0.6)):
        progress.report(line)
    assert messages[0].endswith("training loss=0.69, prefers the right answer in 75%, margin 0.12")
    assert messages[1].endswith("training loss=0.60")


def test_epochs_are_reported_in_the_seed_workflows_words() -> None:
    reporter = SilentReporter()
    progress = TrainingProgress(reporter)
    for line in (begin(), step(1, 2.34, 0.5), step(2, 1.12, 1.0), step(3, 1.0, 1.5), step(4, 0.9, 2.0)):
        progress.report(line)
    assert "[TRAIN] Starting epoch 1/3, 10 steps" in reporter.messages
    assert "[TRAIN] Epoch 1 complete, loss: 2.34 -> 1.12" in reporter.messages
    assert "[TRAIN] Epoch 2 complete, loss: 1.00 -> 0.90" in reporter.messages


def test_a_resumed_run_reports_its_step_and_ends_no_epoch_twice() -> None:
    reporter = SilentReporter()
    progress = TrainingProgress(reporter)
    progress.report(begin(5, 1.4))
    progress.report(step(6, 1.0, 1.6))
    assert reporter.messages == ["[TRAIN] Starting epoch 2/3, resuming at step 5"]


def test_checkpoints_and_dev_losses_are_reported() -> None:
    reporter = SilentReporter()
    progress = TrainingProgress(reporter)
    progress.report(begin())
    progress.report({"time": 101.0, "step": 4, "max_steps": 10, "eval_loss": 3.5})
    progress.report(
        {"time": 102.0, "step": 4, "max_steps": 10, "event": "checkpoint", "train_loss": 3.0, "dev_loss": 3.5}
    )
    assert reporter.numbers[-1] == {"step": 4, "valid_loss": 3.5}
    assert (reporter.checkpoints[0].step, reporter.checkpoints[0].dev_loss) == (4, 3.5)


def test_the_beginning_of_a_passage_is_an_event_in_one_harmless_line() -> None:
    reporter = SilentReporter()
    progress = TrainingProgress(reporter)
    for number, text in ((0, "Once\n\nupon"), (4, "A \x1b[2Jtime \u202e ")):
        line = {"time": 101.0, "step": number, "max_steps": 10, "event": "samples", "epoch": 0.4, "beginning": text}
        progress.report(line)
    progress.report({"time": 1.0, "step": 8, "event": "notice", "text": "No sample passages at step 8: OutOfMemory"})
    assert reporter.messages == [
        "[TRAIN] The base model writes: “Once upon …”",
        "[TRAIN] checkpoint-4 writes: “A [2Jtime  …”",
        "[TRAIN] No sample passages at step 8: OutOfMemory",
    ]


def test_the_time_of_writing_is_not_a_steps_and_ends_no_epoch() -> None:
    reporter = SilentReporter()
    progress = TrainingProgress(reporter)
    for line in (begin(), step(1, 3.0, 1.2, time=102.0)):
        progress.report(line)
    progress.report({"time": 110.0, "step": 1, "max_steps": 10, "event": "samples", "epoch": 1.2, "beginning": "Once"})
    progress.report(step(2, 2.5, 1.4, time=112.0))
    assert reporter.numbers[-1]["tokens_per_second"] == 250.0
    assert sum("complete" in message for message in reporter.messages) == 1


def test_an_incomplete_line_waits_until_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = TrainingLogTail(path)
    assert list(lines.read()) == []
    path.write_text('{"step": 1}\n{"st')
    assert list(lines.read()) == [{"step": 1}]
    with path.open("a") as file:
        file.write('ep": 2}\n')
    assert list(lines.read()) == [{"step": 2}]
    assert list(lines.read()) == []


def test_lines_of_an_earlier_attempt_are_not_reported_again(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(json.dumps({"step": 1}) + "\n")
    assert list(TrainingLogTail(path).read()) == []


def test_the_devices_numbers_are_reported_with_their_step() -> None:
    reporter = SilentReporter()
    TrainingProgress(reporter).report({**step(1, 3.0), "mfu_ratio": 0.4, "memory_used_bytes": 7})
    assert (reporter.numbers[-1]["mfu_ratio"], reporter.numbers[-1]["memory_used_bytes"]) == (0.4, 7)
    assert reporter.numbers[-1]["device_use_ratio"] is None


def test_every_number_that_training_reports_is_a_metric() -> None:
    reporter = SilentReporter()
    progress = TrainingProgress(reporter)
    for line in (begin(), step(1, 3.0), {**step(2, 2.0), "mfu_ratio": 0.4}, checkpoint(2)):
        progress.report(line)
    keys = {key for numbers in reporter.numbers for key in numbers} | set(reporter.remembered)
    assert keys > {"curve_loss/10", "curve_loss/20", "checkpoints", "mfu_ratio", "step"}
    assert [key for key in keys if metrics.find_metric(key) is None] == []


def test_a_resumed_run_continues_its_curve_its_tokens_and_its_checkpoints() -> None:
    """The earlier attempt died in the middle of a twentieth of 40 steps: step 3 is its first, step 4 its last."""
    reporter = SilentReporter()
    lines = [{**step(number, float(number)), "max_steps": 40} for number in range(1, 5)]
    progress = TrainingProgress(reporter, [*lines[:2], checkpoint(2), lines[2], checkpoint(3)])
    assert (reporter.messages, reporter.numbers, reporter.checkpoints) == ([], [], [])  # nothing is reported twice
    progress.report(begin(3))
    assert reporter.remembered == {
        "curve_loss/5": 1.5,
        "checkpoints": 2,
    }  # the earlier attempt may have stopped before it reported them
    progress.report(lines[3])
    assert reporter.remembered["curve_loss/10"] == 3.5
    assert reporter.numbers[-1]["tokens_per_second"] == 250.0
    progress.report(checkpoint(4))
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


def curve_points(losses: list[float], begin: int = 1) -> dict[str, float]:
    """Return every point of a run whose steps are seen from `begin` on."""
    curve, points = TrainingLossCurve(), {}
    for step, loss in enumerate(losses, start=1):
        if step >= begin:
            points |= curve.add(step, len(losses), loss)
    return points


def test_a_point_is_the_mean_of_its_twentieth() -> None:
    points = curve_points([float(step) for step in range(1, 41)])
    assert list(points) == [f"curve_loss/{percent}" for percent in range(5, 101, 5)]
    assert (points["curve_loss/5"], points["curve_loss/50"], points["curve_loss/100"]) == (1.5, 19.5, 39.5)


def test_a_point_is_returned_only_when_it_is_complete() -> None:
    curve = TrainingLossCurve()
    assert curve.add(1, 40, 3.0) == {}
    assert curve.add(2, 40, 1.0) == {"curve_loss/5": 2.0}


def test_a_short_run_has_fewer_points() -> None:
    assert curve_points([4.0, 3.0, 2.0]) == {"curve_loss/35": 4.0, "curve_loss/70": 3.0, "curve_loss/100": 2.0}


def test_a_twentieth_that_was_seen_in_part_is_left_out() -> None:
    losses = [float(step) for step in range(1, 61)]
    resumed = curve_points(losses, begin=5)  # steps 4 to 6 are the second twentieth
    assert "curve_loss/10" not in resumed
    assert resumed == {
        key: value for key, value in curve_points(losses).items() if key not in ("curve_loss/5", "curve_loss/10")
    }


def test_a_nan_loss_is_nan_in_the_curve() -> None:
    assert math.isnan(curve_points([1.0, float("nan")])["curve_loss/100"])


@given(st.lists(st.floats(0, 10), min_size=1, max_size=300))
def test_the_points_are_as_many_as_can_be_and_average_to_the_run(losses: list[float]) -> None:
    points = curve_points(losses)
    assert len(points) == min(20, len(losses))
    if len(losses) % 20 == 0:
        assert math.fsum(points.values()) / 20 == pytest.approx(math.fsum(losses) / len(losses))
