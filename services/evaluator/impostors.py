"""Other authors, divided by a seed: half are seen by the classifiers of the voice, half stay unseen to test them."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scriptorium.artifacts.dataset import IMPOSTORS, read_other_authors

MIN_UNSEEN_IMPOSTORS = 4  # with fewer, the best of them may be far from this author by luck


@dataclass(frozen=True)
class Impostor:
    """Another author: a name, a long stretch of each work, and whether a classifier may learn from them."""

    author: str
    works: tuple[str, ...]
    is_seen: bool


def read_impostors(dataset: Path, seed: int) -> list[Impostor]:
    """Read the impostors of a dataset, by name; one seed gives one division. An odd number leaves one more unseen."""
    others = sorted(read_other_authors(dataset / IMPOSTORS), key=lambda other: other.author)
    order = [other.author for other in others]
    random.Random(seed).shuffle(order)  # noqa: S311  # a repeatable choice, not a secret
    seen_names = frozenset(order[: len(order) // 2])
    return [Impostor(other.author, tuple(other.works), other.author in seen_names) for other in others]


def count_unseen(impostors: Iterable[Impostor]) -> int:
    """Count the impostors that are unseen."""
    return sum(not impostor.is_seen for impostor in impostors)
