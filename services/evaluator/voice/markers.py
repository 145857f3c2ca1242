"""Style markers of author, base and tuned model side by side: which are present, and how much of the gap is closed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from scriptorium.contracts.report.voice import Marker, Markers
from scriptorium.stats.bootstrap import draw_rows, percentile_interval
from scriptorium.text.languages.language import Language
from scriptorium.text.words import list_words
from services.evaluator.voice.features.habits import list_habits

MIN_RECOVERED, MAX_RECOVERED = 0.5, 1.5  # share of the gap that is recovered: present from, overshoot above
AUTHOR_INTERVAL = (5.0, 95.0)  # percentiles of the author's mean over as many passages as were written
MARKER_DRAWS = 500
MIN_GAP = 2.0  # standard errors of the gap, below which nothing can be recovered

Row = npt.NDArray[np.float64]


def compare_markers(
    mined: Mapping[str, float],
    author: Sequence[str],
    base: Sequence[str],
    tuned: Sequence[str],
    *,
    seed: int,
    language: Language,
) -> Markers:
    """Measure the habits of the language and the mined words in passages of author, base and tuned model."""
    sides = (author, base, tuned)
    word_counts = [[Counter(list_words(language.separate(text))) for text in texts] for texts in sides]
    markers = [
        *(
            compare_marker(name, unit, None, [np.array([measure(text) for text in texts]) for texts in sides], seed)
            for name, (measure, unit) in list_habits(language).items()
        ),
        *(
            compare_marker(word, "per 1,000 words", z, [word_frequency(word, counts) for counts in word_counts], seed)
            for word, z in mined.items()
        ),
    ]
    return Markers(
        markers=markers,
        present=sum(marker.present for marker in markers) / len(markers),
        base_present=sum(marker.base_present for marker in markers) / len(markers),
        overshoot=[marker.name for marker in markers if marker.overshoot],
    )


def compare_marker(name: str, unit: str, z: float | None, rows: Sequence[Row], seed: int) -> Marker:
    """Compare one marker, given its values in every passage of author, base and tuned model."""
    author, base, tuned = rows
    draws = draw_rows(seed, len(author), MARKER_DRAWS, size=len(tuned))
    low, high = percentile_interval(author[draws].mean(axis=1), AUTHOR_INTERVAL)
    recovered = share_recovered(author, base, tuned)
    author_mean, base_mean, tuned_mean = float(author.mean()), float(base.mean()), float(tuned.mean())
    in_interval = low <= tuned_mean <= high
    return Marker(
        name=name,
        kind="habit" if z is None else "word",
        unit=unit,
        author=author_mean,
        low=low,
        high=high,
        base=base_mean,
        tuned=tuned_mean,
        recovered=recovered,
        base_present=low <= base_mean <= high,
        present=in_interval or (recovered is not None and MIN_RECOVERED <= recovered <= MAX_RECOVERED),
        overshoot=recovered is not None and recovered > MAX_RECOVERED,
        z=z,
    )


def share_recovered(author: Row, base: Row, tuned: Row) -> float | None:
    """Return (tuned - base) / (author - base), the share of the gap that is closed; None without a clear gap."""
    gap = author.mean() - base.mean()
    error = np.sqrt(author.var() / len(author) + base.var() / len(base))
    return float((tuned.mean() - base.mean()) / gap) if abs(gap) > MIN_GAP * error else None


def word_frequency(word: str, word_counts: Sequence[Counter[str]]) -> Row:
    """Return how often each text uses a word, per 1,000 words."""
    return np.array([1000 * counts[word] / max(1, counts.total()) for counts in word_counts])
