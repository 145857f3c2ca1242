"""The report folder: the evaluator writes it, the API reads it.

report.json                        the Report
report.html                        the same for people
samples.jsonl                      a Sample per line; grows while the models write, so its end may be torn
rewrites.jsonl                     the same for drafts and what became of them
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from scriptorium.artifacts.dataset import write_lines
from scriptorium.contracts.report.document import REPORT, PairedSample, Report, Sample

LINE: TypeAdapter[Sample | PairedSample] = TypeAdapter(Sample | PairedSample)

LineT = TypeVar("LineT")


def read_report(folder: Path) -> Report:
    """Read report.json; raises ValueError if another version wrote it."""
    return Report.model_validate_json((folder / REPORT).read_text(encoding="utf-8"))


def read_samples(path: Path) -> list[Sample]:
    """Read every complete sample of a file, which may end in a torn line; a missing file has none."""
    if not path.exists():
        return []
    return [sample for sample in read_sample_lines(path) if isinstance(sample, Sample)]


def read_sample_lines(path: Path) -> Iterator[Sample | PairedSample]:
    """Yield every complete line of a samples.jsonl, in its present or in its earlier form."""
    return read_whole_lines(path, LINE)


def read_whole_lines(path: Path, adapter: TypeAdapter[LineT]) -> Iterator[LineT]:
    """Yield every complete line of a file, which may end in a torn one."""
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):  # a text may contain U+2028
        try:
            yield adapter.validate_json(line)
        except ValidationError:
            continue


def save_samples(path: Path, samples: Iterable[BaseModel]) -> None:
    """Write all samples or none."""
    temporary = path.with_suffix(".tmp")
    write_lines(temporary, (sample.model_dump() for sample in samples))
    temporary.replace(path)
