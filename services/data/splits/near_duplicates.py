"""Passages that have much of their wording in common, found exactly: every run of eight words is looked up.

Runs are hashed to 64 bits with numpy and sorted, so the work grows with the words of the text and not with pairs. They
lie in files, each with a range of the hashes, of which one at a time is in memory.
"""

from __future__ import annotations

import re
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

RUN = 8  # words; two novels hardly ever have eight in a row in common
ALIKE = 0.2  # of the shorter one's runs; one word changed in eight leaves a third of them
CROWD = 12  # passages with the same run: boilerplate; each is then compared with its neighbours only
SHELF = 500_000  # runs, about, that are in memory at once
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, from the golden ratio: the order of words counts

WORD = re.compile(r"\w+")
Hashes = NDArray[np.uint64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Pair:
    """Two texts, by index, the first before the second, and the share of the shorter one's runs that both have."""

    first: int
    second: int
    shared: float


@dataclass(frozen=True)
class Shelf:
    """Runs whose hashes lie in one range: each hash and the text it is in, sorted by hash and text."""

    hashes: Hashes
    owners: Numbers


@dataclass(frozen=True)
class Runs:
    """Every run of eight words once per text, in files by ranges of their hashes, and how many each text has in each.

    The files have no names: they are gone when they are closed.
    """

    files: Sequence[IO[bytes]]
    sizes: Numbers  # texts by files

    @property
    def counts(self) -> Numbers:
        """How many runs each text has."""
        return np.asarray(self.sizes.sum(axis=1))

    def shelves(self) -> Iterator[Shelf]:
        """The runs, range by range."""
        for file, sizes in zip(self.files, self.sizes.T, strict=True):
            file.seek(0)
            hashes = np.frombuffer(file.read(), np.uint64)
            order = np.argsort(hashes, kind="stable")  # stable: owners stay in order among equals
            yield Shelf(hashes[order], np.repeat(np.arange(len(sizes)), sizes)[order])


def find_near_duplicates(texts: Sequence[str], alike: float = ALIKE) -> list[Pair]:
    """Every pair of texts that share at least `alike` of the shorter one's runs of words, in the order of the texts."""
    with read_runs(texts, sum(map(len, texts))) as runs:
        return find_pairs(runs, alike)


def cluster(pairs: Sequence[Pair], texts: int) -> list[int]:
    """For each of `texts` texts the lowest index among those it is joined to, by a pair or through others."""
    roots = list(range(texts))

    def root(index: int) -> int:
        while roots[index] != index:
            roots[index] = roots[roots[index]]
            index = roots[index]
        return index

    for pair in pairs:
        low, high = sorted((root(pair.first), root(pair.second)))
        roots[high] = low
    return [root(index) for index in range(texts)]


@contextmanager
def read_runs(texts: Iterable[str], words: int, folder: Path | None = None) -> Iterator[Runs]:
    """The runs of texts that have about so many words, in files of a folder while the context lasts."""
    numbers: defaultdict[str, int] = defaultdict(count().__next__)  # of words, as they come: the same in every process
    with ExitStack() as opened:
        files = [opened.enter_context(tempfile.TemporaryFile(dir=folder)) for _ in range(1 + words // SHELF)]
        edges = np.array([(number << 64) // len(files) for number in range(1, len(files))], np.uint64)
        sizes = []
        for text in texts:
            hashes = hash_runs(text, numbers)
            parts = np.split(hashes, np.searchsorted(hashes, edges))
            for file, part in zip(files, parts, strict=True):
                file.write(part.tobytes())
            sizes.append([len(part) for part in parts])
        del numbers
        yield Runs(files, np.array(sizes, np.int64).reshape(-1, len(files)))


def hash_runs(text: str, numbers: defaultdict[str, int]) -> Hashes:
    """The different hashes of a text's runs, sorted."""
    found = WORD.findall(text.lower())
    words = mix(np.fromiter(map(numbers.__getitem__, found), np.uint64, len(found)))
    last = max(0, len(words) - RUN + 1)
    hashes = np.zeros(last, np.uint64)
    for offset in range(RUN):
        hashes *= MULTIPLIER
        hashes += words[offset : offset + last]
    hashes.sort()
    return hashes[is_new(hashes)]


def is_new(hashes: Hashes) -> NDArray[np.bool_]:
    """Where in sorted hashes another one begins."""
    return np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)]


def mix(numbers: Hashes) -> Hashes:
    """Numbers whose every bit depends on every bit (the finish of splitmix64, Steele et al. 2014)."""
    mixed = (numbers + np.uint64(1)) * MULTIPLIER
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def find_pairs(runs: Runs, alike: float = ALIKE) -> list[Pair]:
    """The pairs of texts that share at least `alike` of the shorter one's runs."""
    counts = runs.counts
    keys, shared = np.empty(0, np.int64), np.empty(0, np.int64)
    for shelf in runs.shelves():
        first, second = meet(shelf)
        found, times = np.unique(first * len(counts) + second, return_counts=True)
        keys, shared = add_up(np.concatenate([keys, found]), np.concatenate([shared, times]))
    first, second = np.divmod(keys, len(counts)) if len(counts) else (keys, keys)
    shares = shared / np.minimum(counts[first], counts[second])
    chosen = np.flatnonzero(shares >= alike)
    return [Pair(int(first[index]), int(second[index]), float(shares[index])) for index in chosen]


def add_up(keys: Numbers, numbers: Numbers) -> tuple[Numbers, Numbers]:
    """Each key once, in order, with the sum of its numbers."""
    different, places = np.unique(keys, return_inverse=True)
    sums = np.zeros(len(different), np.int64)
    np.add.at(sums, places, numbers)
    return different, sums


def meet(runs: Shelf) -> tuple[Numbers, Numbers]:
    """Two texts for each run that both have, the earlier text first."""
    edges = np.flatnonzero(is_new(runs.hashes))
    sizes = np.diff(np.append(edges, len(runs.hashes)))
    first, second = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for size in np.unique(sizes[sizes > 1]):
        starts = edges[sizes == size]
        members = runs.owners[starts[:, None] + np.arange(size)]
        places = np.triu_indices(size, 1) if size <= CROWD else tuple(np.array(list(pairwise(range(size)))).T)
        first.append(members[:, places[0]].ravel())
        second.append(members[:, places[1]].ravel())
    return np.concatenate(first), np.concatenate(second)
