"""What is to be written, by whom and from which words: the evaluation's protocol as a list of orders.

base, tuned     the briefs of held-out test passages, word for word the same for both
base, dev       briefs of dev passages: calibration, to learn how the base writes without touching the test
prompted        the test briefs again, after a few excerpts of training text: what asking alone can do

Only the third sees a word of the author; it stands beside the result and is no part of it.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Literal

from scriptorium.artifacts.dataset import Row
from scriptorium.models.tokenizer import Message
from scriptorium.sampling import spread
from services.evaluator.generation.prompted_baseline import imitate

Role = Literal["base", "tuned", "prompted"]
Split = Literal["dev", "test"]


@dataclass(frozen=True)
class Order:
    """One passage to be written: the brief is that of `row`, the `index`-th of its split."""

    role: Role
    split: Split
    index: int
    row: Row
    messages: list[Message]
    seed: int | None = None

    @property
    def key(self) -> tuple[Role, Split, int]:
        """What tells it from the others."""
        return self.role, self.split, self.index


def plan_orders(
    test: Sequence[Row], dev: Sequence[Row], excerpts: Sequence[str], count: int, seed: int | None
) -> list[Order]:
    """Every order, those of one engine together; at most `count` briefs, evenly spread.

    Few dev briefs are asked again until there are as many as of the test: each answer is another sample of the base's
    voice. A brief has one `seed` for every model, made from the evaluation's own; None where the engine has none.
    """
    chosen = spread(test, count)
    calibration = list(islice(cycle(spread(dev, count)), len(chosen))) if dev else []
    orders = [*make_orders("base", "test", chosen, seed), *make_orders("base", "dev", calibration, seed)]
    if excerpts:
        orders += make_orders("prompted", "test", chosen, seed, excerpts)
    return [*orders, *make_orders("tuned", "test", chosen, seed)]


def make_orders(
    role: Role, split: Split, rows: Sequence[Row], seed: int | None, excerpts: Sequence[str] = ()
) -> list[Order]:
    """An order for each row."""
    return [
        Order(role, split, index, row, imitate(row, excerpts), seed if seed is None else mix(seed, split, index))
        for index, row in enumerate(rows)
    ]


def mix(seed: int, split: Split, index: int) -> int:
    """The seed of one brief: the same in every run, and apart from all others."""
    return zlib.crc32(f"{seed} {split} {index}".encode())
