"""Resume an evaluation: a new attempt takes over the passages that earlier ones have written."""

from __future__ import annotations

from pathlib import Path

from scriptorium.artifacts.report import read_samples, save_samples
from scriptorium.contracts.report.document import SAMPLES


def resume_evaluation(earlier: list[Path], folder: Path) -> None:
    """Copy every complete sample of earlier attempts into `folder`; of two of the same passage the later one.

    This is a copy and not a link: an attempt that only seemed dead may still append to its own file. The evaluation
    checks whether a sample still fits its plan.
    """
    samples = {sample.key: sample for attempt in earlier for sample in read_samples(attempt / SAMPLES)}
    if samples:
        save_samples(folder / SAMPLES, samples.values())
