"""Training's progress: read from the lines that the plugin appends, and reported in the seed workflow's words.

The loss curve has twenty points, so that runs of any length lie on one axis.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

from scriptorium.artifacts.training_log import PREFERENCE_ACCURACY, PREFERENCE_MARGIN, LogLine, TrainingLogTail
from scriptorium.contracts import Checkpoint, Level
from scriptorium.jobs.reporter import Reporter

POINTS = 20
DEVICE_METRICS = ("mfu_ratio", "memory_used_bytes", "memory_total_bytes", "device_use_ratio")


class TrainingLossCurve:
    """Mean training loss of the steps in each twentieth of a run; a run of fewer steps has fewer points."""

    def __init__(self) -> None:
        self._losses: dict[int, dict[int, float]] = defaultdict(dict)

    def add(self, step: int, steps: int, loss: float) -> dict[str, float]:
        """Add one step of a run of `steps`; returns the point that it completes, if any, by its key in the store."""
        part = math.ceil(step * POINTS / steps)
        first, last = (part - 1) * steps // POINTS + 1, part * steps // POINTS
        losses = self._losses[part]
        losses[step] = loss
        if step != last or len(losses) != last - first + 1:  # not at its end, or not seen from its beginning
            return {}
        return {f"curve_loss/{part * 100 // POINTS}": math.fsum(losses.values()) / len(losses)}


class TrainingProgress:
    """Turns lines into events and numbers: steps, dev losses, checkpoints and ends of epochs.

    `earlier` are the lines of earlier attempts, up to the step that this one resumes from.
    """

    def __init__(self, reporter: Reporter, earlier: Iterable[LogLine] = ()) -> None:
        self._reporter = reporter
        self._curve = TrainingLossCurve()
        self._points: dict[str, float] = {}
        self._checkpoints: set[int] = set()
        self._previous: LogLine | None = None
        self._start: LogLine | None = None
        self._epoch_losses: list[float] = []
        self.first_loss: float | None = None
        self.last_loss: float | None = None
        self.step = 0
        self.tokens = 0
        self.ending: str | None = None
        for line in earlier:
            self._restore(line)

    @property
    def begun(self) -> bool:
        """True once the model is loaded and the first step is about to begin."""
        return self._start is not None

    def report_new(self, lines: TrainingLogTail) -> None:
        """Report the lines appended since the last call."""
        for line in lines.read():
            self.report(line)

    def report(self, line: LogLine) -> None:
        """Report one line."""
        if line.get("event") == "begin":
            self._begin(line)
        elif line.get("event") == "checkpoint":
            self._checkpoint(line)
        elif line.get("event") == "end":
            self._end(line)
        elif line.get("event") == "samples":
            self._samples(line)
        elif line.get("event") == "notice":
            self._reporter.message(f"[TRAIN] {line['text']}", Level.WARN, step=line["step"])
        elif "eval_loss" in line:
            self._dev_loss(line)
        else:
            self._step(line)

    def _restore(self, line: LogLine) -> None:
        """Restore the state from an earlier attempt's line, without an event."""
        if line.get("event") == "checkpoint":
            self._checkpoints.add(line["step"])
        elif "loss" in line:
            self.tokens = int(line.get("tokens/trainable", 0))
            self._points |= self._curve.add(line["step"], line["max_steps"], line["loss"])

    def _begin(self, line: LogLine) -> None:
        self._start = self._previous = line
        epochs = line["num_epochs"]
        steps = f"resuming at step {line['step']}" if line["step"] else f"{line['max_steps']} steps"
        self._reporter.message(f"[TRAIN] Starting epoch {int(line['epoch']) + 1}/{epochs:g}, {steps}", **line)
        # the earlier attempt may have stopped before it reported its last steps
        self._reporter.remember({**self._points, "checkpoints": len(self._checkpoints)})

    def _checkpoint(self, line: LogLine) -> None:
        checkpoint = Checkpoint(
            step=line["step"], created_at=int(line["time"]), train_loss=line["train_loss"], dev_loss=line["dev_loss"]
        )
        self._checkpoints.add(checkpoint.step)
        self._reporter.checkpoint(checkpoint)
        self._reporter.remember({"checkpoints": len(self._checkpoints)})
        self._reporter.message(f"[TRAIN] Saved checkpoint-{checkpoint.step}", **checkpoint.model_dump())

    def _end(self, line: LogLine) -> None:
        self.ending = line["reason"]
        if self.ending == "early_stop":
            place = f"step {line['step']} of {line['max_steps']}"
            self._reporter.message(f"[TRAIN] Stopped early at {place}: the dev loss no longer falls", **line)

    def _samples(self, line: LogLine) -> None:
        step = line["step"]
        writer = f"checkpoint-{step}" if step else "The base model"
        self._reporter.message(f"[TRAIN] {writer} writes: {quote_beginning(line['beginning'])}", step=step)
        self._previous = line if self._previous else None  # nor is the time of writing

    def _dev_loss(self, line: LogLine) -> None:
        text = f"[TRAIN] Step {line['step']}/{line['max_steps']}: dev loss={line['eval_loss']:.2f}"
        self._reporter.metrics(text, step=line["step"], valid_loss=line["eval_loss"])
        self._previous = line if self._previous else None  # an evaluation's time is not a step's

    def _step(self, line: LogLine) -> None:
        rate, eta = self._speed(line)
        self.step, self.tokens, self.last_loss = line["step"], int(line.get("tokens/trainable", 0)), line["loss"]
        self.first_loss = line["loss"] if self.first_loss is None else self.first_loss
        self._reporter.metrics(
            f"[TRAIN] Step {line['step']}/{line['max_steps']}: training loss={line['loss']:.2f}{describe_margin(line)}",
            step=line["step"],
            total_steps=line["max_steps"],
            train_loss=line["loss"],
            learning_rate=line.get("learning_rate"),
            gradient_norm=line.get("grad_norm"),
            epoch=line.get("epoch"),
            trained_tokens=self.tokens,
            tokens_per_second=rate,
            eta_seconds=eta,
            **{name: line.get(name) for name in DEVICE_METRICS},
        )
        self._reporter.remember(self._curve.add(line["step"], line["max_steps"], line["loss"]))
        self._epoch(line)
        self._previous = {**line, "tokens": self.tokens}

    def _speed(self, line: LogLine) -> tuple[float | None, float | None]:
        """Return this step's trained tokens per second, and the remaining seconds at this attempt's mean pace."""
        if not self._previous or not self._start or line["step"] <= self._start["step"]:
            return None, None
        tokens = int(line.get("tokens/trainable", 0)) - self.tokens
        rate = tokens / max(1e-6, line["time"] - self._previous["time"])
        pace = (line["time"] - self._start["time"]) / (line["step"] - self._start["step"])
        return round(max(0.0, rate), 1), round(pace * (line["max_steps"] - line["step"]), 1)

    def _epoch(self, line: LogLine) -> None:
        self._epoch_losses.append(line["loss"])
        epoch, previous = float(line.get("epoch", 0)), float((self._previous or {}).get("epoch", 0))
        if int(epoch) > int(previous):
            first, last = self._epoch_losses[0], self._epoch_losses[-1]
            self._reporter.message(f"[TRAIN] Epoch {int(epoch)} complete, loss: {first:.2f} -> {last:.2f}", epoch=epoch)
            self._epoch_losses = []


def describe_margin(line: LogLine) -> str:
    """Describe how far a preference is learned, if it is one: how often the right answer is preferred, and by how much.

    The margin is the difference of the answers' implicit rewards: beta times how much likelier each became.
    """
    if PREFERENCE_ACCURACY not in line:
        return ""
    return (
        f", prefers the right answer in {line[PREFERENCE_ACCURACY]:.0%}, margin {line.get(PREFERENCE_MARGIN, 0.0):.2f}"
    )


def quote_beginning(text: str) -> str:
    """Return the beginning of a passage in one line, without what a terminal would obey."""
    line = " ".join(text.split())
    return f"“{''.join(character for character in line if character.isprintable())} …”"
