"""Is it written or copied? Runs of words that the tuned model shares with the author's text and not with its brief.

Measured on genuine new text by the same author: longest shared run median 6, p99 9, most 15 words.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.evaluator.voice.align_lengths import Prepared, Text
from services.evaluator.voice.copies import RUN, mask
from services.evaluator.voice.features.words import count_words
from services.evaluator.voice.gates.gate import Gate, grade

LONGEST, LONG = 20, 13  # words of a run: fail, warn
COVERAGE, TIMES = 0.01, 3  # share of words in runs, or so many times the author's own share
NEXT = "Train for fewer steps or with a lower rank, take repeated passages out of the manuscript, then compare again."


def check_memorisation(prepared: Prepared) -> Gate:
    """Fail on one long run, or on too many words in short ones."""
    longest = max((span.words for text in prepared.tuned for span in text.copied), default=0)
    coverage, own = measure_coverage(prepared.tuned), measure_coverage(prepared.genuine)
    most = max(COVERAGE, TIMES * own)
    outcome = grade(longest >= LONGEST or coverage > most, longest >= LONG)
    return Gate(
        code="memorisation",
        outcome=outcome,
        finding=f"The longest run of words copied from the author has {longest} words; "
        f"{coverage:.1%} of all words are in runs of {RUN} or more (the author's own: {own:.1%}).",
        next_step="" if outcome == "pass" else NEXT,
        numbers={"longest_run": longest, "coverage": coverage, "author_coverage": own, "coverage_limit": most},
        samples=[place for place, text in enumerate(prepared.tuned) if text.copied],
    )


def measure_coverage(texts: Sequence[Text]) -> float:
    """The share of words that are inside copied runs."""
    words = sum(text.words for text in texts)
    left = sum(count_words(mask(text.whole, text.copied)) for text in texts)
    return (words - left) / max(1, words)
