"""The outcome of retention: instructions, neutral text and adherence to the briefs, with one verdict."""

from __future__ import annotations

from collections.abc import Sequence

from scriptorium.contracts.report.retention import Retention, RetentionOutcome
from services.evaluator.retention.adherence import measure_adherence
from services.evaluator.retention.verdict import judge_adherence
from services.evaluator.voice_inputs import Pair


def judge_retention(retention: Retention | None, pairs: Sequence[Pair], seed: int) -> RetentionOutcome:
    """Combine all parts; the two passages of a brief are compared at the length of the shorter one."""
    briefs = [pair.base.brief for pair in pairs]
    texts = [cut_to_equal_length(pair.base.text, pair.tuned.text) for pair in pairs]
    adherence = measure_adherence(briefs, [base for base, _ in texts], [tuned for _, tuned in texts], seed)
    parts = [*(retention.parts if retention else ()), judge_adherence(adherence)]
    return RetentionOutcome(retention=retention, adherence=adherence, parts=parts)


def cut_to_equal_length(one: str, other: str) -> tuple[str, str]:
    """Cut both texts to the number of words of the shorter one."""
    first, second = one.split(), other.split()
    length = min(len(first), len(second))
    return " ".join(first[:length]), " ".join(second[:length])
