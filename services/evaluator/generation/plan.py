"""The generation plan of an evaluation: which passages are written, by which model, and from which messages.

base, tuned     the briefs of held-out test passages, word for word the same for both
base, dev       briefs of dev passages: calibration, to learn how the base writes without touching the test
prompted        the test briefs again, after a few excerpts of training text: what prompting alone can do
scene           briefs of new scenes, the same for base and tuned: whether names of the book leak into other stories

The tuned model writes at its calibrated temperature. If the base has one of its own, it answers half as many dev briefs
at both, and the passages show at which one it is nearer to the author: there it answers the test briefs.

Only the prompted baseline sees a word of the author; it stands beside the result and is not part of it.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from math import ceil

from scriptorium.artifacts.dataset import Row
from scriptorium.contracts.base import Message
from scriptorium.contracts.report.document import Role, Split
from scriptorium.sampling import spread
from services.evaluator.generation.prompted_baseline import build_messages

NEUTRAL = 1.0  # the temperature at which a model samples from its own distribution
SAME_TEMPERATURE = 0.02  # closer temperatures give text that nobody can tell apart


@dataclass(frozen=True)
class Temperatures:
    """The temperature of the tuned model, and those among which the base's is chosen."""

    tuned: float = NEUTRAL
    base: tuple[float, ...] = (NEUTRAL,)


@dataclass(frozen=True)
class PlannedPassage:
    """One passage to write: the brief is that of `row`, the `index`-th of its split."""

    role: Role
    split: Split
    index: int
    row: Row
    messages: list[Message]
    seed: int | None = None
    temperature: float = NEUTRAL

    @property
    def key(self) -> tuple[Role, Split, int]:
        """The key that identifies the passage; its sample has the same one."""
        return self.role, self.split, self.index


def list_temperatures(tuned: float, base: float) -> Temperatures:
    """Return the temperatures of an evaluation; the base's own one counts if it differs from 1."""
    differs = abs(base - NEUTRAL) > SAME_TEMPERATURE
    return Temperatures(tuned, (NEUTRAL, base) if differs else (NEUTRAL,))


def plan_passages(
    test: Sequence[Row],
    dev: Sequence[Row],
    excerpts: Sequence[str],
    count: int,
    seed: int | None,
    *,
    temperatures: Temperatures = Temperatures(),
    scenes: Sequence[Row] = (),
) -> list[PlannedPassage]:
    """Plan every passage, those of one engine together; at most `count` briefs, evenly spread, and all new `scenes`.

    Dev briefs are repeated until there are as many as test briefs: each answer is another sample of the base's voice.
    A brief has one `seed` for every model, derived from the evaluation's seed; None if the engine accepts no seed.
    The base's test passages and scenes are planned at the first of its temperatures, which `with_base_temperature`
    changes.
    """
    chosen = spread(test, count)
    plan = [
        *plan_role("base", "test", chosen, seed),
        *plan_calibration(spread(dev, count), len(chosen), seed, temperatures.base),
    ]
    if excerpts:
        plan += plan_role("prompted", "test", chosen, seed, excerpts)
    plan += plan_role("base", "scene", scenes, seed)
    tuned = [*plan_role("tuned", "test", chosen, seed), *plan_role("tuned", "scene", scenes, seed)]
    return [*plan, *(replace(passage, temperature=temperatures.tuned) for passage in tuned)]


def plan_calibration(
    dev: Sequence[Row], count: int, seed: int | None, temperatures: Sequence[float]
) -> list[PlannedPassage]:
    """Plan about `count` passages of the base from dev briefs, with the same briefs at every temperature."""
    briefs = list(islice(cycle(dev), ceil(count / len(temperatures)))) if dev else []
    planned = plan_role("base", "dev", briefs * len(temperatures), seed)
    return [replace(passage, temperature=temperatures[number // len(briefs)]) for number, passage in enumerate(planned)]


def with_base_temperature(plan: Sequence[PlannedPassage], temperature: float) -> list[PlannedPassage]:
    """Return the plan with the base's test passages and scenes, prompted ones too, at a temperature."""
    return [
        replace(passage, temperature=temperature) if passage.split != "dev" and passage.role != "tuned" else passage
        for passage in plan
    ]


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


def list_system_messages(messages: Sequence[Message]) -> list[Message]:
    """Return the system messages of a row: whoever asks a model what it was trained on asks with the same ones."""
    return [message for message in messages if message["role"] == "system"]


def derive_seed(seed: int, split: Split, index: int) -> int:
    """Derive the seed of one brief: the same in every run, and different from all others."""
    return zlib.crc32(f"{seed} {split} {index}".encode())
