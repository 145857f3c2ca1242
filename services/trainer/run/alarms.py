"""Alarms while training runs: a loss that is NaN, rises far above its start or does not fall, and a lost speed.

Each is an event with what usually helps and, in `scriptorium_training_alarm`, 1. Only a diverged loss ends a training.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from statistics import fmean

from scriptorium.artifacts.training_log import LogLine
from scriptorium.contracts import Level
from scriptorium.jobs.reporter import Reporter
from scriptorium.recipe import ResolvedTraining

MIN_WINDOW = 5  # steps whose mean loss is compared
DIVERGED = 1.5  # nats per token above the start: text that the model could read before has become noise to it
MIN_STEPS_TO_FALL = 16
SLOW_SHARE = 0.25  # of the speed that is expected
RECOVERED_SHARE = 0.5
MIN_SPEED_SECONDS = 10.0  # a shorter pause is not a lasting loss of speed
ALARMS = ("diverged", "flat", "slow")


@dataclass(frozen=True)
class Divergence:
    """From which step on the loss is not to be trusted, and why."""

    step: int
    reason: str


class LossAlarm:
    """Compares the mean training loss of the first and the latest steps of a run."""

    def __init__(self, earlier: Iterable[LogLine] = ()) -> None:
        self._losses = {line["step"]: line["loss"] for line in earlier if "loss" in line}

    def add(self, step: int, loss: float) -> None:
        """Add the loss of a step, nats per token."""
        self._losses[step] = loss

    def divergence(self, steps: int) -> Divergence | None:
        """Return since when the loss of a run of `steps` is NaN, infinite or far above its start, if it is."""
        step, loss = next(reversed(self._losses.items()))
        if not math.isfinite(loss):
            return Divergence(step, f"Loss became NaN or infinite at step {step}")
        window = max(MIN_WINDOW, steps // 20)
        if len(self._losses) < 2 * window:
            return None
        first, last = self._windows(window)
        if last - first <= DIVERGED:
            return None
        began = next(step for step in list(self._losses)[-window:] if self._losses[step] - first > DIVERGED)
        return Divergence(began, f"Loss rose from {first:.2f} to {last:.2f} at step {step}: training diverges")

    def flat(self, step: int, steps: int) -> tuple[float, float, int] | None:
        """Return the mean loss of the first and the last quarter so far, and a quarter's steps, if it did not fall.

        Looks twice in a run, in its middle and at its end: who looks at every step sees what chance does.
        """
        if step not in (max(MIN_STEPS_TO_FALL, math.ceil(steps / 2)), steps) or len(self._losses) < MIN_STEPS_TO_FALL:
            return None
        window = len(self._losses) // 4
        first, last = self._windows(window)
        return (first, last, window) if last >= first else None

    def _windows(self, window: int) -> tuple[float, float]:
        losses = self._losses.values()
        return fmean(islice(losses, window)), fmean(islice(losses, len(losses) - window, None))


class SpeedAlarm:
    """Compares the tokens per second of the latest steps with the plan's, or with the best of this run."""

    def __init__(self, planned: float | None = None) -> None:
        self._planned = planned
        self._best = 0.0
        self._steps: deque[tuple[float, float]] = deque()  # tokens and seconds of each
        self._previous: LogLine | None = None
        self.slow = False

    def observe(self, line: LogLine) -> tuple[float, float] | None:
        """Add a line; return the speed and the expected one when an alarm begins or ends.

        Only the time from one step to the next counts; the first step of a start warms up.
        """
        previous, self._previous = self._previous, line
        if "loss" not in line or previous is None or "loss" not in previous:
            return None
        tokens = float(line.get("tokens/trainable", 0)) - float(previous.get("tokens/trainable", 0))
        self._steps.append((tokens, max(1e-6, line["time"] - previous["time"])))
        while len(self._steps) > MIN_WINDOW and self._seconds() - self._steps[0][1] >= MIN_SPEED_SECONDS:
            self._steps.popleft()
        if len(self._steps) < MIN_WINDOW or self._seconds() < MIN_SPEED_SECONDS:
            return None
        rate = sum(tokens for tokens, _ in self._steps) / self._seconds()
        self._best = max(self._best, rate)
        expected = self._planned or self._best
        slow = rate < expected * (RECOVERED_SHARE if self.slow else SLOW_SHARE)
        changed, self.slow = slow != self.slow, slow
        return (rate, expected) if changed else None

    def _seconds(self) -> float:
        return sum(seconds for _, seconds in self._steps)


class TrainingAlarms:
    """Looks at every line of a training and reports what a person would see in its curves."""

    def __init__(
        self,
        reporter: Reporter,
        training: ResolvedTraining,
        earlier: Iterable[LogLine] = (),
        planned_speed: float | None = None,
    ) -> None:
        self._reporter = reporter
        self._training = training
        self._loss = LossAlarm(earlier)
        self._speed = SpeedAlarm(planned_speed)
        self.divergence: Divergence | None = None
        reporter.remember({f"alarm/{name}": 0.0 for name in ALARMS})

    def observe(self, line: LogLine) -> None:
        """Look at one line; `divergence` then says whether the training must end."""
        if change := self._speed.observe(line):
            self._report_speed(*change)
        if "loss" not in line or self.divergence:
            return
        self._loss.add(line["step"], line["loss"])
        self.divergence = self._loss.divergence(line["max_steps"])
        if self.divergence:
            self._alarm("diverged", f"{self.divergence.reason}; it is stopped")
        elif flat := self._loss.flat(line["step"], line["max_steps"]):
            self._report_flat(*flat)

    def _report_flat(self, first: float, last: float, steps: int) -> None:
        rate = self._training.learning_rate
        self._alarm(
            "flat",
            f"The loss does not fall: {first:.2f} in the first {steps} steps, {last:.2f} in the last {steps}. Usual "
            f"reasons: damaged text (see quality.html), a learning rate that is too low ({rate:g}; try "
            f"{1.5 * rate:g}), or the wrong dataset",
        )

    def _report_speed(self, rate: float, expected: float) -> None:
        if not self._speed.slow:
            self._reporter.message(f"[TRAIN] Back to {rate:,.0f} tokens/s")
            self._reporter.remember({"alarm/slow": 0.0})
            return
        self._alarm(
            "slow",
            f"Only {rate:,.0f} tokens/s, less than a quarter of the expected {expected:,.0f}. On WSL 2 the usual "
            "reason is GPU memory that spills into the machine's memory: close other programs on the GPU, or take a "
            "smaller micro-batch or a shorter sequence",
        )

    def _alarm(self, name: str, text: str) -> None:
        self._reporter.message(f"[TRAIN] {text}", Level.WARN)
        self._reporter.remember({f"alarm/{name}": 1.0})
