"""What was found out about retention: the numbers, a verdict on each part, and what to do next."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from scriptorium.contracts import Contract
from services.evaluator.retention.paired_interval import Change


class Verdict(StrEnum):
    """From good to bad; a warning is no pass: something was not shown."""

    PASS = "pass"  # noqa: S105
    WARN = "warn"
    FAIL = "fail"


class Kind(Contract):
    """Instructions of one kind, and how many each model followed."""

    kind: str
    asked: int
    base: int
    tuned: int


class Lost(Contract):
    """An instruction that the base follows and the tuned model does not, with both answers."""

    kind: str
    request: str
    base: str
    tuned: str


class Following(Contract):
    """How many instructions were followed; `gained` and `lost` by the tuned model alone and by the base alone.

    `by_chance` is the share (0 to 1) that the base's answers follow by accident; `needed` is how many it must follow
    beyond those, so that a loss of half of them would be noticed; `margin_points` is the loss that has to be ruled out.
    """

    asked: int
    base: int
    tuned: int
    gained: int
    lost: int
    change: Change
    margin_points: float
    by_chance: float
    needed: int | None
    kinds: tuple[Kind, ...]
    examples: tuple[Lost, ...]

    @property
    def deliberate(self) -> float:
        """How many instructions the base follows beyond those that it would follow by accident."""
        return self.base - self.by_chance * self.asked

    @property
    def visible(self) -> bool:
        """Whether a loss of half of what the base does on demand would be noticed."""
        return self.needed is not None and self.deliberate >= self.needed


class Perplexity(Contract):
    """Perplexity per token of neutral text, and tuned over base with one-sided 95 % bounds."""

    paragraphs: int
    tokens: int
    base: float
    tuned: float
    ratio: float
    low: float
    high: float


class Adherence(Contract):
    """The mean share (0 to 1) of a brief's own words that a passage names; the change with one-sided 95 % bounds."""

    briefs: int
    base: float
    tuned: float
    points: float
    low_points: float
    high_points: float


class Part(Contract):
    """One part of the gate: what it says, in a closed list of codes, and what to do where it does not pass."""

    code: str
    verdict: Verdict
    message: str
    next_step: str | None = None


class Retention(Contract):
    """The gate: as good as the worse of its two parts."""

    code: Literal["retention"] = "retention"
    verdict: Verdict
    parts: tuple[Part, Part]
    next_step: str | None
    following: Following
    perplexity: Perplexity
    seconds: float
