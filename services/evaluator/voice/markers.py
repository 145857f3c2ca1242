"""Style markers of author, base and tuned model side by side: which are present, and how much of the gap is closed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from services.evaluator.voice.features.habits import HABITS
from services.evaluator.voice.features.words import list_words
from services.evaluator.voice.frozen import Frozen

HALF, TOO_MUCH = 0.5, 1.5  # share of the gap that is recovered: present, overshoot
INTERVAL = (5.0, 95.0)  # percentiles of the author's mean over as many passages as were written
DRAWS = 500
CLEAR = 2.0  # standard errors of the gap, below which nothing can be recovered

Row = npt.NDArray[np.float64]


class Marker(Frozen):
    """One marker; `low` to `high` is the author's interval.

    `recovered` is the share of the gap between base and author that the tuned model has closed; None where there is no
    clear gap, and then there is no overshoot. `z` is that of a mined word.
    """

    name: str
    kind: Literal["habit", "word"]
    unit: str
    author: float
    low: float
    high: float
    base: float
    tuned: float
    recovered: float | None
    base_present: bool
    present: bool
    overshoot: bool
    z: float | None = None


class Markers(Frozen):
    """All markers, the share that is present in either model's text, and what is exaggerated. Aim: 60 % present."""

    markers: list[Marker]
    present: float
    base_present: float
    overshoot: list[str]


def compare_markers(
    mined: Mapping[str, float], author: Sequence[str], base: Sequence[str], tuned: Sequence[str], seed: int
) -> Markers:
    """Measure the habits and the mined words in passages of the three."""
    sides = (author, base, tuned)
    counts = [[Counter(list_words(text)) for text in texts] for texts in sides]
    found = [
        *(
            compare(name, unit, None, [np.array([measure(text) for text in texts]) for texts in sides], seed)
            for name, (measure, unit) in HABITS.items()
        ),
        *(
            compare(word, "per 1,000 words", z, [frequency(word, counted) for counted in counts], seed)
            for word, z in mined.items()
        ),
    ]
    return Markers(
        markers=found,
        present=sum(marker.present for marker in found) / len(found),
        base_present=sum(marker.base_present for marker in found) / len(found),
        overshoot=[marker.name for marker in found if marker.overshoot],
    )


def compare(name: str, unit: str, z: float | None, rows: Sequence[Row], seed: int) -> Marker:
    """One marker from its values in every passage of author, base and tuned model."""
    author, base, tuned = rows
    draws = np.random.default_rng(seed).integers(0, len(author), size=(DRAWS, len(tuned)))
    low, high = (float(end) for end in np.percentile(author[draws].mean(axis=1), INTERVAL))
    recovered = recover(author, base, tuned)
    own, theirs, ours = float(author.mean()), float(base.mean()), float(tuned.mean())
    return Marker(
        name=name,
        kind="habit" if z is None else "word",
        unit=unit,
        author=own,
        low=low,
        high=high,
        base=theirs,
        tuned=ours,
        recovered=recovered,
        base_present=low <= theirs <= high,
        present=low <= ours <= high or (recovered is not None and HALF <= recovered <= TOO_MUCH),
        overshoot=recovered is not None and recovered > TOO_MUCH,
        z=z,
    )


def recover(author: Row, base: Row, tuned: Row) -> float | None:
    """(tuned - base) / (author - base), where the gap is clear."""
    gap = author.mean() - base.mean()
    error = np.sqrt(author.var() / len(author) + base.var() / len(base))
    return float((tuned.mean() - base.mean()) / gap) if abs(gap) > CLEAR * error else None


def frequency(word: str, counted: Sequence[Counter[str]]) -> Row:
    """How often each text uses a word, per 1,000 words."""
    return np.array([1000 * counts[word] / max(1, counts.total()) for counts in counted])
