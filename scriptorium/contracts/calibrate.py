"""Calibrating: which checkpoint is merged, at which strength, and the temperature at which it writes."""

from __future__ import annotations

from pathlib import Path

from scriptorium.artifacts.trials import TemperaturePoint
from scriptorium.contracts.base import Contract
from scriptorium.recipe import Select


class CalibrateRequest(Contract):
    """A dataset, and a finished training with its trials (see `scriptorium.artifacts.trials`).

    A `checkpoint` or `strength` that is given is not chosen. `alike` names other authors of the same period and genre.
    """

    dataset: Path
    training: Path
    tokenizer: Path
    select: Select = "balance"
    checkpoint: int | None = None
    strength: float | None = None
    alike: list[str] = []
    seed: int = 42


class TrialScore(Contract):
    """What a trial came to: T on dev briefs with its 95 % interval, and the dev instructions followed.

    `low_points` is the one-sided 95 % bound of the change against the base, in points; `kept` says that a loss beyond
    the margin is ruled out. `long_enough` is the share of the passages that are long enough to be judged, and
    `base_long_enough` that of the base's. `chosen` marks the trial whose temperature is taken.
    """

    step: int
    strength: float
    temperature: float
    transfer: float | None = None
    low: float | None = None
    high: float | None = None
    asked: int = 0
    base_followed: int = 0
    followed: int = 0
    low_points: float | None = None
    kept: bool = False
    long_enough: float | None = None
    base_long_enough: float | None = None
    selectivity: float | None = None
    chosen: bool = False


class CalibrateResult(Contract):
    """The checkpoint to merge (None: merging chooses it), its strength, the temperatures of both models, the curve.

    `temperatures` is the curve that the chosen trial's temperature was found on, `genuine_loss` what it had to match.
    `reason` says why in plain words.
    """

    step: int | None = None
    strength: float = 1.0
    temperature: float = 1.0
    base_temperature: float = 1.0
    scores: list[TrialScore] = []
    temperatures: list[TemperaturePoint] = []
    genuine_loss: float | None = None
    reason: str = ""
