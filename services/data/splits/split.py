"""Which passages train and which are held out: by whole chapters, so that no scene is on both sides."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from scriptorium.artifacts.dataset import SPLITS
from scriptorium.contracts import Finding
from scriptorium.recipe import Split
from services.data.passage import Passage
from services.data.splits.decontaminate import LEAKED, Comparison, compare_splits, mend_leaks, part_twins
from services.data.splits.near_duplicates import ALIKE, Pair, find_pairs, read_runs

FEWEST_CHAPTERS = len(SPLITS)
TRIES = 64  # shuffles, of which the one nearest to the wanted shares is kept
FAR_OFF = 2.0  # times too much or too little before a person is told

Passages = Sequence[Passage]


@dataclass(frozen=True)
class Division:
    """Passages by split, what the two sides still have in common, the near-duplicates among all, and what to know."""

    splits: dict[str, list[Passage]]
    comparison: Comparison
    near_duplicates: list[Pair]
    findings: list[Finding]


def divide_passages(passages: Passages, split: Split, seed: int, folder: Path | None = None) -> Division:
    """Passages by split, without near-duplicates across; every run of eight words is read once for all of this.

    The runs lie in files of a folder meanwhile.
    """
    splits, uneven = split_passages(passages, split, seed)
    with read_runs((passage.text for passage in passages), count_words(passages), folder) as runs:
        pairs = find_pairs(runs, LEAKED)
        splits, twins = part_twins(splits, pairs, passages)
        comparison, leaked = compare_splits(splits, runs, passages)
        if leaked:
            splits, leaked = mend_leaks(splits, leaked)
            comparison, _ = compare_splits(splits, runs, passages)
    near = [pair for pair in pairs if pair.shared >= ALIKE]
    return Division(splits, comparison, near, [*uneven, *twins, *leaked])


def split_passages(passages: Passages, split: Split, seed: int) -> tuple[dict[str, list[Passage]], list[Finding]]:
    """Passages by split, each in the order of the book, and what to know of it; the same seed gives the same split."""
    chapters = [list(group) for _, group in groupby(passages, key=lambda passage: passage.chapter)]
    shares = {"dev": split.dev, "test": split.test}
    if len(chapters) < FEWEST_CHAPTERS:
        message = f"only {len(chapters)} chapter(s) were found, so the ends of the text are held out: dev, then test"
        return split_blocks(passages, shares), [Finding(code="split_in_blocks", place="chapters", message=message)]
    chosen = choose_chapters([count_words(chapter) for chapter in chapters], shares, seed)
    splits: dict[str, list[Passage]] = {name: [] for name in SPLITS}
    for chapter, name in zip(chapters, chosen, strict=True):
        splits[name] += chapter
    return splits, note_shares(splits, shares)


def choose_chapters(words: Sequence[int], shares: dict[str, float], seed: int) -> list[str]:
    """The split of each chapter, given their words; every split gets at least one."""
    generator = random.Random(seed)  # noqa: S311  # a repeatable choice, not a secret
    tries = [deal_chapters(words, shares, generator) for _ in range(TRIES)]
    return min(tries, key=lambda chosen: distance(chosen, words, shares))


def deal_chapters(words: Sequence[int], shares: dict[str, float], generator: random.Random) -> list[str]:
    """Chapters in random order, each held-out split taking them while that brings it nearer to its share."""
    order = list(range(len(words)))
    generator.shuffle(order)
    chosen = ["train"] * len(words)
    for name, share in shares.items():
        wanted = share * sum(words)
        chosen[first := order.pop()] = name
        held = words[first]
        while len(order) > FEWEST_CHAPTERS - 1 and abs(held + words[order[-1]] - wanted) < abs(held - wanted):
            chosen[first := order.pop()] = name
            held += words[first]
    return chosen


def distance(chosen: Sequence[str], words: Sequence[int], shares: dict[str, float]) -> float:
    """How far the held-out words are from the wanted shares, in shares of the text."""
    held = {name: sum(size for size, split in zip(words, chosen, strict=True) if split == name) for name in shares}
    return sum(abs(held[name] / sum(words) - share) for name, share in shares.items())


def split_blocks(passages: Passages, shares: dict[str, float]) -> dict[str, list[Passage]]:
    """Train from the beginning, then dev, then test; with three passages or more none is empty."""
    count = len(passages)
    test = max(1, round(shares["test"] * count))
    dev = max(1, round(shares["dev"] * count))
    train = max(0, count - dev - test)
    return {
        "train": list(passages[:train]),
        "dev": list(passages[train : train + dev]),
        "test": list(passages[train + dev :]),
    }


def note_shares(splits: dict[str, list[Passage]], shares: dict[str, float]) -> list[Finding]:
    """A finding for each held-out split that is far from what was wanted, as long chapters make it."""
    words = {name: count_words(passages) for name, passages in splits.items()}
    total = sum(words.values())
    return [
        Finding(
            code="uneven_split",
            place=name,
            message=f"holds {words[name] / total:.0%} of the words; {share:.0%} was asked for",
        )
        for name, share in shares.items()
        if not 1 / FAR_OFF <= words[name] / (share * total) <= FAR_OFF
    ]


def count_words(passages: Passages) -> int:
    """Words of several passages."""
    return sum(passage.words for passage in passages)
