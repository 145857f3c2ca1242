"""The split into training and held-out passages, by whole chapters, so that no scene is on both sides."""

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
from services.data.splits.decontaminate import (
    LEAK_SHARE,
    LeakCheck,
    compare_splits,
    drop_leaking_passages,
    drop_near_duplicates,
)
from services.data.splits.near_duplicates import NEAR_DUPLICATE_SHARE, SimilarPair, find_pairs, index_ngrams

SHUFFLES = 64  # of the chapters; the one nearest to the target shares is used
UNEVEN_FACTOR = 2.0  # times too much or too little before it is a finding

Passages = Sequence[Passage]


@dataclass(frozen=True)
class Division:
    """Passages by split, the leak check between the sides, the near-duplicates among all passages, and the findings."""

    splits: dict[str, list[Passage]]
    leak_check: LeakCheck
    near_duplicates: list[SimilarPair]
    findings: list[Finding]


def divide_passages(
    passages: Passages, split: Split, seed: int, folder: Path | None = None, validation: Passages = ()
) -> Division:
    """Split passages and drop near-duplicates across the sides; every n-gram is read once for all of this.

    `validation` are further passages: if there are any, they are dev, and dev takes none of the others. The n-grams lie
    in temporary files of `folder`; pairs of near-duplicates count the validation passages behind the others.
    """
    splits, uneven = split_passages(passages, split, seed, with_dev=not validation)
    splits["dev"] += validation
    passages = [*passages, *validation]
    with index_ngrams((passage.text for passage in passages), count_words(passages), folder) as index:
        pairs = find_pairs(index, LEAK_SHARE)
        splits, duplicates = drop_near_duplicates(splits, pairs, passages)
        leak_check, leaking = compare_splits(splits, index, passages)
        if leaking:
            splits, leaking = drop_leaking_passages(splits, leaking)
            leak_check, _ = compare_splits(splits, index, passages)
    near_duplicates = [pair for pair in pairs if pair.shared >= NEAR_DUPLICATE_SHARE]
    return Division(splits, leak_check, near_duplicates, [*uneven, *duplicates, *leaking])


def split_passages(
    passages: Passages, split: Split, seed: int, *, with_dev: bool = True
) -> tuple[dict[str, list[Passage]], list[Finding]]:
    """Split passages, in the order of the book and the same for the same seed; return findings about the split, too."""
    chapters = [list(group) for _, group in groupby(passages, key=lambda passage: passage.chapter)]
    shares = {"dev": split.dev, "test": split.test} if with_dev else {"test": split.test}
    if len(chapters) <= len(shares):
        message = f"only {len(chapters)} chapter(s) found, so the end of the text is held out: {', then '.join(shares)}"
        return split_blocks(passages, shares), [Finding(code="split_in_blocks", place="chapters", message=message)]
    chosen = choose_chapters([count_words(chapter) for chapter in chapters], shares, seed)
    splits: dict[str, list[Passage]] = {name: [] for name in SPLITS}
    for chapter, name in zip(chapters, chosen, strict=True):
        splits[name] += chapter
    return splits, find_uneven(splits, shares)


def choose_chapters(words: Sequence[int], shares: dict[str, float], seed: int) -> list[str]:
    """Choose the split of each chapter by the chapters' words; every split gets at least one chapter."""
    generator = random.Random(seed)  # noqa: S311  # a repeatable choice, not a secret
    candidates = [deal_chapters(words, shares, generator) for _ in range(SHUFFLES)]
    return min(candidates, key=lambda chosen: measure_distance(chosen, words, shares))


def deal_chapters(words: Sequence[int], shares: dict[str, float], generator: random.Random) -> list[str]:
    """Deal chapters in random order: each held-out split takes them while that brings it nearer to its share."""
    order = list(range(len(words)))
    generator.shuffle(order)
    chosen = ["train"] * len(words)
    for name, share in shares.items():
        target = share * sum(words)
        chosen[first := order.pop()] = name
        size = words[first]
        while len(order) > len(shares) and abs(size + words[order[-1]] - target) < abs(size - target):
            chosen[first := order.pop()] = name
            size += words[first]
    return chosen


def measure_distance(chosen: Sequence[str], words: Sequence[int], shares: dict[str, float]) -> float:
    """Measure how far the held-out words are from the target shares, in shares of the text."""
    sizes = {name: sum(size for size, split in zip(words, chosen, strict=True) if split == name) for name in shares}
    return sum(abs(sizes[name] / sum(words) - share) for name, share in shares.items())


def split_blocks(passages: Passages, shares: dict[str, float]) -> dict[str, list[Passage]]:
    """Take train from the beginning, then dev, then test; with three passages or more none is empty."""
    count = len(passages)
    test = max(1, round(shares["test"] * count))
    dev = max(1, round(shares["dev"] * count)) if "dev" in shares else 0
    train = max(0, count - dev - test)
    cuts = [train, train + dev]
    whole = [find_beginning(passages, cut) for cut in cuts]
    if whole[0] > 0 and (whole[0] < whole[1] or not dev):  # else a conversation is longer than a split
        cuts = whole
    return {
        "train": list(passages[: cuts[0]]),
        "dev": list(passages[cuts[0] : cuts[1]]),
        "test": list(passages[cuts[1] :]),
    }


def find_beginning(passages: Passages, cut: int) -> int:
    """Return the last place up to `cut` at which no conversation is cut in two."""
    while 0 < cut < len(passages) and passages[cut].conversation == passages[cut - 1].conversation != "":
        cut -= 1
    return cut


def find_uneven(splits: dict[str, list[Passage]], shares: dict[str, float]) -> list[Finding]:
    """Return a finding for each held-out split that is far from its target share, as long chapters make it."""
    words = {name: count_words(passages) for name, passages in splits.items()}
    total = sum(words.values())
    return [
        Finding(
            code="uneven_split",
            place=name,
            message=f"has {words[name] / total:.0%} of the words; the recipe asks for {share:.0%}",
        )
        for name, share in shares.items()
        if not 1 / UNEVEN_FACTOR <= words[name] / (share * total) <= UNEVEN_FACTOR
    ]


def count_words(passages: Passages) -> int:
    """Count the words of several passages."""
    return sum(passage.words for passage in passages)
