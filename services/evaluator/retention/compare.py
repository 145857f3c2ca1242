"""Compare the answers of base and tuned to the same instructions: shares, change and lost instructions.

Kinds that replay practised and kinds that it did not are compared apart, too: an ability that was only rehearsed says
nothing about the others.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from scriptorium.contracts.report.retention import Following, InstructionKind, KindGroup, LostInstruction
from scriptorium.instructions.instruction import Instruction
from services.evaluator.retention.paired_interval import estimate_change
from services.evaluator.retention.power import count_needed, margin, share_followed_by_chance

MAX_EXAMPLES = 12  # answers that no longer follow, at most one of a kind


def compare_answers(
    instructions: Sequence[Instruction],
    base: Sequence[str],
    tuned: Sequence[str],
    replayed_kinds: Collection[str] = (),
) -> Following:
    """Compare the answers of both models, which are in the order of the instructions."""
    before = [instruction.followed(answer) for instruction, answer in zip(instructions, base, strict=True)]
    after = [instruction.followed(answer) for instruction, answer in zip(instructions, tuned, strict=True)]
    pairs = list(zip(before, after, strict=True))
    gained, lost = pairs.count((False, True)), pairs.count((True, False))
    number = len(instructions)
    return Following(
        asked=number,
        base=sum(before),
        tuned=sum(after),
        gained=gained,
        lost=lost,
        change=estimate_change(gained, lost, number),
        margin_points=margin(number),
        by_chance=share_followed_by_chance(instructions, base),
        needed=count_needed(number),
        kinds=_count_by_kind(instructions, pairs),
        examples=_lost_examples(instructions, pairs, base, tuned),
        replayed=_compare_group(instructions, pairs, replayed_kinds, replayed=True),
        unseen=_compare_group(instructions, pairs, replayed_kinds, replayed=False),
    )


def _compare_group(
    instructions: Sequence[Instruction],
    pairs: Sequence[tuple[bool, bool]],
    replayed_kinds: Collection[str],
    *,
    replayed: bool,
) -> KindGroup | None:
    """Compare both models on the kinds that were replayed, or on the others; None if none were, or none are left."""
    members = [
        (instruction.kind, pair)
        for instruction, pair in zip(instructions, pairs, strict=True)
        if (instruction.kind in replayed_kinds) is replayed
    ]
    if not replayed_kinds or not members:
        return None
    results = [pair for _, pair in members]
    return KindGroup(
        kinds=tuple(dict.fromkeys(kind for kind, _ in members)),
        asked=len(members),
        base=sum(base for base, _ in results),
        tuned=sum(tuned for _, tuned in results),
        change=estimate_change(results.count((False, True)), results.count((True, False)), len(members)),
        margin_points=margin(len(members)),
    )


def _count_by_kind(
    instructions: Sequence[Instruction], pairs: Sequence[tuple[bool, bool]]
) -> tuple[InstructionKind, ...]:
    """Count the instructions followed per kind, in the order in which the kinds come first."""
    by_kind: dict[str, list[tuple[bool, bool]]] = {}
    for instruction, pair in zip(instructions, pairs, strict=True):
        by_kind.setdefault(instruction.kind, []).append(pair)
    return tuple(
        InstructionKind(
            kind=kind,
            asked=len(results),
            base=sum(base for base, _ in results),
            tuned=sum(tuned for _, tuned in results),
        )
        for kind, results in by_kind.items()
    )


def _lost_examples(
    instructions: Sequence[Instruction],
    pairs: Sequence[tuple[bool, bool]],
    base: Sequence[str],
    tuned: Sequence[str],
) -> tuple[LostInstruction, ...]:
    """Return the first lost instruction of each kind, with both answers."""
    lost: dict[str, LostInstruction] = {}
    for instruction, pair, before, after in zip(instructions, pairs, base, tuned, strict=True):
        if pair == (True, False):
            example = LostInstruction(kind=instruction.kind, request=instruction.request, base=before, tuned=after)
            lost.setdefault(instruction.kind, example)
    return tuple(lost.values())[:MAX_EXAMPLES]
