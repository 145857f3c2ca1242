"""The order of rows if a share of the replayed ones comes last: steps in which the base's answers alone are learned.

A training then reads a file with every row that it learns, in the order in which it learns them, once. Whatever comes
last, the author's rows and the replayed ones are learned as often as in a mixed order.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path

from scriptorium.artifacts.dataset import Row, write_rows
from scriptorium.contracts import TrainRequest
from scriptorium.planning.resolve import count_updates
from scriptorium.recipe import ResolvedTraining
from services.trainer.run.axolotl import TrainingRows, training_rows_path


def write_in_order(request: TrainRequest, training: ResolvedTraining, folder: Path, rows: TrainingRows) -> None:
    """Write the rows of every update of a training, as `make_config` has Axolotl read them if there is a recovery."""
    updates = count_updates(training, len(rows.train))
    count = updates * training.micro_batch_size * training.gradient_accumulation_steps
    ordered = order_rows(rows.train, rows.replayed, training.recovery, count, request.seed)
    write_rows(training_rows_path(request, folder), ordered)


def order_rows(rows: Sequence[Row], replayed: int, share: float, count: int, seed: int) -> list[Row]:
    """Return `count` rows in their order, which depends on the seed alone; the last `replayed` of `rows` are replayed.

    `share` of the replayed ones is held back from the others and fills the end.
    """
    generator = random.Random(seed)  # noqa: S311  an order, not a secret
    own = len(rows) - replayed
    answers = generator.sample(rows[own:], replayed)
    late = answers[: round(share * replayed)]
    ending = round(count * len(late) / len(rows))
    mixed = [*rows[:own], *answers[len(late) :]]
    return [*_draw(mixed, count - ending, generator), *_draw(late, ending, generator)]


def _draw(rows: Sequence[Row], count: int, generator: random.Random) -> list[Row]:
    """Return so many rows: all of them in a new order, again and again."""
    epochs = (generator.sample(rows, len(rows)) for _ in range(math.ceil(count / max(1, len(rows)))))
    return list(islice(chain.from_iterable(epochs), count))
