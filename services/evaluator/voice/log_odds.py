"""Mine an author's pet words: log-odds against the others with an informative Dirichlet prior.

Monroe, Colaresi and Quinn 2008, "Fightin' Words": the prior is the frequency of each word in all texts together, so
that rare words need more evidence.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from math import log, sqrt

from services.evaluator.voice.features.names import find_names
from services.evaluator.voice.features.words import TITLES, list_words

CLEAR = 3.0  # |z|
SPREAD = 0.3  # share of chunks that have it: a habit, not the matter of one chapter
MOST = 30  # words
PRIOR = 1000.0  # words that the prior weighs


def mine_words(author: Sequence[str], others: Sequence[str]) -> dict[str, float]:
    """Words with their z, the clearest first: above zero the author's, below zero what the author avoids."""
    ours, theirs = (Counter(word for text in texts for word in list_words(text)) for texts in (author, others))
    names = find_names([*author, *others]) | TITLES
    found = {word: z for word, z in _compare(ours, theirs).items() if abs(z) > CLEAR and word not in names}
    common = {True: _spread(author), False: _spread(others)}
    kept = (word for word in found if common[found[word] > 0][word] >= SPREAD)
    return {word: found[word] for word in sorted(kept, key=lambda word: -abs(found[word]))[:MOST]}


def _compare(ours: Counter[str], theirs: Counter[str]) -> dict[str, float]:
    """The difference of the log-odds in standard deviations."""
    everything = ours + theirs
    scale = PRIOR / max(1, everything.total())
    n, m = ours.total() + PRIOR, theirs.total() + PRIOR

    def z(word: str, number: int) -> float:
        prior = number * scale
        a, b = ours[word] + prior, theirs[word] + prior
        return (log(a / (n - a)) - log(b / (m - b))) / sqrt(1 / a + 1 / b)

    return {word: z(word, number) for word, number in everything.items()}


def _spread(texts: Sequence[str]) -> defaultdict[str, float]:
    """The share of texts that have each word."""
    counts = Counter(word for text in texts for word in set(list_words(text)))
    return defaultdict(float, {word: number / len(texts) for word, number in counts.items()})
