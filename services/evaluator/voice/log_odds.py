"""Mine an author's pet words: log-odds against the others with an informative Dirichlet prior.

Monroe, Colaresi and Quinn 2008, "Fightin' Words": the prior is the frequency of each word in all texts together, so
that rare words need more evidence.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from math import log, sqrt

from scriptorium.text.languages.language import Language
from scriptorium.text.words import list_words
from services.evaluator.voice.features.names import find_names

MIN_Z = 3.0
MIN_CHUNK_SHARE = 0.3  # of the chunks have the word: a habit, not the subject of one chapter
MAX_WORDS = 30
PRIOR_WORDS = 1000.0  # the weight of the prior


def mine_words(author: Sequence[str], others: Sequence[str], language: Language) -> dict[str, float]:
    """Return words with their z, the clearest first: above zero the author's, below zero those the author avoids."""
    author, others = ([language.separate(text) for text in texts] for texts in (author, others))
    author_counts, other_counts = (
        Counter(word for text in texts for word in list_words(text)) for texts in (author, others)
    )
    names = find_names([*author, *others], language) | language.titles
    z_scores = {
        word: z for word, z in _compare(author_counts, other_counts).items() if abs(z) > MIN_Z and word not in names
    }
    chunk_shares = {True: _share_of_chunks(author), False: _share_of_chunks(others)}
    common = (word for word in z_scores if chunk_shares[z_scores[word] > 0][word] >= MIN_CHUNK_SHARE)
    return {word: z_scores[word] for word in sorted(common, key=lambda word: -abs(z_scores[word]))[:MAX_WORDS]}


def _compare(author_counts: Counter[str], other_counts: Counter[str]) -> dict[str, float]:
    """Return the difference of each word's log-odds, in standard deviations."""
    all_counts = author_counts + other_counts
    scale = PRIOR_WORDS / max(1, all_counts.total())
    n, m = author_counts.total() + PRIOR_WORDS, other_counts.total() + PRIOR_WORDS

    def z(word: str, number: int) -> float:
        prior = number * scale
        a, b = author_counts[word] + prior, other_counts[word] + prior
        return (log(a / (n - a)) - log(b / (m - b))) / sqrt(1 / a + 1 / b)

    return {word: z(word, number) for word, number in all_counts.items()}


def _share_of_chunks(texts: Sequence[str]) -> defaultdict[str, float]:
    """Return the share of texts that have each word."""
    counts = Counter(word for text in texts for word in set(list_words(text)))
    return defaultdict(float, {word: number / len(texts) for word, number in counts.items()})
