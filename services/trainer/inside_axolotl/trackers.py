"""Trackers: the training's curves for TensorBoard and, if the job wants it, for Weights & Biases.

Both get the lines of the training log, those of earlier attempts included. A tracker that fails is left out from then
on; it never costs the training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from scriptorium.artifacts.checkpoint_samples import CheckpointSample
from scriptorium.artifacts.training_log import LogLine
from services.trainer.inside_axolotl.event_files import EventFiles
from services.trainer.inside_axolotl.wandb_run import RUN_FILE, WandbRun, shorten

CURVES = {
    "loss": "train/loss",
    "learning_rate": "train/learning_rate",
    "grad_norm": "train/gradient_norm",
    "epoch": "train/epoch",
    "tokens/trainable": "train/tokens",
    "eval_loss": "dev/loss",
    "selectivity": "dev/selectivity",
    "mfu_ratio": "device/mfu",
    "device_use_ratio": "device/use",
    "memory_used_bytes": "device/memory_bytes",
}
RATE = "device/tokens_per_second"

Tracker = EventFiles | WandbRun


class Trackers:
    """The trackers of one training folder; `notify` gets what a person should know."""

    def __init__(self, training: Path, notify: Callable[[str], None]) -> None:
        self._training = training
        self._notify = notify
        self._trackers: list[Tracker] = []
        self._previous: LogLine | None = None
        self._tokens: float | None = None

    def open(self, lines: Iterable[LogLine] = (), samples: Iterable[CheckpointSample] = ()) -> None:
        """Begin, with what earlier attempts have logged and written."""
        self._try("TensorBoard", lambda: self._trackers.append(EventFiles(self._training)))
        if (self._training / RUN_FILE).exists():
            self._try("W&B", lambda: self._trackers.append(WandbRun(self._training, self._notify)))
        for line in lines:
            self.add(line)
        self.add_samples(samples)

    def add(self, line: LogLine) -> None:
        """Add what a line of the log has of each curve."""
        points = {CURVES[name]: float(value) for name, value in line.items() if name in CURVES and "event" not in line}
        points |= self._rate(line)
        if points:
            self._each(lambda tracker: tracker.add(points, line["step"], line["time"]))

    def add_samples(self, samples: Iterable[CheckpointSample]) -> None:
        """Add passages."""
        passages = list(samples)
        if passages:
            self._each(lambda tracker: tracker.add_samples(passages))

    def close(self) -> None:
        """End, with everything written."""
        self._each(lambda tracker: tracker.close())
        self._trackers = []

    def _rate(self, line: LogLine) -> dict[str, float]:
        """Return a step's trained tokens per second; other lines end what was not a step's time."""
        previous, self._previous = self._previous, line
        tokens, before = line.get("tokens/trainable"), self._tokens
        if "loss" not in line or tokens is None:
            return {}
        self._tokens = tokens
        if previous is None or before is None or line["time"] <= previous["time"]:
            return {}
        return {RATE: (tokens - before) / (line["time"] - previous["time"])}

    def _each(self, act: Callable[[Tracker], None]) -> None:
        for tracker in list(self._trackers):
            if not self._try(type(tracker).__name__, lambda tracker=tracker: act(tracker)):  # type: ignore[misc]
                self._trackers.remove(tracker)

    def _try(self, name: str, action: Callable[[], None]) -> bool:
        """Return whether an action succeeded; a failure is only reported."""
        try:
            action()
        except Exception as error:  # noqa: BLE001  # a tracker must never cost a training
            self._notify(f"{name} is left out: {shorten(error)}.")
            return False
        return True
