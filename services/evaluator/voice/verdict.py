"""The verdict: whether this model may be used for the author's voice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scriptorium.contracts import VoiceName
from scriptorium.contracts.report.voice import (
    Estimate,
    Gate,
    GateCode,
    ImpostorTransfer,
    Transfer,
    VoiceVerdict,
)
from services.evaluator.impostors import MIN_UNSEEN_IMPOSTORS
from services.evaluator.voice.gates.measurable import MIN_PROMPTS

TARGET = 60.0
MIN_SCORE = 40.0  # folded T of each score
CERTAIN_PROMPTS = 24  # with fewer, a bootstrap bound is too high more often than one time in twenty
SAMPLED_GATES: frozenset[GateCode] = frozenset(
    ["degeneration", "coherence", "length", "caricature"]
)  # on shares, means
TRAIN_MORE = "Train on more of the author's text, for more steps, or with a higher rank; then compare again."
HOLD_OUT_MORE = "Hold more chapters out (data.split.test in the recipe), or add text by the author."
ADD_AUTHORS = "Give a folder with more other authors, some of them of the same period and genre."
NAME_ALIKE_AUTHORS = (
    "Name the other authors of the same period and genre in the recipe (evaluation.alike), or add some."
)


@dataclass(frozen=True)
class Objection:
    """A reason against production, and the step that may remove it."""

    reason: str
    next_step: str


def judge_voice(transfer: Transfer, impostors: Sequence[ImpostorTransfer], gates: Sequence[Gate]) -> VoiceVerdict:
    """Judge: a failed gate rejects; without a measurement nothing is claimed; production needs every condition.

    Gates on a share of the passages, or on their mean, show nothing on a handful of them: those do not reject then.
    """
    unproven = SAMPLED_GATES if transfer.prompts < MIN_PROMPTS else frozenset()
    failed = [gate for gate in gates if gate.outcome == "fail" and gate.code not in unproven]
    measurable = [gate for gate in failed if gate.code == "measurable"]
    if harmful := [gate for gate in failed if gate.code != "measurable"]:
        return _blame_gates("rejected", harmful)
    if measurable:
        return _blame_gates("not_measurable", measurable)
    objections = list_objections(transfer, impostors, gates)
    name: VoiceName = "production" if not objections else "promising" if transfer.folded.value > TARGET else "not_there"
    steps = [*(objection.next_step for objection in objections), *(gate.next_step for gate in gates if gate.next_step)]
    return VoiceVerdict(
        name=name,
        reasons=[objection.reason for objection in objections],
        gates=[],
        next_steps=list(dict.fromkeys(steps)),
    )


def list_objections(
    transfer: Transfer, impostors: Sequence[ImpostorTransfer], gates: Sequence[Gate]
) -> list[Objection]:
    """List every reason against production."""
    unmeasured = [gate for gate in gates if not gate.measured]
    return [
        *_object_to_transfer(transfer),
        *_object_to_impostors(transfer.folded, impostors),
        *(Objection(f"The gate {gate.code} could not be measured.", gate.next_step) for gate in unmeasured),
    ]


def _object_to_transfer(transfer: Transfer) -> list[Objection]:
    folded, objections = transfer.folded, []
    if folded.value <= TARGET:
        objections.append(Objection(f"T is {folded.value:.0f}; more than {TARGET:.0f} is needed.", TRAIN_MORE))
    elif folded.lower_bound <= TARGET:
        bound = f"it may be as low as {folded.lower_bound:.0f}: {TARGET:.0f} is not certain."
        objections.append(Objection(f"T is {folded.value:.0f}, but {bound}", TRAIN_MORE))
    if low := [f"{part.score} {part.folded.value:.0f}" for part in transfer.scores if part.folded.value < MIN_SCORE]:
        objections.append(Objection(f"Every score must reach {MIN_SCORE:.0f}: {', '.join(low)}.", TRAIN_MORE))
    if transfer.prompts < CERTAIN_PROMPTS:
        objections.append(Objection(f"{transfer.prompts} prompts are too few to be certain.", HOLD_OUT_MORE))
    return objections


def _object_to_impostors(folded: Estimate, impostors: Sequence[ImpostorTransfer]) -> list[Objection]:
    objections = []
    if len(impostors) < MIN_UNSEEN_IMPOSTORS:
        reason = (
            f"Only {len(impostors)} other authors were kept unseen; "
            f"{MIN_UNSEEN_IMPOSTORS} are needed to know what T means."
        )
        objections.append(Objection(reason, ADD_AUTHORS))
    elif not any(impostor.alike for impostor in impostors):
        reason = "None of the unseen authors is known to be of the same period and genre."
        objections.append(Objection(reason, NAME_ALIKE_AUTHORS))
    closer = [impostor for impostor in impostors if folded.lower_bound <= impostor.transfer.value]
    if closer:
        best = max(closer, key=lambda impostor: impostor.transfer.value)
        reason = f"It is not clearly closer to the author than {best.name} is ({best.transfer.value:.0f})."
        objections.append(Objection(reason, TRAIN_MORE))
    return objections


def _blame_gates(name: VoiceName, gates: Sequence[Gate]) -> VoiceVerdict:
    return VoiceVerdict(
        name=name,
        reasons=[gate.finding for gate in gates],
        gates=[gate.code for gate in gates],
        next_steps=[gate.next_step for gate in gates],
    )
