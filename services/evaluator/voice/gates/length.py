"""The gate against text that is too short: the share of passages that are long enough to be judged.

Nine in ten are enough. With fewer, the base decides, which got the same briefs and the same tokens: a model that is
clearly shorter than its base has learned to stop early.
"""

from __future__ import annotations

from collections.abc import Sequence

from scriptorium.contracts.report.voice import Gate
from scriptorium.stats.paired_proportions import upper_bound
from services.evaluator.voice.align_lengths import MIN_LENGTH_SHARE, AlignedText, AlignedTexts
from services.evaluator.voice.gates.gate import grade
from services.evaluator.voice.inputs import Endings

MIN_LONG_ENOUGH, WARN_LONG_ENOUGH = 0.90, 0.98  # share of passages that are long enough: look at the base, warn below
MIN_MEASURABLE = 0.60  # with fewer of either model's, most of a comparison is no comparison
NEXT_STEP = "Allow more tokens; if it still ends early, train on longer passages."
NEXT_STEP_HOPELESS = "Allow more tokens, or take a larger base model: this one seldom writes as long as the author."


def check_length(aligned: AlignedTexts, endings: Endings | None = None) -> Gate:
    """Fail if too many passages are too short and clearly more than the base's; short ones count as the base's."""
    long_enough, base_long_enough = mark_long_enough(aligned.tuned, aligned), mark_long_enough(aligned.base, aligned)
    share, base = sum(long_enough) / len(long_enough), sum(base_long_enough) / len(base_long_enough)
    too_few = share < MIN_LONG_ENOUGH
    shorter = is_shorter(long_enough, base_long_enough)
    hopeless = too_few and not shorter and min(share, base) < MIN_MEASURABLE
    short = [index for index, enough in enumerate(long_enough) if not enough]
    outcome = grade(too_few and shorter, share < WARN_LONG_ENOUGH)
    return Gate(
        code="length",
        outcome=outcome,
        measured=not hopeless,
        finding=f"{share:.0%} of the passages have at least {count_needed(aligned):.0f} words (the base's: {base:.0%})"
        + ("; that is too few to compare anything." if hopeless else f"{_describe_endings(short, endings)}."),
        next_step="" if outcome == "pass" else NEXT_STEP_HOPELESS if hopeless else NEXT_STEP,
        numbers={
            "long_enough": share,
            "base_long_enough": base,
            "least_words": count_needed(aligned),
            "limit": min(MIN_LONG_ENOUGH, base),
            **({"ended_early": _count_ended(short, endings)} if endings else {}),
        },
        samples=short,
    )


def count_needed(aligned: AlignedTexts) -> float:
    """Count the words that make a passage long enough."""
    return MIN_LENGTH_SHARE * aligned.length


def mark_long_enough(texts: Sequence[AlignedText], aligned: AlignedTexts) -> list[bool]:
    """Tell of each passage whether it is long enough."""
    return [text.words >= count_needed(aligned) for text in texts]


def is_shorter(long_enough: Sequence[bool], base: Sequence[bool]) -> bool:
    """Return whether the share of a model is below its base's without doubt: the one-sided 95 % bound is below 0."""
    pairs = list(zip(long_enough, base, strict=True))
    return upper_bound(pairs.count((True, False)), pairs.count((False, True)), len(pairs)) < 0


def _describe_endings(short: Sequence[int], endings: Endings | None) -> str:
    """Say how many of the short passages ended by themselves; nothing if that is not known."""
    return (
        f"; {_count_ended(short, endings)} of the {len(short)} short ones ended by themselves"
        if endings and short
        else ""
    )


def _count_ended(short: Sequence[int], endings: Endings) -> int:
    return sum(endings.tuned[index] for index in short)
