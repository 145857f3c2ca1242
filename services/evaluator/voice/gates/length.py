"""Does it write at all? The share of passages that are long enough to be judged."""

from __future__ import annotations

from services.evaluator.voice.align_lengths import SHORTEST, Prepared
from services.evaluator.voice.gates.gate import Gate, grade

ENOUGH, MOST = 0.90, 0.98  # share of passages that are long enough: fail below, warn below
NEXT = "Allow more tokens; where it ends early all the same, train on longer passages."


def check_length(prepared: Prepared) -> Gate:
    """Fail where more than one in ten is too short; those count as the base's in every score."""
    least = SHORTEST * prepared.length
    short = [place for place, text in enumerate(prepared.tuned) if text.words < least]
    enough = 1 - len(short) / len(prepared.tuned)
    base = sum(text.words >= least for text in prepared.base) / len(prepared.base)
    outcome = grade(enough < ENOUGH, enough < MOST)
    return Gate(
        code="length",
        outcome=outcome,
        finding=f"{enough:.0%} of the passages have at least {least:.0f} words (the base's: {base:.0%}).",
        next_step="" if outcome == "pass" else NEXT,
        numbers={"long_enough": enough, "base_long_enough": base, "least_words": least, "limit": ENOUGH},
        samples=short,
    )
