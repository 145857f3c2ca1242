"""The verdict: whether this model may be used for the author's voice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from services.evaluator.voice.frozen import Frozen
from services.evaluator.voice.gates.gate import Gate
from services.evaluator.voice.gates.measurable import MANY
from services.evaluator.voice.transfer import Estimate, Transfer

TARGET = 60.0
LEAST = 40.0  # of each score
IMPOSTORS = 4
MORE_TEXT = "Train on more of the author's text, for more steps, or with a higher rank; then compare again."

Name = Literal["production", "promising", "not_there", "not_measurable", "rejected"]


class ImpostorTransfer(Frozen):
    """The T of another author whom no score has seen."""

    name: str
    alike: bool
    chunks: int
    transfer: Estimate


class VoiceVerdict(Frozen):
    """The verdict, why it is not a better one, the gates that failed, and what to do next."""

    name: Name
    reasons: list[str]
    gates: list[str]
    next_steps: list[str]


def judge_voice(transfer: Transfer, impostors: Sequence[ImpostorTransfer], gates: Sequence[Gate]) -> VoiceVerdict:
    """A failed gate rejects; without a measure nothing is claimed; production needs every condition."""
    failed = [gate for gate in gates if gate.outcome == "fail"]
    measurable = [gate for gate in failed if gate.code == "measurable"]
    if harmful := [gate for gate in failed if gate.code != "measurable"]:
        return _blame("rejected", harmful)
    if measurable:
        return _blame("not_measurable", measurable)
    reasons = hold_back(transfer, impostors, gates)
    name: Name = "production" if not reasons else "promising" if transfer.folded.value > TARGET else "not_there"
    steps = [gate.next_step for gate in gates if gate.next_step]
    return VoiceVerdict(name=name, reasons=reasons, gates=[], next_steps=_advise(transfer, impostors, steps))


def hold_back(transfer: Transfer, impostors: Sequence[ImpostorTransfer], gates: Sequence[Gate]) -> list[str]:
    """Every reason against production."""
    folded = transfer.folded
    best = max(impostors, key=lambda impostor: impostor.transfer.value, default=None)
    low = [f"{part.score} {part.folded.value:.0f}" for part in transfer.scores if part.folded.value < LEAST]
    unknown = [gate.code for gate in gates if not gate.measured]
    reasons = [
        (folded.value <= TARGET, f"T is {folded.value:.0f}; more than {TARGET:.0f} is needed."),
        (
            folded.value > TARGET >= folded.lower_bound,
            f"T is {folded.value:.0f}, but it may be as low as {folded.lower_bound:.0f}: {TARGET:.0f} is not certain.",
        ),
        (bool(low), f"Every score must reach {LEAST:.0f}: {', '.join(low)}."),
        (
            best is not None and folded.lower_bound <= best.transfer.value,
            f"It is not clearly closer to the author than {best.name} is ({best.transfer.value:.0f})." if best else "",
        ),
        (
            len(impostors) < IMPOSTORS,
            f"Only {len(impostors)} other authors were kept unseen; {IMPOSTORS} are needed to know what T means.",
        ),
        (bool(unknown), f"Not measured: {', '.join(unknown)}."),
        (transfer.prompts < MANY / 2, f"{transfer.prompts} prompts are too few to be certain."),
    ]
    return [reason for holds, reason in reasons if holds]


def _advise(transfer: Transfer, impostors: Sequence[ImpostorTransfer], steps: list[str]) -> list[str]:
    short = transfer.folded.lower_bound <= TARGET
    few = len(impostors) < IMPOSTORS
    return [
        *([MORE_TEXT] if short else []),
        *(["Give a folder with more other authors, some of the same period and genre."] if few else []),
        *steps,
    ]


def _blame(name: Name, gates: Sequence[Gate]) -> VoiceVerdict:
    return VoiceVerdict(
        name=name,
        reasons=[gate.finding for gate in gates],
        gates=[gate.code for gate in gates],
        next_steps=[gate.next_step for gate in gates],
    )
