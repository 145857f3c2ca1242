"""The record of a check: each step with its outcome and numbers, the file that keeps them, and the last line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from scriptorium.artifacts.manifest import replace_file

GIB = 1 << 30
RECORD_FILE = "gpu-check.json"
NO_CARD = "none"
TRAININGS = ("qlora", "lora")
Numbers = Mapping[str, float]


class Outcome(StrEnum):
    """What became of a step; what is left out lacks something that its reason names."""

    DONE = "done"
    FAILED = "failed"
    LEFT_OUT = "left out"


@dataclass(frozen=True)
class StepRecord:
    """One step of the check, with its seconds, its numbers, and why it failed or was left out."""

    name: str
    outcome: Outcome
    seconds: float = 0.0
    reason: str = ""
    numbers: Numbers = field(default_factory=dict)

    def __str__(self) -> str:
        numbers = "  ".join(f"{name} {format_number(value)}" for name, value in self.numbers.items())
        return f"{self.name:12}{self.outcome:9}{self.seconds:7.1f} s  {self.reason or numbers}"


@dataclass
class CheckRecord:
    """All steps so far, on a card with so much memory."""

    card: str
    shape: str
    folder: str = ""
    memory_bytes: int = 0
    cap_gib: float | None = None
    steps: list[StepRecord] = field(default_factory=list)

    def number(self, step: str, name: str) -> float | None:
        """Return a number of a step that is done."""
        return next((record.numbers.get(name) for record in self.steps if record.name == step), None)

    @property
    def failed(self) -> bool:
        """True if a step failed."""
        return any(step.outcome is Outcome.FAILED for step in self.steps)

    @property
    def handover_seconds(self) -> float | None:
        """Return the seconds from a training's end to the engine's answer, and from there to the next training's step.

        The answer itself takes as long as it takes; it is not part of them.
        """
        parts = [
            self.number("serve", "ready_s"),
            self.number("serve", "stop_s"),
            self.number("train again", "first_step_s"),
        ]
        return None if None in parts else sum(part for part in parts if part is not None)

    def last_line(self) -> str:
        """Return the line that ends the output; "-" stands for what was not measured."""
        peaks = {name: peak for name in TRAININGS if (peak := self.number(name, "peak_gib")) is not None}
        largest = max(peaks, key=lambda name: peaks[name], default="")
        numbers = {
            "lora_mfu": format_number(self.number("lora", "mfu")),
            "qlora_mfu": format_number(self.number("qlora", "mfu")),
            "peak_gib": format_number(peaks.get(largest)),
            "predicted_gib": format_number(self.number(largest, "predicted_gib")),
            "handover_s": format_number(self.handover_seconds),
        }
        return f"gpu: card={self.card.replace(' ', '-')} " + " ".join(f"{name}={n}" for name, n in numbers.items())

    def write(self, folder: Path) -> None:
        """Write the record."""
        replace_file(folder / RECORD_FILE, json.dumps(self.as_json(), indent=2) + "\n")

    def as_json(self) -> dict[str, object]:
        """Return the record for machines."""
        return {**asdict(self), "handover_s": self.handover_seconds}


def format_number(value: float | None) -> str:
    """Return a number with three digits, at least whole, or "-" for None."""
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def memory_share(cap_gib: float | None, total_bytes: int) -> float:
    """Return the share of a card's memory that a cap allows: all of a card that has less."""
    return 1.0 if cap_gib is None or not total_bytes else min(1.0, cap_gib * GIB / total_bytes)
