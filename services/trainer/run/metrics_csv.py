"""Training's numbers on disk: the plugin's metrics.jsonl, and the CSV that the fine-tuning wire offers as a result."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

METRICS = "metrics.jsonl"
CSV = "metrics.csv"
COLUMNS = ("step", "train_loss", "train_accuracy", "valid_loss", "valid_mean_token_accuracy")


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics file; a torn last one is left out."""
    lines = path.read_text("utf-8").splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def write_csv(lines: list[dict[str, Any]], path: Path) -> None:
    """Write one row a step, in the wire's columns; accuracies are not measured and stay empty."""
    rows: dict[int, dict[str, Any]] = {}
    for line in lines:
        row = rows.setdefault(line["step"], dict.fromkeys(COLUMNS, "") | {"step": line["step"]})
        row["train_loss"] = line.get("loss", row["train_loss"])
        row["valid_loss"] = line.get("eval_loss", row["valid_loss"])
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows[step] for step in sorted(rows) if step > 0)
