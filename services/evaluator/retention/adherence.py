"""Adherence to the briefs: how many of a brief's distinctive words the passages use, base against tuned.

The distinctive words of a brief have four letters or more and are not in most of the briefs; the rest is how a brief is
phrased. Passages are compared as they are: cut them to equal lengths first, because a longer one uses more words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from scriptorium.contracts.report.retention import Adherence
from scriptorium.instructions.counting import list_words
from scriptorium.stats.bootstrap import ONE_SIDED_95, draw_rows, percentile_interval

MIN_LETTERS = 4
COMMON_SHARE = 0.5  # of the briefs: a word in more of them belongs to the phrasing


def measure_adherence(briefs: Sequence[str], base: Sequence[str], tuned: Sequence[str], seed: int) -> Adherence:
    """Compare two passages per brief, with a percentile bootstrap over briefs."""
    requested = distinctive_words(briefs)
    before, after = (
        np.array([_share(*pair) for pair in zip(requested, texts, strict=True)]) for texts in (base, tuned)
    )
    differences = 100 * (after - before)
    draws = draw_rows(seed, len(briefs))
    low, high = percentile_interval(differences[draws].mean(axis=1), ONE_SIDED_95)
    return Adherence(
        briefs=len(briefs),
        base=float(before.mean()),
        tuned=float(after.mean()),
        points=float(differences.mean()),
        low_points=low,
        high_points=high,
    )


def distinctive_words(briefs: Sequence[str]) -> list[set[str]]:
    """Return the words of each brief that the other briefs do not share; all of them if there is only one brief."""
    vocabularies = [_vocabulary(brief) for brief in briefs]
    counts = Counter(word for vocabulary in vocabularies for word in vocabulary)
    limit = max(COMMON_SHARE * len(briefs), 1)
    return [{word for word in vocabulary if counts[word] <= limit} for vocabulary in vocabularies]


def _vocabulary(text: str) -> set[str]:
    """Return the different words of a text that are long enough to count."""
    return {word.casefold() for word in list_words(text) if len(word) >= MIN_LETTERS}


def _share(requested: set[str], text: str) -> float:
    """Return the share of the requested words that a text uses; 1 if none are requested."""
    return len(requested & _vocabulary(text)) / len(requested) if requested else 1.0
