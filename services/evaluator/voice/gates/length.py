"""The gate against text that is too short: the share of passages that are long enough to be judged."""

from __future__ import annotations

from scriptorium.contracts.voice import Gate
from services.evaluator.voice.align_lengths import MIN_LENGTH_SHARE, AlignedTexts
from services.evaluator.voice.gates.gate import grade

MIN_LONG_ENOUGH, WARN_LONG_ENOUGH = 0.90, 0.98  # share of passages that are long enough: fail below, warn below
NEXT_STEP = "Allow more tokens; if it still ends early, train on longer passages."


def check_length(aligned: AlignedTexts) -> Gate:
    """Fail if more than one passage in ten is too short; those count as the base's in every score."""
    min_words = MIN_LENGTH_SHARE * aligned.length
    short = [index for index, text in enumerate(aligned.tuned) if text.words < min_words]
    share = 1 - len(short) / len(aligned.tuned)
    base = sum(text.words >= min_words for text in aligned.base) / len(aligned.base)
    outcome = grade(share < MIN_LONG_ENOUGH, share < WARN_LONG_ENOUGH)
    return Gate(
        code="length",
        outcome=outcome,
        finding=f"{share:.0%} of the passages have at least {min_words:.0f} words (the base's: {base:.0%}).",
        next_step="" if outcome == "pass" else NEXT_STEP,
        numbers={
            "long_enough": share,
            "base_long_enough": base,
            "least_words": min_words,
            "limit": MIN_LONG_ENOUGH,
        },
        samples=short,
    )
