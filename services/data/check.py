"""Whether what was written reads back, and how long passages are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from scriptorium.contracts import TokenStatistics
from scriptorium.dataset import Row, read_rows
from scriptorium.errors import InternalError
from services.data.passage import Passage


def check_written(folder: Path, splits: dict[str, list[Row]]) -> None:
    """Read everything back; raises InternalError where a file does not say what was meant."""
    for name, rows in splits.items():
        if read_rows(folder / f"{name}.jsonl") != rows:
            raise InternalError(f"{name}.jsonl does not read back as it was written.")
        alpaca = folder / "alpaca" / f"{name}.jsonl"
        if alpaca.exists():
            lines = alpaca.read_text(encoding="utf-8").removesuffix("\n").split("\n")
            if [json.loads(line)["output"] for line in lines if line] != [row.passage for row in rows]:
                raise InternalError(f"alpaca/{name}.jsonl does not read back as it was written.")


def token_statistics(passages: Sequence[Passage]) -> TokenStatistics:
    """How long passages are, in tokens; all zeros where there are none."""
    sizes = [passage.tokens for passage in passages] or [0]
    return TokenStatistics(
        examples=len(passages), mean=sum(sizes) / len(sizes), minimum=min(sizes), maximum=max(sizes), total=sum(sizes)
    )
