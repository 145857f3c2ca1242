"""Alarms about the loss and the speed of a training."""

from typing import Any

import pytest

from scriptorium import metrics
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.recipe import ResolvedTraining
from services.trainer.run.alarms import ALARMS, SpeedAlarm, TrainingAlarms


def line(step: int, loss: float = 3.0, *, steps: int = 40, time: float = 0.0, tokens: float = 0.0) -> dict[str, Any]:
    return {
        "step": step,
        "max_steps": steps,
        "loss": loss,
        "time": time or 4.0 * step,
        "tokens/trainable": tokens or 100.0 * step,
    }


def observe(losses: list[float], steps: int, *, earlier: int = 0) -> tuple[TrainingAlarms, SilentReporter]:
    """Return the alarms after a run's losses, of which the first ones are an earlier attempt's."""
    reporter = SilentReporter()
    lines = [line(step, loss, steps=steps) for step, loss in enumerate(losses, start=1)]
    alarms = TrainingAlarms(reporter, ResolvedTraining(), lines[:earlier])
    for entry in lines[earlier:]:
        alarms.observe(entry)
    return alarms, reporter


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_training(loss: float) -> None:
    alarms, reporter = observe([3.0, 3.0, loss, loss], 40)
    assert alarms.divergence is not None
    assert alarms.divergence.step == 3
    assert len(reporter.messages) == 1


def test_a_loss_far_above_its_start_ends_the_training_and_a_spike_does_not() -> None:
    assert observe([3.0] * 10 + [6.0, 3.0, 3.0, 3.0, 3.0], 40)[0].divergence is None
    alarms, _ = observe([3.0] * 10 + [3.1, 6.0, 6.5, 7.0, 7.0], 40)
    assert alarms.divergence is not None
    assert alarms.divergence.step == 12


def test_a_resumed_training_is_compared_with_its_own_beginning() -> None:
    losses = [3.0] * 8 + [6.0] * 8
    assert observe(losses, 40, earlier=8)[0].divergence is not None


def test_a_loss_that_does_not_fall_is_a_warning_with_what_to_try() -> None:
    alarms, reporter = observe([3.0, 3.1] * 20, 40)
    assert alarms.divergence is None
    assert reporter.remembered["alarm/flat"] == 1
    assert "learning rate that is too low (0.0002; try 0.0003)" in reporter.messages[0]
    assert "3.04 in the first 5 steps, 3.06 in the last 5" in reporter.messages[0]


def test_a_falling_loss_is_no_alarm_even_if_it_is_noisy() -> None:
    losses = [3.5 - 0.01 * step + (0.2 if step % 2 else -0.2) for step in range(40)]
    _, reporter = observe(losses, 40)
    assert reporter.messages == []
    assert reporter.remembered == {f"alarm/{name}": 0.0 for name in ALARMS}


def test_a_run_that_is_too_short_to_tell_is_no_alarm() -> None:
    assert observe([3.0] * 12, 12)[1].messages == []


def speeds(rates: list[float], planned: float | None = None) -> list[tuple[float, float]]:
    """Return the changes of an alarm in a run whose steps take 4 s."""
    alarm, tokens, changes = SpeedAlarm(planned), 0.0, []
    for step, rate in enumerate(rates, start=1):
        tokens += 4 * rate
        changes.append(alarm.observe(line(step, tokens=tokens)))
    return [change for change in changes if change]


def test_a_speed_under_a_quarter_of_the_best_is_an_alarm_until_it_is_back() -> None:
    assert speeds([2000] * 10 + [300] * 8) == [(300.0, 2000.0)]
    assert speeds([2000] * 10 + [300] * 8 + [2000] * 8) == [(300.0, 2000.0), (1320.0, 2000.0)]


def test_a_plan_tells_a_slow_start_from_a_slow_machine() -> None:
    assert speeds([300] * 8) == []
    assert speeds([300] * 8, planned=2000) == [(300.0, 2000.0)]


def test_an_evaluation_is_not_slow_training() -> None:
    alarm = SpeedAlarm()
    for step in range(1, 10):
        alarm.observe(line(step))
    alarm.observe({"step": 9, "max_steps": 40, "eval_loss": 3.0, "time": 5000.0})
    for step in range(10, 20):
        assert alarm.observe(line(step, time=5000.0 + 4 * step)) is None


def test_a_slow_training_is_an_event_and_a_metric() -> None:
    reporter = SilentReporter()
    alarms = TrainingAlarms(reporter, ResolvedTraining(), planned_speed=1000.0)
    for step in range(1, 8):
        alarms.observe(line(step, 3.0 - step / 10))
    assert "Only 25 tokens/s, less than a quarter of the expected 1,000" in reporter.messages[0]
    assert reporter.remembered["alarm/slow"] == 1
    assert all(metrics.find_metric(key) for key in reporter.remembered)
