"""Training's progress, read off the lines that the plugin appends, and told as the seed workflow told it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from scriptorium.contracts import Checkpoint
from scriptorium.jobs.reporter import Reporter
from services.trainer.run.loss_curve import Curve

Line = dict[str, Any]
DEVICE = ("mfu_ratio", "memory_used_bytes", "memory_total_bytes", "device_use_ratio")


class Tail:
    """Reads what was appended to a file since the last look; a torn line waits until it is whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0

    def read(self) -> Iterator[Line]:
        """The new lines."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._offset += len(line)
                yield json.loads(line)


class Progress:
    """Turns lines into events and numbers: steps, dev losses, checkpoints and ends of epochs.

    `earlier` are the lines of the attempts before, up to the step that this one goes on from.
    """

    def __init__(self, reporter: Reporter, earlier: Iterable[Line] = ()) -> None:
        self._report = reporter
        self._curve = Curve()
        self._points: dict[str, float] = {}
        self._checkpoints: set[int] = set()
        self._before: Line | None = None
        self._start: Line | None = None
        self._epoch_losses: list[float] = []
        self.first_loss: float | None = None
        self.last_loss: float | None = None
        self.step = 0
        self.tokens = 0
        for line in earlier:
            self._recall(line)

    def take_all(self, lines: Tail) -> None:
        """Tell what was appended since the last look."""
        for line in lines.read():
            self.take(line)

    def take(self, line: Line) -> None:
        """Tell what one line says."""
        if line.get("event") == "begin":
            self._begin(line)
        elif line.get("event") == "checkpoint":
            self._checkpoint(line)
        elif "eval_loss" in line:
            self._dev_loss(line)
        else:
            self._step(line)

    def _recall(self, line: Line) -> None:
        """Know what happened before, without a line in the story."""
        if line.get("event") == "checkpoint":
            self._checkpoints.add(line["step"])
        elif "loss" in line:
            self.tokens = int(line.get("tokens/trainable", 0))
            self._points |= self._curve.add(line["step"], line["max_steps"], line["loss"])

    def _begin(self, line: Line) -> None:
        self._start = self._before = line
        epochs = line["num_epochs"]
        at = f"resuming at step {line['step']}" if line["step"] else f"{line['max_steps']} steps"
        self._report.message(f"[TRAIN] Starting epoch {int(line['epoch']) + 1}/{epochs:g}, {at}", **line)
        self._report.remember({**self._points, "checkpoints": len(self._checkpoints)})  # the last steps went untold

    def _checkpoint(self, line: Line) -> None:
        checkpoint = Checkpoint(
            step=line["step"], created_at=int(line["time"]), train_loss=line["train_loss"], dev_loss=line["dev_loss"]
        )
        self._checkpoints.add(checkpoint.step)
        self._report.checkpoint(checkpoint)
        self._report.remember({"checkpoints": len(self._checkpoints)})
        self._report.message(f"[TRAIN] Saved checkpoint-{checkpoint.step}", **checkpoint.model_dump())

    def _dev_loss(self, line: Line) -> None:
        text = f"[TRAIN] Step {line['step']}/{line['max_steps']}: dev loss={line['eval_loss']:.2f}"
        self._report.metrics(text, step=line["step"], valid_loss=line["eval_loss"])
        self._before = line if self._before else None  # an evaluation's time is not a step's

    def _step(self, line: Line) -> None:
        rate, eta = self._speed(line)
        self.step, self.tokens, self.last_loss = line["step"], int(line.get("tokens/trainable", 0)), line["loss"]
        self.first_loss = line["loss"] if self.first_loss is None else self.first_loss
        self._report.metrics(
            f"[TRAIN] Step {line['step']}/{line['max_steps']}: training loss={line['loss']:.2f}",
            step=line["step"],
            total_steps=line["max_steps"],
            train_loss=line["loss"],
            learning_rate=line.get("learning_rate"),
            gradient_norm=line.get("grad_norm"),
            epoch=line.get("epoch"),
            trained_tokens=self.tokens,
            tokens_per_second=rate,
            eta_seconds=eta,
            **{name: line.get(name) for name in DEVICE},
        )
        self._report.remember(self._curve.add(line["step"], line["max_steps"], line["loss"]))
        self._epoch(line)
        self._before = {**line, "tokens": self.tokens}

    def _speed(self, line: Line) -> tuple[float | None, float | None]:
        """Trained tokens per second of this step, and the seconds that are left at this attempt's mean pace."""
        if not self._before or not self._start or line["step"] <= self._start["step"]:
            return None, None
        tokens = int(line.get("tokens/trainable", 0)) - self.tokens
        rate = tokens / max(1e-6, line["time"] - self._before["time"])
        pace = (line["time"] - self._start["time"]) / (line["step"] - self._start["step"])
        return round(max(0.0, rate), 1), round(pace * (line["max_steps"] - line["step"]), 1)

    def _epoch(self, line: Line) -> None:
        self._epoch_losses.append(line["loss"])
        epoch, before = float(line.get("epoch", 0)), float((self._before or {}).get("epoch", 0))
        if int(epoch) > int(before):
            first, last = self._epoch_losses[0], self._epoch_losses[-1]
            self._report.message(f"[TRAIN] Epoch {int(epoch)} complete, loss: {first:.2f} -> {last:.2f}", epoch=epoch)
            self._epoch_losses = []
