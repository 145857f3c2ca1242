"""Verification of the written dataset, and statistics of its passages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from scriptorium.artifacts.dataset import iterate_lines, iterate_rows
from scriptorium.contracts import TokenStatistics
from scriptorium.errors import InternalError
from services.data.output.write import make_row
from services.data.passage import Passage


def check_written(folder: Path, splits: Mapping[str, Sequence[Passage]]) -> None:
    """Read everything back; raises InternalError if a file does not have the expected content."""
    for name, passages in splits.items():
        check_same(f"{name}.jsonl", iterate_rows(folder / f"{name}.jsonl"), map(make_row, passages))
        alpaca = folder / "alpaca" / f"{name}.jsonl"
        if alpaca.exists():
            outputs = (passage.text for passage in passages)
            check_same(f"alpaca/{name}.jsonl", (line["output"] for line in iterate_lines(alpaca)), outputs)


def check_same(name: str, actual: Iterable[object], expected: Iterable[object]) -> None:
    """Compare entries one by one; raises InternalError if they differ."""
    if any(one != other for one, other in zip_longest(actual, expected)):
        raise InternalError(f"{name} does not read back as it was written.")


def token_statistics(passages: Sequence[Passage]) -> TokenStatistics:
    """Compute statistics of the passages' lengths in tokens; all zeros if there are none."""
    sizes = [passage.tokens for passage in passages] or [0]
    return TokenStatistics(
        examples=len(passages), mean=sum(sizes) / len(sizes), minimum=min(sizes), maximum=max(sizes), total=sum(sizes)
    )
