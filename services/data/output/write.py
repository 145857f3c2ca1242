"""The dataset folder, as `scriptorium.artifacts.dataset` describes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from scriptorium.artifacts.dataset import (
    CONTINUE_INSTRUCTION,
    SPLITS,
    PreferenceRow,
    Row,
    write_lines,
    write_rows,
)
from services.data.passage import Passage, make_messages


def write_dataset(folder: Path, splits: Mapping[str, Sequence[Passage]]) -> None:
    """Write every split, and the Alpaca form of train, dev and test."""
    for name, passages in splits.items():
        write_rows(folder / f"{name}.jsonl", map(make_row, passages))
        if name in SPLITS:
            write_lines(folder / "alpaca" / f"{name}.jsonl", map(make_alpaca, passages))


def make_row(passage: Passage) -> Row:
    """Make the chat row of a passage, or its preference."""
    row = Row(
        messages=make_messages(passage),
        chapter=passage.chapter,
        author=passage.author,
        kind=passage.kind,
        genuine=passage.genuine,
        book=passage.book,
    )
    rejected = passage.rejected
    return PreferenceRow(**row.model_dump(), rejected=rejected) if rejected else row


def make_alpaca(passage: Passage) -> dict[str, object]:
    """Make the row in the seed workflow's Alpaca form; the instruction is constant except in ready rows."""
    return {
        "instruction": passage.prompt if passage.ready else CONTINUE_INSTRUCTION,
        "input": "",
        "output": passage.text,
    }
