"""Whether what was written reads back, and how long passages are."""

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
    """Read everything back; raises InternalError where a file does not say what was meant."""
    for name, passages in splits.items():
        same(f"{name}.jsonl", iterate_rows(folder / f"{name}.jsonl"), map(make_row, passages))
        alpaca = folder / "alpaca" / f"{name}.jsonl"
        if alpaca.exists():
            outputs = (passage.text for passage in passages)
            same(f"alpaca/{name}.jsonl", (line["output"] for line in iterate_lines(alpaca)), outputs)


def same(name: str, found: Iterable[object], meant: Iterable[object]) -> None:
    """Compare one by one; raises InternalError."""
    if any(one != other for one, other in zip_longest(found, meant)):
        raise InternalError(f"{name} does not read back as it was written.")


def token_statistics(passages: Sequence[Passage]) -> TokenStatistics:
    """How long passages are, in tokens; all zeros where there are none."""
    sizes = [passage.tokens for passage in passages] or [0]
    return TokenStatistics(
        examples=len(passages), mean=sum(sizes) / len(sizes), minimum=min(sizes), maximum=max(sizes), total=sum(sizes)
    )
