"""The texts that a metric of voice compares, out of an evaluation's samples and the dataset: nothing but words.

They come at the length at which they were written; cutting them to equal lengths is the metric's own work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scriptorium.artifacts.dataset import read_rows
from services.evaluator.generation.plan import Role, Split
from services.evaluator.generation.samples import SAMPLES, Sample, read_samples
from services.evaluator.impostors import Impostor, read_impostors


@dataclass(frozen=True)
class Genuine:
    """A held-out passage of the author."""

    text: str
    chapter: str


@dataclass(frozen=True)
class Texts:
    """Everything to compare. `held_out`, `briefs`, `base`, `tuned` and `prompted` go together, index by index.

    `prompted` is empty where there was no room for excerpts, `base_calibration` where no dev text was held out.
    """

    author_train: list[str]
    author_dev: list[str]
    held_out: list[Genuine]
    briefs: list[str]
    base: list[str]
    tuned: list[str]
    prompted: list[str]
    base_calibration: list[str]
    impostors: list[Impostor]


@dataclass(frozen=True)
class Pair:
    """What base and tuned made of the same brief."""

    base: Sample
    tuned: Sample


def read_texts(dataset: Path, samples: Sequence[Sample], seed: int) -> Texts:
    """The texts of an evaluation; `seed` is the one that divides the impostors."""
    base = of_role(samples, "base")
    return Texts(
        author_train=[row.passage for row in read_rows(dataset / "train.jsonl")],
        author_dev=[row.passage for row in read_rows(dataset / "dev.jsonl")],
        held_out=[Genuine(sample.genuine, sample.chapter) for sample in base],
        briefs=[sample.brief for sample in base],
        base=[sample.text for sample in base],
        tuned=[sample.text for sample in of_role(samples, "tuned")],
        prompted=[sample.text for sample in of_role(samples, "prompted")],
        base_calibration=[sample.text for sample in of_role(samples, "base", "dev")],
        impostors=read_impostors(dataset, seed),
    )


def reread_texts(dataset: Path, report: Path, seed: int) -> Texts:
    """The texts of an evaluation that was published in the folder `report`."""
    return read_texts(dataset, read_samples(report / SAMPLES), seed)


def of_role(samples: Sequence[Sample], role: Role, split: Split = "test") -> list[Sample]:
    """What one of the writers wrote, in the order of the briefs."""
    chosen = [sample for sample in samples if (sample.role, sample.split) == (role, split)]
    return sorted(chosen, key=lambda sample: sample.index)


def pair_up(samples: Sequence[Sample]) -> list[Pair]:
    """Base and tuned side by side."""
    pairs = zip(of_role(samples, "base"), of_role(samples, "tuned"), strict=True)
    return [Pair(base, tuned) for base, tuned in pairs]
