"""Findings about what cleaning left out: text that could be story, and letters that are nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scriptorium.contracts import CleaningStep, Finding
from services.data.checks.codes import make_finding

DOUBTFUL_REMOVAL = "doubtful_removal"
MAX_DOUBTFUL_SHARE = 0.001  # of the words of the texts


def examine_left_out(
    steps: Sequence[CleaningStep], words: int, letters_missing: int, filename: str
) -> Iterator[Finding]:
    """Yield a finding for each step that left out text in doubt, if all of them did so with too much of the words."""
    if sum(step.doubtful_words for step in steps) > MAX_DOUBTFUL_SHARE * words:
        for step in steps:
            if step.doubtful:
                message = (
                    f"{step.doubtful_words:,} words left out as {step.name.replace('_', ' ')} could be story: "
                    f"\u201c{step.doubtful[0].before}\u201d"
                )
                yield make_finding(DOUBTFUL_REMOVAL, step.doubtful[0].place, message)
    if letters_missing:
        fault = "are in no chapter" if letters_missing > 0 else "came twice"
        yield make_finding("letters_missing", filename, f"{abs(letters_missing):,} letters {fault}")
