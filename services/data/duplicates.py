"""Passages that have much of their wording in common, found exactly: every run of eight words is looked up.

Runs are hashed to 64 bits with numpy and sorted, so the work grows with the words of the text and not with pairs.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, pairwise

import numpy as np
from numpy.typing import NDArray

RUN = 8  # words; two novels hardly ever have eight in a row in common
ALIKE = 0.2  # of the shorter one's runs; one word changed in eight leaves a third of them
CROWD = 12  # passages with the same run: boilerplate; each is then compared with its neighbours only
MOST = 4_000_000  # runs that are looked up; six novels of a thousand pages have as many
LETTERS = 6  # of a word, with the space after it
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
class Runs:
    """Every run of eight words once per text: its hash and the text it is in, sorted by hash and text."""

    hashes: Hashes
    owners: Numbers
    counts: Numbers


def near_duplicates(texts: Sequence[str], alike: float = ALIKE) -> list[Pair]:
    """Every pair of texts that share at least `alike` of the shorter one's runs of words, in the order of the texts."""
    return find_pairs(read_runs(texts), alike)


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


def read_runs(texts: Sequence[str]) -> Runs:
    """The runs of texts; of a very long manuscript's those one in so many that there are about MOST."""
    sparse = np.uint64(1 + sum(map(len, texts)) // (LETTERS * MOST))
    numbers: defaultdict[str, int] = defaultdict(count().__next__)  # of words, as they come: the same in every process
    parts = [hash_runs(text, numbers, sparse) for text in texts]
    sizes = np.fromiter(map(len, parts), np.int64, len(parts))
    hashes = np.concatenate([*parts, np.empty(0, np.uint64)])
    del parts
    order = np.argsort(hashes, kind="stable")  # stable: owners stay in order among equals
    return Runs(hashes[order], np.repeat(np.arange(len(texts)), sizes)[order], sizes)


def hash_runs(text: str, numbers: defaultdict[str, int], sparse: np.uint64) -> Hashes:
    """The different hashes of a text's runs that `sparse` divides: chosen so, the same ones are left of every text."""
    found = WORD.findall(text.lower())
    words = mix(np.fromiter(map(numbers.__getitem__, found), np.uint64, len(found)))
    last = max(0, len(words) - RUN + 1)
    hashes = np.zeros(last, np.uint64)
    for offset in range(RUN):
        hashes *= MULTIPLIER
        hashes += words[offset : offset + last]
    return np.unique(hashes[hashes % sparse == 0] if sparse > 1 else hashes)


def mix(numbers: Hashes) -> Hashes:
    """Numbers whose every bit depends on every bit (the finish of splitmix64, Steele et al. 2014)."""
    mixed = (numbers + np.uint64(1)) * MULTIPLIER
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def find_pairs(runs: Runs, alike: float = ALIKE) -> list[Pair]:
    """The pairs of texts that share at least `alike` of the shorter one's runs."""
    texts = len(runs.counts)
    first, second = meet(runs)
    keys, shared = np.unique(first * texts + second, return_counts=True)
    first, second = np.divmod(keys, texts) if texts else (keys, keys)
    shares = shared / np.minimum(runs.counts[first], runs.counts[second])
    chosen = np.flatnonzero(shares >= alike)
    return [Pair(int(first[index]), int(second[index]), float(shares[index])) for index in chosen]


def meet(runs: Runs) -> tuple[Numbers, Numbers]:
    """Two texts for each run that both have, the earlier text first."""
    edges = np.flatnonzero(np.append(True, runs.hashes[1:] != runs.hashes[:-1])[: len(runs.hashes)])
    sizes = np.diff(np.append(edges, len(runs.hashes)))
    first, second = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for size in np.unique(sizes[sizes > 1]):
        starts = edges[sizes == size]
        members = runs.owners[starts[:, None] + np.arange(size)]
        places = np.triu_indices(size, 1) if size <= CROWD else tuple(np.array(list(pairwise(range(size)))).T)
        first.append(members[:, places[0]].ravel())
        second.append(members[:, places[1]].ravel())
    return np.concatenate(first), np.concatenate(second)
