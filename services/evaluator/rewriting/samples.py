"""rewrites.jsonl: every draft and every rewritten passage on disk as soon as it is there.

A file that a killed attempt left may end in a torn line; whoever goes on reads what is whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import TypeAdapter

from scriptorium.artifacts.report import read_whole_lines, save_samples
from scriptorium.contracts.report.rewriting import REWRITES, RewriteRole, RewriteSample

LINE = TypeAdapter(RewriteSample)


class RewriteFile:
    """The samples of a report folder, by role and index."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / REWRITES
        self._samples = {sample.key: sample for sample in read_rewrites(self._path)}

    def find(self, role: RewriteRole, index: int) -> RewriteSample | None:
        """Return a sample if it is there."""
        return self._samples.get((role, index))

    def add(self, sample: RewriteSample) -> RewriteSample:
        """Append a sample to the file, instead of an earlier one of the same key, and return it."""
        self._samples[sample.key] = sample
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(sample.model_dump(), ensure_ascii=False) + "\n")
        return sample

    def keep(self, samples: Iterable[RewriteSample]) -> None:
        """Write these samples and no others; all of them or none."""
        save_samples(self._path, samples)


def select_rewrites(samples: Sequence[RewriteSample], role: RewriteRole) -> list[RewriteSample]:
    """Return the samples of a role, in the order of the passages."""
    return sorted((sample for sample in samples if sample.role == role), key=lambda sample: sample.index)


def read_rewrites(path: Path) -> list[RewriteSample]:
    """Read every complete line; a missing file has none."""
    return list(read_whole_lines(path, LINE)) if path.exists() else []


def resume_rewrites(earlier: list[Path], folder: Path) -> None:
    """Copy what earlier attempts have written into `folder`; of two samples of the same key the later one."""
    samples = {sample.key: sample for attempt in earlier for sample in read_rewrites(attempt / REWRITES)}
    if samples:
        save_samples(folder / REWRITES, samples.values())
