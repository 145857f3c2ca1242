"""Find runs of words that a text shares with source texts, and cut them out of it: the mask M(x) of docs/voice.md.

Runs are compared by their 64-bit hashes (scriptorium/text/ngrams.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from scriptorium.text.ngrams import NGRAM, Hashes, WordNumbers, hash_ngrams, number_words
from scriptorium.text.words import WORD, list_words


@dataclass(frozen=True)
class SharedRun:
    """A run of `words` shared words; `start` and `end` are characters of the text."""

    start: int
    end: int
    words: int
    text: str


@dataclass
class CopyFinder:
    """The runs of `length` words of the source texts, by their hashes."""

    texts: Iterable[str]
    length: int = NGRAM
    hashes: Hashes = field(init=False)
    numbers: WordNumbers = field(init=False, default_factory=number_words)

    def __post_init__(self) -> None:
        """Hash all runs, sorted; no run crosses the end of a text."""
        hashes = [hash_ngrams(self._number_words(text), self.length) for text in self.texts]
        self.hashes = np.unique(np.concatenate(hashes)) if hashes else np.zeros(0, np.uint64)

    def find(self, text: str) -> list[SharedRun]:
        """Return the longest shared runs, in order; two from different places in the sources may overlap."""
        positions = [(match.start(), match.end()) for match in WORD.finditer(text)]
        ids = np.array([self.numbers.get(word, 0) for word in list_words(text)], np.uint64)
        shared = np.flatnonzero(np.isin(hash_ngrams(ids, self.length), self.hashes))
        groups = np.split(shared, np.flatnonzero(np.diff(shared) > 1) + 1) if shared.size else []
        return [self._make_run(text, positions, int(group[0]), int(group[-1]) + self.length) for group in groups]

    def _number_words(self, text: str) -> Hashes:
        return np.array([self.numbers[word] for word in list_words(text)], dtype=np.uint64)

    @staticmethod
    def _make_run(text: str, positions: Sequence[tuple[int, int]], first: int, after: int) -> SharedRun:
        start, end = positions[first][0], positions[after - 1][1]
        return SharedRun(start, end, after - first, text[start:end])


def mask(text: str, *run_lists: Sequence[SharedRun]) -> str:
    """Return the text without the words of any run."""
    pieces, at = [], 0
    for run in sorted((run for runs in run_lists for run in runs), key=lambda run: run.start):
        pieces.append(text[at : max(at, run.start)])
        at = max(at, run.end)
    return "".join([*pieces, text[at:]])
