"""Compare the answers of base and tuned to the same instructions: the shares, the change, and what was lost."""

from __future__ import annotations

from collections.abc import Sequence

from services.evaluator.retention.instructions.instruction import Instruction
from services.evaluator.retention.paired_interval import change
from services.evaluator.retention.power import by_chance, margin, needed_to_see
from services.evaluator.retention.result import Following, Kind, Lost

EXAMPLES = 12  # answers that no longer follow, at most one of a kind


def compare_answers(instructions: Sequence[Instruction], base: Sequence[str], tuned: Sequence[str]) -> Following:
    """The comparison; the answers are in the order of the instructions."""
    before = [instruction.followed(said) for instruction, said in zip(instructions, base, strict=True)]
    after = [instruction.followed(said) for instruction, said in zip(instructions, tuned, strict=True)]
    pairs = list(zip(before, after, strict=True))
    gained, lost = pairs.count((False, True)), pairs.count((True, False))
    asked = len(instructions)
    return Following(
        asked=asked,
        base=sum(before),
        tuned=sum(after),
        gained=gained,
        lost=lost,
        change=change(gained, lost, asked),
        margin_points=margin(asked),
        by_chance=by_chance(instructions, base),
        needed=needed_to_see(asked),
        kinds=_by_kind(instructions, pairs),
        examples=_examples(instructions, pairs, base, tuned),
    )


def _by_kind(instructions: Sequence[Instruction], pairs: Sequence[tuple[bool, bool]]) -> tuple[Kind, ...]:
    """A line per kind, in the order in which the kinds were asked first."""
    found: dict[str, list[tuple[bool, bool]]] = {}
    for instruction, pair in zip(instructions, pairs, strict=True):
        found.setdefault(instruction.kind, []).append(pair)
    return tuple(
        Kind(kind=kind, asked=len(each), base=sum(one for one, _ in each), tuned=sum(other for _, other in each))
        for kind, each in found.items()
    )


def _examples(
    instructions: Sequence[Instruction],
    pairs: Sequence[tuple[bool, bool]],
    base: Sequence[str],
    tuned: Sequence[str],
) -> tuple[Lost, ...]:
    """What was lost, the first of each kind."""
    lost: dict[str, Lost] = {}
    for instruction, pair, before, after in zip(instructions, pairs, base, tuned, strict=True):
        if pair == (True, False):
            example = Lost(kind=instruction.kind, request=instruction.request, base=before, tuned=after)
            lost.setdefault(instruction.kind, example)
    return tuple(lost.values())[:EXAMPLES]
