"""Near-duplicates: passages that share much of their wording, found exactly by looking up every run of eight words.

These n-grams are hashed to 64 bits with numpy and sorted, so the work grows with the words of the text, not with the
pairs of passages. The hashes are partitioned by range into files, and one partition at a time is in memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from scriptorium.text.ngrams import Hashes, WordNumbers, hash_ngrams, number_words
from scriptorium.text.words import ALPHANUMERIC_WORD

NEAR_DUPLICATE_SHARE = 0.2  # of the shorter one's n-grams; one word changed in eight leaves a third of them
CROWD_SIZE = 12  # passages with the same n-gram; more share boilerplate, so each is paired with its neighbours only
NGRAMS_PER_PARTITION = 500_000  # about; so many are in memory at once

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class SimilarPair:
    """Two texts, by index, the first before the second, and the share of the shorter one's n-grams that both have."""

    first: int
    second: int
    shared: float


@dataclass(frozen=True)
class NgramPartition:
    """The n-grams whose hashes lie in one range: each hash and the text it is in, sorted by hash and text."""

    hashes: Hashes
    owners: Numbers


@dataclass(frozen=True)
class NgramIndex:
    """Every n-gram once per text, in files by ranges of the hashes, and the number of each text's n-grams per file.

    The files have no names: they are gone when they are closed.
    """

    files: Sequence[IO[bytes]]
    sizes: Numbers  # (texts, files)

    @property
    def counts(self) -> Numbers:
        """The number of n-grams of each text."""
        return np.asarray(self.sizes.sum(axis=1))

    def partitions(self) -> Iterator[NgramPartition]:
        """Yield the n-grams, one range of hashes after the other."""
        for file, sizes in zip(self.files, self.sizes.T, strict=True):
            file.seek(0)
            hashes = np.frombuffer(file.read(), np.uint64)
            order = np.argsort(hashes, kind="stable")  # stable: owners stay in order among equals
            yield NgramPartition(hashes[order], np.repeat(np.arange(len(sizes)), sizes)[order])


def find_near_duplicates(texts: Sequence[str], min_shared: float = NEAR_DUPLICATE_SHARE) -> list[SimilarPair]:
    """Find the pairs of texts that share at least `min_shared` of the shorter one's n-grams, in order."""
    with index_ngrams(texts, sum(map(len, texts))) as index:
        return find_pairs(index, min_shared)


def cluster_texts(pairs: Sequence[SimilarPair], texts: int) -> list[int]:
    """Return for each of `texts` texts the lowest index among those it is joined to, by a pair or through others."""
    roots = list(range(texts))

    def find_root(index: int) -> int:
        while roots[index] != index:
            roots[index] = roots[roots[index]]
            index = roots[index]
        return index

    for pair in pairs:
        low, high = sorted((find_root(pair.first), find_root(pair.second)))
        roots[high] = low
    return [find_root(index) for index in range(texts)]


@contextmanager
def index_ngrams(texts: Iterable[str], words: int, folder: Path | None = None) -> Iterator[NgramIndex]:
    """Index texts of about so many words, in files of a folder that last as long as the context."""
    numbers = number_words()
    with ExitStack() as opened:
        files = [
            opened.enter_context(tempfile.TemporaryFile(dir=folder)) for _ in range(1 + words // NGRAMS_PER_PARTITION)
        ]
        edges = np.array([(number << 64) // len(files) for number in range(1, len(files))], np.uint64)
        sizes = []
        for text in texts:
            hashes = hash_distinct_ngrams(text, numbers)
            parts = np.split(hashes, np.searchsorted(hashes, edges))
            for file, part in zip(files, parts, strict=True):
                file.write(part.tobytes())
            sizes.append([len(part) for part in parts])
        del numbers
        yield NgramIndex(files, np.array(sizes, np.int64).reshape(-1, len(files)))


def hash_distinct_ngrams(text: str, numbers: WordNumbers) -> Hashes:
    """Hash a text's n-grams; return the different hashes, sorted."""
    words = ALPHANUMERIC_WORD.findall(text.lower())
    hashes = hash_ngrams(np.fromiter(map(numbers.__getitem__, words), np.uint64, len(words)))
    hashes.sort()
    return hashes[mark_first_of_equals(hashes)]


def mark_first_of_equals(hashes: Hashes) -> NDArray[np.bool_]:
    """Mark each of the sorted hashes that differs from the one before it."""
    return np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)]


def find_pairs(index: NgramIndex, min_shared: float = NEAR_DUPLICATE_SHARE) -> list[SimilarPair]:
    """Find the pairs of texts that share at least `min_shared` of the shorter one's n-grams."""
    counts = index.counts
    keys, shared = np.empty(0, np.int64), np.empty(0, np.int64)
    for partition in index.partitions():
        first, second = pair_owners(partition)
        new_keys, times = np.unique(first * len(counts) + second, return_counts=True)
        keys, shared = sum_by_key(np.concatenate([keys, new_keys]), np.concatenate([shared, times]))
    first, second = np.divmod(keys, len(counts)) if len(counts) else (keys, keys)
    shares = shared / np.minimum(counts[first], counts[second])
    chosen = np.flatnonzero(shares >= min_shared)
    return [SimilarPair(int(first[pair]), int(second[pair]), float(shares[pair])) for pair in chosen]


def sum_by_key(keys: Numbers, numbers: Numbers) -> tuple[Numbers, Numbers]:
    """Return each key once, in order, with the sum of its numbers."""
    different, inverse = np.unique(keys, return_inverse=True)
    sums = np.zeros(len(different), np.int64)
    np.add.at(sums, inverse, numbers)
    return different, sums


def pair_owners(partition: NgramPartition) -> tuple[Numbers, Numbers]:
    """Pair the texts that have an n-gram in common, once for each n-gram, the earlier text first."""
    edges = np.flatnonzero(mark_first_of_equals(partition.hashes))
    sizes = np.diff(np.append(edges, len(partition.hashes)))
    first, second = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for size in np.unique(sizes[sizes > 1]):
        starts = edges[sizes == size]
        members = partition.owners[starts[:, None] + np.arange(size)]
        columns = np.triu_indices(size, 1) if size <= CROWD_SIZE else tuple(np.array(list(pairwise(range(size)))).T)
        first.append(members[:, columns[0]].ravel())
        second.append(members[:, columns[1]].ravel())
    return np.concatenate(first), np.concatenate(second)
