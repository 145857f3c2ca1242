"""Retention in report.json: whether the tuned model can still do what the base can."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from scriptorium.contracts.base import Contract


class RetentionVerdict(StrEnum):
    """The verdicts from good to bad; a warning is not a pass, because something was not shown."""

    PASS = "pass"  # noqa: S105
    WARN = "warn"
    FAIL = "fail"


class InstructionKind(Contract):
    """Instructions of one kind, and how many each model followed."""

    kind: str
    asked: int
    base: int
    tuned: int


class LostInstruction(Contract):
    """An instruction that the base follows and the tuned model does not, with both answers."""

    kind: str
    request: str
    base: str
    tuned: str


class PairedChange(BaseModel):
    """The share followed by the tuned model minus that of the base, in points, with one-sided 95 % bounds."""

    model_config = ConfigDict(frozen=True)

    points: float
    low_points: float
    high_points: float


class KindGroup(Contract):
    """The instructions of some kinds: how many each model followed, the change, and the loss that must be ruled out."""

    kinds: tuple[str, ...]
    asked: int
    base: int
    tuned: int
    change: PairedChange
    margin_points: float


class Following(Contract):
    """The numbers of instructions followed: `gained` by the tuned model alone, `lost` by the base alone.

    `by_chance` is the share (0 to 1) that the base's answers follow by accident; `needed` is how many it must follow
    beyond those for a loss of half of them to be noticed; `margin_points` is the loss that must be ruled out.
    `replayed` are the kinds that replayed requests resembled, `unseen` the others; None if no replay is known.
    """

    asked: int
    base: int
    tuned: int
    gained: int
    lost: int
    change: PairedChange
    margin_points: float
    by_chance: float
    needed: int | None
    kinds: tuple[InstructionKind, ...]
    examples: tuple[LostInstruction, ...]
    replayed: KindGroup | None = None
    unseen: KindGroup | None = None

    @property
    def deliberate(self) -> float:
        """The number of instructions that the base follows beyond those that it would follow by accident."""
        return self.base - self.by_chance * self.asked

    @property
    def visible(self) -> bool:
        """True if a loss of half of the base's deliberate successes would be noticed."""
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


class RetentionPart(Contract):
    """One part of the gate: a code of a closed list, its verdict, a message, and the next step if it does not pass."""

    code: str
    verdict: RetentionVerdict
    message: str
    next_step: str | None = None


class Retention(Contract):
    """The retention gate: its verdict is that of the worst of its parts."""

    code: Literal["retention"] = "retention"
    verdict: RetentionVerdict
    parts: tuple[RetentionPart, ...]
    next_step: str | None
    following: Following
    perplexity: Perplexity
    seconds: float


class RetentionOutcome(BaseModel):
    """The gate with all its parts; `retention` is None if there were no instructions to ask."""

    retention: Retention | None
    adherence: Adherence
    parts: list[RetentionPart]

    @property
    def verdict(self) -> RetentionVerdict:
        """The verdict of the worst part."""
        order = tuple(RetentionVerdict)
        return max((part.verdict for part in self.parts), key=order.index)
