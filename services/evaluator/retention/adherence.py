"""Whether passages keep to their briefs: how many of a brief's own words they name, base against tuned.

A brief's own words are those of four letters or more that not every other brief has as well; the rest is the manner of
asking. Passages are compared as they are: cut them to equal lengths first, as a longer one names more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from services.evaluator.retention.instructions.counting import words
from services.evaluator.retention.perplexity import DRAWS, TAILS
from services.evaluator.retention.result import Adherence

SHORTEST = 4  # letters
COMMON = 0.5  # share of briefs from which on a word belongs to the manner of asking


def measure_adherence(briefs: Sequence[str], base: Sequence[str], tuned: Sequence[str], seed: int) -> Adherence:
    """Compare two passages per brief, with a percentile bootstrap over briefs."""
    wanted = own_words(briefs)
    before, after = (np.array([_share(*pair) for pair in zip(wanted, texts, strict=True)]) for texts in (base, tuned))
    differences = 100 * (after - before)
    draws = np.random.default_rng(seed).integers(0, len(briefs), size=(DRAWS, len(briefs)))
    low, high = np.percentile(differences[draws].mean(axis=1), TAILS)
    return Adherence(
        briefs=len(briefs),
        base=float(before.mean()),
        tuned=float(after.mean()),
        points=float(differences.mean()),
        low_points=float(low),
        high_points=float(high),
    )


def own_words(briefs: Sequence[str]) -> list[set[str]]:
    """What each brief asks for and the others do not; everything where there is only one."""
    found = [_content(brief) for brief in briefs]
    spread = Counter(word for each in found for word in each)
    return [{word for word in each if spread[word] <= max(COMMON * len(briefs), 1)} for each in found]


def _content(text: str) -> set[str]:
    return {word.casefold() for word in words(text) if len(word) >= SHORTEST}


def _share(wanted: set[str], text: str) -> float:
    """The share of the wanted words that a text names; a brief without any is kept to by everything."""
    return len(wanted & _content(text)) / len(wanted) if wanted else 1.0
