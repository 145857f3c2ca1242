"""The texts that a metric of voice compares, out of an evaluation's samples and the dataset: nothing but words.

They have the length at which they were written; the metric itself cuts them to equal lengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scriptorium.artifacts.dataset import read_book_language, read_rows
from scriptorium.artifacts.report import read_samples
from scriptorium.contracts.report.document import SAMPLES, Role, Sample, Split
from scriptorium.text.languages.language import Language
from services.evaluator.impostors import Impostor, read_impostors


@dataclass(frozen=True)
class GenuinePassage:
    """A held-out passage of the author."""

    text: str
    chapter: str


@dataclass(frozen=True)
class EvaluationTexts:
    """All texts to compare. `held_out`, `briefs`, `base`, `tuned` and `prompted` go together, index by index.

    `prompted` is empty if there was no room for excerpts, `base_calibration` if no dev text was held out.
    `author_renamed` are training passages as they train, if names were replaced in them: they may be copied as well.
    """

    language: Language
    author_train: list[str]
    author_dev: list[str]
    author_renamed: list[str]
    held_out: list[GenuinePassage]
    briefs: list[str]
    base: list[str]
    tuned: list[str]
    prompted: list[str]
    base_calibration: list[str]
    impostors: list[Impostor]


@dataclass(frozen=True)
class Pair:
    """The passages that base and tuned model wrote from the same brief."""

    base: Sample
    tuned: Sample


def read_texts(dataset: Path, samples: Sequence[Sample], seed: int) -> EvaluationTexts:
    """Read the texts of an evaluation; `seed` is the one that divides the impostors."""
    base, train = select_samples(samples, "base"), read_rows(dataset / "train.jsonl")
    author_train = [row.passage for row in train]
    return EvaluationTexts(
        language=read_book_language(dataset, author_train),
        author_train=author_train,
        author_dev=[row.passage for row in read_rows(dataset / "dev.jsonl")],
        author_renamed=[row.answer for row in train if row.genuine],
        held_out=[GenuinePassage(sample.genuine, sample.chapter) for sample in base],
        briefs=[sample.brief for sample in base],
        base=[sample.text for sample in base],
        tuned=[sample.text for sample in select_samples(samples, "tuned")],
        prompted=[sample.text for sample in select_samples(samples, "prompted")],
        base_calibration=[sample.text for sample in select_samples(samples, "base", "dev")],
        impostors=read_impostors(dataset, seed),
    )


def reread_texts(dataset: Path, report: Path, seed: int) -> EvaluationTexts:
    """Read the texts of an evaluation that was published in the folder `report`."""
    return read_texts(dataset, read_samples(report / SAMPLES), seed)


def select_samples(samples: Sequence[Sample], role: Role, split: Split = "test") -> list[Sample]:
    """Return the samples of one writer, in the order of the briefs."""
    chosen = [sample for sample in samples if (sample.role, sample.split) == (role, split)]
    return sorted(chosen, key=lambda sample: sample.index)


def pair_samples(samples: Sequence[Sample]) -> list[Pair]:
    """Pair the samples of base and tuned model, in the order of the briefs."""
    pairs = zip(select_samples(samples, "base"), select_samples(samples, "tuned"), strict=True)
    return [Pair(base, tuned) for base, tuned in pairs]
