"""The gate against copies: runs of words that the tuned model shares with the author's text and not with its brief.

Measured on genuine new text by the same author: longest shared run median 6, p99 9, maximum 15 words.
"""

from __future__ import annotations

from collections.abc import Sequence

from scriptorium.contracts.report.voice import Gate
from scriptorium.text.ngrams import NGRAM
from scriptorium.text.words import count_words
from services.evaluator.voice.align_lengths import AlignedText, AlignedTexts
from services.evaluator.voice.copies import mask
from services.evaluator.voice.gates.gate import grade

FAIL_RUN, WARN_RUN = 20, 13  # words of a run
MAX_COVERAGE, MAX_COVERAGE_RATIO = 0.01, 3  # share of words in runs, or how many times the author's own share
NEXT_STEP = (
    "Train for fewer steps or with a lower rank, take repeated passages out of the manuscript, then compare again."
)


def check_memorisation(aligned: AlignedTexts) -> Gate:
    """Fail on one long run, or on too many words in short ones."""
    longest = max((run.words for text in aligned.tuned for run in text.copied), default=0)
    coverage, author_coverage = measure_coverage(aligned.tuned), measure_coverage(aligned.genuine)
    limit = max(MAX_COVERAGE, MAX_COVERAGE_RATIO * author_coverage)
    outcome = grade(longest >= FAIL_RUN or coverage > limit, longest >= WARN_RUN)
    return Gate(
        code="memorisation",
        outcome=outcome,
        finding=f"The longest run of words copied from the author has {longest} words; "
        f"{coverage:.1%} of all words are in runs of {NGRAM} or more (the author's own: {author_coverage:.1%}).",
        next_step="" if outcome == "pass" else NEXT_STEP,
        numbers={
            "longest_run": longest,
            "coverage": coverage,
            "author_coverage": author_coverage,
            "coverage_limit": limit,
        },
        samples=[index for index, text in enumerate(aligned.tuned) if text.copied],
    )


def measure_coverage(texts: Sequence[AlignedText]) -> float:
    """Return the share of words that are inside copied runs."""
    words = sum(text.words for text in texts)
    left = sum(count_words(mask(text.full, text.copied)) for text in texts)
    return (words - left) / max(1, words)
