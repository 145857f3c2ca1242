"""Find runs of words that a text shares with given texts, and take them out of it: the mask M(x) of docs/voice.md.

Every run of RUN words of the given texts is hashed to 64 bits; a chance match among a million words and ten thousand
asked for has a probability below one in a billion.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from services.evaluator.voice.features.words import WORD, list_words

RUN = 8  # words: shorter runs are anybody's phrases
FACTOR = 0x9E3779B97F4A7C15  # odd, so that a product modulo 2^64 loses nothing

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Span:
    """A run of `words` shared words; `start` and `end` are characters of the text."""

    start: int
    end: int
    words: int
    text: str


@dataclass
class Copies:
    """The runs of given texts."""

    texts: Iterable[str]
    length: int = RUN
    hashes: Hashes = field(init=False)
    numbers: dict[str, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Number the words and keep the sorted hashes of all runs; none goes over the end of a text."""
        found = [self._hash(self._read(text)) for text in self.texts]
        self.hashes = np.unique(np.concatenate(found)) if found else np.zeros(0, np.uint64)

    def find(self, text: str) -> list[Span]:
        """The longest shared runs, in order; two may overlap where the given texts say them in different places."""
        places = [(match.start(), match.end()) for match in WORD.finditer(text)]
        ids = np.array([self.numbers.get(word, 0) for word in list_words(text)], np.uint64)
        known = np.flatnonzero(np.isin(self._hash(ids), self.hashes))
        groups = np.split(known, np.flatnonzero(np.diff(known) > 1) + 1) if known.size else []
        return [self._span(text, places, int(group[0]), int(group[-1]) + self.length) for group in groups]

    def _read(self, text: str) -> Hashes:
        return np.array(
            [self.numbers.setdefault(word, len(self.numbers) + 1) for word in list_words(text)], dtype=np.uint64
        )

    def _hash(self, ids: Hashes) -> Hashes:
        """One number for each run of `length` words."""
        runs = max(0, len(ids) - self.length + 1)
        total = np.zeros(runs, np.uint64)
        for place in range(self.length):
            total = (total + ids[place : place + runs]) * np.uint64(FACTOR)
            total ^= total >> np.uint64(29)
        return total

    @staticmethod
    def _span(text: str, places: Sequence[tuple[int, int]], first: int, after: int) -> Span:
        start, end = places[first][0], places[after - 1][1]
        return Span(start, end, after - first, text[start:end])


def mask(text: str, *spans: Sequence[Span]) -> str:
    """The text without the words of any span."""
    kept, at = [], 0
    for span in sorted((span for found in spans for span in found), key=lambda span: span.start):
        kept.append(text[at : max(at, span.start)])
        at = max(at, span.end)
    return "".join([*kept, text[at:]])
