"""Trials: what a checkpoint writes at one strength of its adapter, so that the best strength can be chosen.

<training>/trials/base.json and <training>/trials/checkpoint-<step>@<strength>.json: training writes them from dev
briefs, dev passages and dev instructions, never from test ones; calibrating judges them.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

FOLDER = "trials"
BASE = "base"


class TemperaturePoint(BaseModel):
    """The base's mean loss (nats per token) on what was written at a temperature."""

    model_config = ConfigDict(frozen=True)

    temperature: float
    loss: float


class TrialPassage(BaseModel):
    """A passage written from the `brief`-th chosen dev brief; `ended` by itself and not by its token limit."""

    model_config = ConfigDict(frozen=True)

    brief: int
    text: str
    tokens: int
    ended: bool


class Trial(BaseModel):
    """What was written at one strength: passages at the calibrated `temperature`, answers to dev instructions greedily.

    `step` is None and `strength` 0 for the base alone. `temperatures` is the curve that the temperature was found on,
    `genuine_loss` the base's mean loss on genuine dev passages, which it matches. `answers` are in the order of the dev
    instructions; `selectivity` is that of `scriptorium.artifacts.checkpoint_losses`, at this strength.
    """

    model_config = ConfigDict(frozen=True)

    step: int | None
    strength: float
    temperature: float
    temperatures: list[TemperaturePoint]
    genuine_loss: float
    passages: list[TrialPassage]
    answers: list[str]
    selectivity: float | None = None


def trial_path(training: Path, step: int | None, strength: float) -> Path:
    """Return the path of a trial in a training folder."""
    name = BASE if step is None else f"checkpoint-{step}@{strength:g}"
    return training / FOLDER / f"{name}.json"


def read_trials(training: Path) -> list[Trial]:
    """Read the complete trials of a training, the base's first, then by step and strength."""
    trials = []
    for path in (training / FOLDER).glob("*.json"):
        try:
            trials.append(Trial.model_validate_json(path.read_text("utf-8")))
        except ValidationError:
            continue
    return sorted(trials, key=lambda trial: (trial.step or 0, trial.strength))
