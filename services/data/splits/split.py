"""The split into training and held-out passages, by whole chapters or books, so that no scene is on both sides."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from scriptorium.artifacts.dataset import SPLITS
from scriptorium.contracts import Finding
from scriptorium.errors import InvalidRecipe
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

SHUFFLES = 64  # of the chapters or books; the one nearest to the target shares is used
UNEVEN_FACTOR = 2.0  # times too much or too little before it is a finding
UNEVEN_BOOKS_STEP = "Books are held out as a whole: send more of them, or set `data.split.by` to `chapter`."

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
    """Split passages, in the order of the book and the same for the same seed; return findings about the split, too.

    Raises InvalidRecipe if whole books are to be held out and there are too few.
    """
    shares = {"dev": split.dev, "test": split.test} if with_dev else {"test": split.test}
    by_book = split.by == "book"
    units: dict[str, list[Passage]] = {}
    for passage in passages:
        units.setdefault(passage.book if by_book else passage.chapter, []).append(passage)
    if len(units) <= len(shares):
        if by_book:
            raise too_few_books(units, shares)
        message = f"only {len(units)} chapter(s) found, so the end of the text is held out: {', then '.join(shares)}"
        return split_blocks(passages, shares), [Finding(code="split_in_blocks", place="chapters", message=message)]
    chosen = choose_units([count_words(unit) for unit in units.values()], shares, seed)
    splits: dict[str, list[Passage]] = {name: [] for name in SPLITS}
    for unit, name in zip(units.values(), chosen, strict=True):
        splits[name] += unit
    return splits, find_uneven(splits, shares, UNEVEN_BOOKS_STEP if by_book else "")


def too_few_books(books: Collection[str], shares: Collection[str]) -> InvalidRecipe:
    """Return the error for a manuscript with too few books to hold whole ones out."""
    names = ", ".join(filter(None, books))
    return InvalidRecipe(
        f"The manuscript has {len(books)} book(s){names and f' ({names})'}, and data.split.by: book needs at least "
        f"{len(shares) + 1}: one to train on, one for {' and one for '.join(shares)}.",
        param="data.split.by",
        next_step="Set data.split.by to chapter, or send more books, each as one file or in a folder of its own.",
    )


def choose_units(words: Sequence[int], shares: dict[str, float], seed: int) -> list[str]:
    """Choose the split of each chapter or book by their words; every split gets at least one."""
    generator = random.Random(seed)  # noqa: S311  # a repeatable choice, not a secret
    candidates = [deal_units(words, shares, generator) for _ in range(SHUFFLES)]
    return min(candidates, key=lambda chosen: measure_distance(chosen, words, shares))


def deal_units(words: Sequence[int], shares: dict[str, float], generator: random.Random) -> list[str]:
    """Deal units in random order: each held-out split takes them while that brings it nearer to its share."""
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


def find_uneven(splits: dict[str, list[Passage]], shares: dict[str, float], next_step: str) -> list[Finding]:
    """Return a finding for each held-out split that is far from its target share, as long chapters make it.

    `next_step` is another one than the gate's, if there is one.
    """
    words = {name: count_words(passages) for name, passages in splits.items()}
    total = sum(words.values())
    return [
        Finding(
            code="uneven_split",
            place=name,
            message=f"has {words[name] / total:.0%} of the words; the recipe asks for {share:.0%}",
            next_step=next_step,
        )
        for name, share in shares.items()
        if not 1 / UNEVEN_FACTOR <= words[name] / (share * total) <= UNEVEN_FACTOR
    ]


def count_words(passages: Passages) -> int:
    """Count the words of several passages."""
    return sum(passage.words for passage in passages)
