"""How a new attempt at an evaluation takes over the passages that earlier ones had written."""

from __future__ import annotations

from pathlib import Path

from services.evaluator.generation.samples import SAMPLES, keep_samples, read_samples


def hand_on(earlier: list[Path], folder: Path) -> None:
    """Copy every whole sample of earlier attempts into `folder`; of two of the same passage the later one.

    A copy, not a link: an attempt that only seemed dead may still add to its own file. Whether a sample still fits is
    for the evaluation to say.
    """
    found = {sample.key: sample for attempt in earlier for sample in read_samples(attempt / SAMPLES)}
    if found:
        keep_samples(folder / SAMPLES, found.values())
