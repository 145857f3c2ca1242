"""Other authors, half of them seen by whatever tells this author apart and half unseen: those put it to the test."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scriptorium.artifacts.dataset import IMPOSTORS, read_others

ENOUGH_UNSEEN = 4  # with fewer, the best of them may be far from this author by luck


@dataclass(frozen=True)
class Impostor:
    """Another author: a name, a long stretch of each work, and whether a classifier may learn from them."""

    author: str
    works: tuple[str, ...]
    seen: bool


def read_impostors(dataset: Path, seed: int) -> list[Impostor]:
    """The impostors of a dataset, by name; the same seed divides the same. Where they are odd, more are unseen."""
    others = sorted(read_others(dataset / IMPOSTORS), key=lambda other: other.author)
    order = [other.author for other in others]
    random.Random(seed).shuffle(order)  # noqa: S311  # a repeatable choice, not a secret
    seen = frozenset(order[: len(order) // 2])
    return [Impostor(other.author, tuple(other.works), other.author in seen) for other in others]


def count_unseen(impostors: Iterable[Impostor]) -> int:
    """How many of them are unseen."""
    return sum(not impostor.seen for impostor in impostors)
