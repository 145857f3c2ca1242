"""What the tuned model can still do: instructions, neutral text, and its briefs."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from services.evaluator.retention.adherence import measure_adherence
from services.evaluator.retention.result import Adherence, Part, Retention, Verdict
from services.evaluator.retention.verdict import judge_adherence, worst
from services.evaluator.voice_inputs import Pair


class Kept(BaseModel):
    """The gate in all its parts; no `retention` where no instructions were to be asked."""

    retention: Retention | None
    adherence: Adherence
    parts: list[Part]

    @property
    def verdict(self) -> Verdict:
        """That of the worst part."""
        return worst(tuple(self.parts)).verdict


def judge_kept(retention: Retention | None, pairs: Sequence[Pair], seed: int) -> Kept:
    """Put the parts together; the two passages of a brief are compared at the length of the shorter one."""
    briefs = [pair.base.brief for pair in pairs]
    texts = [at_equal_length(pair.base.text, pair.tuned.text) for pair in pairs]
    adherence = measure_adherence(briefs, [base for base, _ in texts], [tuned for _, tuned in texts], seed)
    parts = [*(retention.parts if retention else ()), judge_adherence(adherence)]
    return Kept(retention=retention, adherence=adherence, parts=parts)


def at_equal_length(one: str, other: str) -> tuple[str, str]:
    """Both texts, as many words of each as the shorter one has."""
    first, second = one.split(), other.split()
    length = min(len(first), len(second))
    return " ".join(first[:length]), " ".join(second[:length])
