"""Whether what was written reads back, and how long passages are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from scriptorium.contracts import TokenStatistics
from scriptorium.dataset import Row, stream_rows
from scriptorium.errors import InternalError
from services.data.passage import Passage


def check_written(folder: Path, splits: dict[str, list[Row]]) -> None:
    """Read everything back; raises InternalError where a file does not say what was meant."""
    for name, rows in splits.items():
        if not same(stream_rows(folder / f"{name}.jsonl"), rows):
            raise InternalError(f"{name}.jsonl does not read back as it was written.")
        alpaca = folder / "alpaca" / f"{name}.jsonl"
        if alpaca.exists() and not same(read_outputs(alpaca), (row.passage for row in rows)):
            raise InternalError(f"alpaca/{name}.jsonl does not read back as it was written.")


def same(read: Iterable[object], meant: Iterable[object]) -> bool:
    """Whether two series are equal; only two of their members are held at a time."""
    return all(one == other for one, other in zip_longest(read, meant))


def read_outputs(path: Path) -> Iterator[str]:
    """The answers of Alpaca rows."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)["output"]


def token_statistics(passages: Sequence[Passage]) -> TokenStatistics:
    """How long passages are, in tokens; all zeros where there are none."""
    sizes = [passage.tokens for passage in passages] or [0]
    return TokenStatistics(
        examples=len(passages), mean=sum(sizes) / len(sizes), minimum=min(sizes), maximum=max(sizes), total=sum(sizes)
    )
