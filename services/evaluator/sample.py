"""Let base and tuned write from the same held-out briefs, with the same settings, one after the other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from scriptorium.dataset import Row, write_lines
from scriptorium.report import Report
from services.evaluator.engine import Engine, Written
from services.evaluator.watch import together

SAMPLES = "samples.jsonl"
STEP = 5  # passages between two lines of progress


class Decoding(BaseModel):
    """How both models were asked to write. A lower temperature would make a caricature of a voice."""

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int


class Sample(BaseModel):
    """One brief, what the author made of it, and what the two models did."""

    index: int
    chapter: str
    author: str
    brief: str
    genuine: str
    base: Written
    tuned: Written
    settings: Decoding


class Desk:
    """Counts the passages for the progress line and keeps each sample on disk as soon as it is whole."""

    def __init__(self, path: Path, total: int, report: Report) -> None:
        self.path = path
        self.total = total
        self.report = report
        self.written = 0

    def count(self) -> None:
        """One more passage is written."""
        self.written += 1
        if self.written % STEP == 0 or self.written == self.total:
            text = f"[VALIDATE] {self.written}/{self.total} passages written"
            self.report.message(text, written=self.written, total=self.total)

    def keep(self, sample: Sample) -> None:
        """Append a sample, so that a crash loses none that is whole."""
        with self.path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(sample.model_dump(), ensure_ascii=False) + "\n")


async def write_samples(
    rows: Sequence[Row], pair: tuple[Engine, Engine], max_tokens: int, folder: Path, report: Report
) -> list[Sample]:
    """Write two passages per row; samples.jsonl grows as they come and ends in the order of `rows`.

    The base writes first, all its passages at once, then the tuned model: two engines share the same cores.
    """
    desk = Desk(folder / SAMPLES, len(rows) * len(pair), report)
    base, tuned = pair
    first = await together([_write(base, row, max_tokens, desk) for row in rows])
    started = [_begin(index, row, first[index], max_tokens) for index, row in enumerate(rows)]
    samples = await together([_finish(sample, row, tuned, desk) for sample, row in zip(started, rows, strict=True)])
    write_lines(folder / SAMPLES, (sample.model_dump() for sample in samples))
    return samples


def _begin(index: int, row: Row, base: Written, max_tokens: int) -> Sample:
    """A sample that waits for the tuned model's passage."""
    return Sample(
        index=index,
        chapter=row.chapter,
        author=row.author,
        brief=row.brief,
        genuine=row.passage,
        base=base,
        tuned=Written(text="", finish_reason=None),
        settings=Decoding(max_tokens=max_tokens),
    )


async def _finish(sample: Sample, row: Row, tuned: Engine, desk: Desk) -> Sample:
    written = await _write(tuned, row, sample.settings.max_tokens, desk)
    whole = sample.model_copy(update={"tuned": written})
    desk.keep(whole)
    return whole


async def _write(engine: Engine, row: Row, max_tokens: int, desk: Desk) -> Written:
    written = await engine.write(row.messages[:-1], max_tokens)
    desk.count()
    return written
