"""The generation plan of an evaluation: which passages are written, by which model, and from which messages.

base, tuned     the briefs of held-out test passages, word for word the same for both
base, dev       briefs of dev passages: calibration, to learn how the base writes without touching the test
prompted        the test briefs again, after a few excerpts of training text: what prompting alone can do

Only the prompted baseline sees a word of the author; it stands beside the result and is not part of it.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from scriptorium.artifacts.dataset import Row
from scriptorium.contracts.base import Message
from scriptorium.contracts.report import Role, Split
from scriptorium.sampling import spread
from services.evaluator.generation.prompted_baseline import build_messages


@dataclass(frozen=True)
class PlannedPassage:
    """One passage to write: the brief is that of `row`, the `index`-th of its split."""

    role: Role
    split: Split
    index: int
    row: Row
    messages: list[Message]
    seed: int | None = None

    @property
    def key(self) -> tuple[Role, Split, int]:
        """The key that identifies the passage; its sample has the same one."""
        return self.role, self.split, self.index


def plan_passages(
    test: Sequence[Row], dev: Sequence[Row], excerpts: Sequence[str], count: int, seed: int | None
) -> list[PlannedPassage]:
    """Plan every passage, those of one engine together; at most `count` briefs, evenly spread.

    Dev briefs are repeated until there are as many as test briefs: each answer is another sample of the base's voice.
    A brief has one `seed` for every model, derived from the evaluation's seed; None if the engine accepts no seed.
    """
    chosen = spread(test, count)
    calibration = list(islice(cycle(spread(dev, count)), len(chosen))) if dev else []
    plan = [*plan_role("base", "test", chosen, seed), *plan_role("base", "dev", calibration, seed)]
    if excerpts:
        plan += plan_role("prompted", "test", chosen, seed, excerpts)
    return [*plan, *plan_role("tuned", "test", chosen, seed)]


def plan_role(
    role: Role, split: Split, rows: Sequence[Row], seed: int | None, excerpts: Sequence[str] = ()
) -> list[PlannedPassage]:
    """Plan one passage per row for one role."""
    return [
        PlannedPassage(
            role,
            split,
            index,
            row,
            build_messages(row, excerpts),
            seed if seed is None else derive_seed(seed, split, index),
        )
        for index, row in enumerate(rows)
    ]


def derive_seed(seed: int, split: Split, index: int) -> int:
    """Derive the seed of one brief: the same in every run, and different from all others."""
    return zlib.crc32(f"{seed} {split} {index}".encode())
