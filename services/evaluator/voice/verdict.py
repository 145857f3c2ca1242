"""The verdict: whether this model may be used for the author's voice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scriptorium.contracts import VoiceName
from services.evaluator.impostors import ENOUGH_UNSEEN
from services.evaluator.voice.frozen import Frozen
from services.evaluator.voice.gates.gate import Gate, GateCode
from services.evaluator.voice.transfer import Estimate, Transfer

TARGET = 60.0
LEAST = 40.0  # of each score
FEW = 24  # prompts: with fewer, a bootstrap bound is too high more often than one time in twenty
TRAIN = "Train on more of the author's text, for more steps, or with a higher rank; then compare again."
HOLD_OUT = "Hold more chapters out (data.split.test in the recipe), or add text by the author."
MORE_AUTHORS = "Give a folder with more other authors, some of them of the same period and genre."
ALIKE = "Name the other authors of the same period and genre in the recipe (evaluation.alike), or add some."


class ImpostorTransfer(Frozen):
    """The T of another author whom no score has seen."""

    name: str
    alike: bool
    chunks: int
    transfer: Estimate


@dataclass(frozen=True)
class Doubt:
    """A reason against production, and what may remove it."""

    reason: str
    step: str


class VoiceVerdict(Frozen):
    """The verdict, why it is not a better one, the gates that failed, and what to do next."""

    name: VoiceName
    reasons: list[str]
    gates: list[GateCode]
    next_steps: list[str]


def judge_voice(transfer: Transfer, impostors: Sequence[ImpostorTransfer], gates: Sequence[Gate]) -> VoiceVerdict:
    """A failed gate rejects; without a measure nothing is claimed; production needs every condition."""
    failed = [gate for gate in gates if gate.outcome == "fail"]
    measurable = [gate for gate in failed if gate.code == "measurable"]
    if harmful := [gate for gate in failed if gate.code != "measurable"]:
        return _blame("rejected", harmful)
    if measurable:
        return _blame("not_measurable", measurable)
    doubts = hold_back(transfer, impostors, gates)
    name: VoiceName = "production" if not doubts else "promising" if transfer.folded.value > TARGET else "not_there"
    steps = [*(doubt.step for doubt in doubts), *(gate.next_step for gate in gates if gate.next_step)]
    return VoiceVerdict(
        name=name, reasons=[doubt.reason for doubt in doubts], gates=[], next_steps=list(dict.fromkeys(steps))
    )


def hold_back(transfer: Transfer, impostors: Sequence[ImpostorTransfer], gates: Sequence[Gate]) -> list[Doubt]:
    """Every reason against production."""
    unknown = [gate for gate in gates if not gate.measured]
    return [
        *_doubt_transfer(transfer),
        *_doubt_impostors(transfer.folded, impostors),
        *(Doubt(f"The gate {gate.code} could not be measured.", gate.next_step) for gate in unknown),
    ]


def _doubt_transfer(transfer: Transfer) -> list[Doubt]:
    folded, doubts = transfer.folded, []
    if folded.value <= TARGET:
        doubts.append(Doubt(f"T is {folded.value:.0f}; more than {TARGET:.0f} is needed.", TRAIN))
    elif folded.lower_bound <= TARGET:
        bound = f"it may be as low as {folded.lower_bound:.0f}: {TARGET:.0f} is not certain."
        doubts.append(Doubt(f"T is {folded.value:.0f}, but {bound}", TRAIN))
    if low := [f"{part.score} {part.folded.value:.0f}" for part in transfer.scores if part.folded.value < LEAST]:
        doubts.append(Doubt(f"Every score must reach {LEAST:.0f}: {', '.join(low)}.", TRAIN))
    if transfer.prompts < FEW:
        doubts.append(Doubt(f"{transfer.prompts} prompts are too few to be certain.", HOLD_OUT))
    return doubts


def _doubt_impostors(folded: Estimate, impostors: Sequence[ImpostorTransfer]) -> list[Doubt]:
    doubts = []
    if len(impostors) < ENOUGH_UNSEEN:
        few = f"Only {len(impostors)} other authors were kept unseen; {ENOUGH_UNSEEN} are needed to know what T means."
        doubts.append(Doubt(few, MORE_AUTHORS))
    elif not any(impostor.alike for impostor in impostors):
        doubts.append(Doubt("None of the unseen authors is known to be of the same period and genre.", ALIKE))
    closer = [impostor for impostor in impostors if folded.lower_bound <= impostor.transfer.value]
    if closer:
        best = max(closer, key=lambda impostor: impostor.transfer.value)
        doubts.append(
            Doubt(f"It is not clearly closer to the author than {best.name} is ({best.transfer.value:.0f}).", TRAIN)
        )
    return doubts


def _blame(name: VoiceName, gates: Sequence[Gate]) -> VoiceVerdict:
    return VoiceVerdict(
        name=name,
        reasons=[gate.finding for gate in gates],
        gates=[gate.code for gate in gates],
        next_steps=[gate.next_step for gate in gates],
    )
