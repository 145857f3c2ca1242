"""The split into training and held-out passages, by whole chapters or books, so that no scene is on both sides."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from scriptorium.artifacts.dataset import SPLITS
from scriptorium.contracts import Finding
from scriptorium.errors import InvalidRecipe
from scriptorium.recipe import Split
from services.data.passage import Passage
from services.data.splits.decontaminate import (
    LEAK_SHARE,
    LeakCheck,
    Splits,
    compare_splits,
    drop_leaking_passages,
    drop_near_duplicates,
)
from services.data.splits.near_duplicates import NEAR_DUPLICATE_SHARE, SimilarPair, find_pairs, index_ngrams

SHUFFLES = 64  # of the chapters or books; the one nearest to the target shares is used
UNEVEN_FACTOR = 2.0  # times too much or too little before it is a finding
MIN_BOOKS = 2
UNEVEN_BOOKS_STEP = "Books are held out as a whole: send more of them, or set `data.split.by` to `chapter`."

Passages = Sequence[Passage]
CHAPTER, BOOK = attrgetter("chapter"), attrgetter("book")


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
) -> tuple[Splits, list[Finding]]:
    """Split passages, in the order of the book and the same for the same seed; return findings about the split, too.

    Raises InvalidRecipe if whole books are to be held out and there are too few.
    """
    shares = {"dev": split.dev, "test": split.test} if with_dev else {"test": split.test}
    if split.by == "book":
        splits = split_books(passages, shares, seed)
        return splits, find_uneven(splits, shares, UNEVEN_BOOKS_STEP)
    chapters = group_passages(passages, CHAPTER)
    if len(chapters) <= len(shares):
        message = f"only {len(chapters)} chapter(s) found, so the end of the text is held out: {', then '.join(shares)}"
        return split_blocks(passages, shares), [Finding(code="split_in_blocks", place="chapters", message=message)]
    splits = deal_passages(chapters, shares, seed)
    return splits, find_uneven(splits, shares)


def split_books(passages: Passages, shares: dict[str, float], seed: int) -> Splits:
    """Split passages by whole books; raises InvalidRecipe if there are too few.

    If whole books make dev much larger than its share, it takes chapters of the books that train: the test is what has
    to be a story that nobody has read, and every book for dev is one less to learn from.
    """
    books = group_passages(passages, BOOK)
    if len(books) < MIN_BOOKS:
        raise too_few_books(books, "one to train on and one for the test are needed")
    splits = deal_passages(books, shares, seed) if len(books) > len(shares) else None
    if "dev" not in shares or (splits and not is_oversized(splits["dev"], shares["dev"], passages)):
        return splits or deal_passages(books, shares, seed)
    outer = deal_passages(books, {"test": shares["test"]}, seed)
    chapters = group_passages(outer["train"], CHAPTER)
    if len(chapters) > 1:
        share = shares["dev"] * count_words(passages) / count_words(outer["train"])
        return {**deal_passages(chapters, {"dev": share}, seed), "test": outer["test"]}
    if splits is None:
        raise too_few_books(books, "what is not for the test has only one chapter, and dev needs one of its own")
    return splits


def is_oversized(members: Passages, share: float, passages: Passages) -> bool:
    """Return whether some of the passages are much more than their share of all of them."""
    return count_words(members) > UNEVEN_FACTOR * share * count_words(passages)


def too_few_books(books: Collection[str], reason: str) -> InvalidRecipe:
    """Return the error for a manuscript with too few books to hold whole ones out."""
    names = ", ".join(filter(None, books))
    return InvalidRecipe(
        f"data.split.by: book cannot hold out a whole book: the manuscript has {len(books)} book(s)"
        f"{names and f' ({names})'}, and {reason}.",
        param="data.split.by",
        next_step="Set data.split.by to chapter, or send more books, each as one file or in a folder of its own.",
    )


def group_passages(passages: Passages, name: Callable[[Passage], str]) -> dict[str, list[Passage]]:
    """Group passages by their chapter or book, in the order in which these begin."""
    groups: dict[str, list[Passage]] = {}
    for passage in passages:
        groups.setdefault(name(passage), []).append(passage)
    return groups


def deal_passages(units: dict[str, list[Passage]], shares: dict[str, float], seed: int) -> Splits:
    """Return the passages of whole chapters or books by split."""
    chosen = choose_units([count_words(unit) for unit in units.values()], shares, seed)
    splits: Splits = {name: [] for name in SPLITS}
    for unit, name in zip(units.values(), chosen, strict=True):
        splits[name] += unit
    return splits


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


def find_uneven(splits: dict[str, list[Passage]], shares: dict[str, float], next_step: str = "") -> list[Finding]:
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
