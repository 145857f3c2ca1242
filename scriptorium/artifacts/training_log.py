"""The training log: metrics.jsonl, a line of JSON per log step, checkpoint and begin, and the CSV made from it.

The plugin inside Axolotl appends, the trainer follows, the evaluator draws the loss curve. Standard library only,
because the plugin runs in Axolotl's environment. A line is written at once with its line end; what a killed writer left
incomplete is skipped by every reader.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

CONTROL = "control"  # beside the log: what the trainer asks the plugin for
TRAINING_LOG = "metrics.jsonl"
TRAINING_CSV = "metrics.csv"
TENSORBOARD_FOLDER = "tensorboard"  # event files of the same lines, for TensorBoard
PREFERENCE_ACCURACY, PREFERENCE_MARGIN = "rewards/accuracies", "rewards/margins"  # as TRL names them
CSV_COLUMNS = ("step", "train_loss", "train_accuracy", "valid_loss", "valid_mean_token_accuracy")

LogLine = dict[str, Any]


def append_to_log(path: Path, lines: Iterable[LogLine]) -> None:
    """Append lines to a training log."""
    with path.open("a", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line) + "\n")


def read_training_log(path: Path) -> list[LogLine]:
    """Read every line that is a complete JSON object; a missing file has none."""
    if not path.exists():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            continue
        if isinstance(line, dict):
            lines.append(line)
    return lines


class TrainingLogTail:
    """Reads the lines appended to a log since the last read; an incomplete line waits until it is complete."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0

    def read(self) -> Iterator[LogLine]:
        """Yield the new lines."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._offset += len(line)
                yield json.loads(line)


def write_training_csv(lines: Iterable[LogLine], path: Path) -> None:
    """Write one row per step, in the columns of the fine-tuning API; accuracies are not measured and stay empty."""
    rows: dict[int, dict[str, Any]] = {}
    for line in lines:
        row = rows.setdefault(line["step"], dict.fromkeys(CSV_COLUMNS, "") | {"step": line["step"]})
        row["train_loss"] = line.get("loss", row["train_loss"])
        row["valid_loss"] = line.get("eval_loss", row["valid_loss"])
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, CSV_COLUMNS)
        writer.writeheader()
        writer.writerows(rows[step] for step in sorted(rows) if step > 0)
