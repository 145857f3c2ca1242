"""Read the losses of a training run from its metrics.jsonl, one line of JSON per log step."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from pydantic import BaseModel


class Point(BaseModel):
    """A loss (nats per token) after `step` updates."""

    step: int
    loss: float


class Losses(BaseModel):
    """The loss on the training text and on the dev chapters, by step."""

    train: list[Point] = []
    dev: list[Point] = []


def read_losses(path: Path) -> Losses:
    """The losses in order of steps; lines that are torn or say something else are passed over, an absent file has none.

    A training that was taken up again logs some steps twice: the later line is the one that led to the model.
    """
    train: dict[int, float] = {}
    dev: dict[int, float] = {}
    for line in _lines(path):
        for key, losses in (("loss", train), ("eval_loss", dev)):
            step, loss = line.get("step"), line.get(key)
            if isinstance(step, int) and isinstance(loss, int | float) and math.isfinite(loss):
                losses[step] = float(loss)
    return Losses(train=_points(train), dev=_points(dev))


def _points(losses: dict[int, float]) -> list[Point]:
    return [Point(step=step, loss=loss) for step, loss in sorted(losses.items())]


def _lines(path: Path) -> list[dict[str, Any]]:
    """Every line that is a whole JSON object."""
    if not path.exists():
        return []
    found = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            continue
        if isinstance(line, dict):
            found.append(line)
    return found
