"""Sample passages: what the model writes to the same few held-out briefs before training and at each checkpoint.

<training>/samples/order.json      the briefs, the author's own passages, and how to write
<training>/samples/texts.jsonl     a passage per line; it grows while training runs, so its end may be torn

The trainer orders, the plugin inside Axolotl writes, the API shows. Standard library only, because the plugin runs in
Axolotl's environment.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from scriptorium.artifacts.training_log import append_to_log, read_training_log

FOLDER = "samples"
ORDER = "order.json"
TEXTS = "texts.jsonl"


@dataclass(frozen=True)
class SampleBrief:
    """A held-out brief, the author's passage that it describes, and the prompt as token ids."""

    brief: str
    passage: str
    ids: list[int]


@dataclass(frozen=True)
class SampleOrder:
    """What to write at each checkpoint: the briefs, the most tokens of a passage, and the seed of every checkpoint."""

    briefs: list[SampleBrief]
    max_tokens: int
    seed: int


@dataclass(frozen=True)
class CheckpointSample:
    """What the model wrote to the brief of that number at a step; `ended` is False if it was cut off."""

    step: int
    brief: int
    text: str
    ended: bool


def write_order(training: Path, order: SampleOrder) -> None:
    """Write the order into a training folder."""
    (training / FOLDER).mkdir(exist_ok=True)
    (training / FOLDER / ORDER).write_text(json.dumps(asdict(order)), encoding="utf-8")


def read_order(training: Path) -> SampleOrder | None:
    """Read a training folder's order; None if there is none, or only the beginning of one."""
    try:
        body = json.loads((training / FOLDER / ORDER).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return SampleOrder([SampleBrief(**brief) for brief in body["briefs"]], body["max_tokens"], body["seed"])


def append_samples(training: Path, samples: Iterable[CheckpointSample]) -> None:
    """Append passages to a training folder's."""
    lines = [asdict(sample) for sample in samples]
    if lines:
        (training / FOLDER).mkdir(exist_ok=True)
        append_to_log(training / FOLDER / TEXTS, lines)


def read_samples(training: Path) -> list[CheckpointSample]:
    """Read a training folder's passages, by step and brief; of a passage that was written twice the later one."""
    samples = [CheckpointSample(**line) for line in read_training_log(training / FOLDER / TEXTS)]
    latest = {(sample.step, sample.brief): sample for sample in samples}
    return [latest[key] for key in sorted(latest)]


def lacks_samples(order: SampleOrder, samples: Sequence[CheckpointSample], step: int) -> bool:
    """Return whether a brief of the order has no passage of a step yet."""
    return len({sample.brief for sample in samples if sample.step == step}) < len(order.briefs)
