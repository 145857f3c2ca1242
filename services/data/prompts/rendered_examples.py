"""A few training rows as the model sees them: rendered, tokenised and decoded again, with the trained part marked.

The assistant's turn and its end-of-turn token train, as Axolotl masks them (roles_to_train, train_on_eos).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import BaseModel

from scriptorium.artifacts.dataset import EXAMPLES, Row
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.recipe import PromptKind
from scriptorium.sampling import spread
from services.data.passage import Passage

SHOWN_EXAMPLES = 3
EXCERPT_LENGTH = 60  # characters of a piece's beginning and end in an event

PromptedT = TypeVar("PromptedT", bound=Passage | Row)


class RenderedPiece(BaseModel):
    """A stretch of a rendered row, and whether it trains."""

    text: str
    trained: bool


class RenderedExample(BaseModel):
    """A rendered row in pieces, and its tokens in all and in training."""

    kind: PromptKind
    chapter: str
    tokens: int
    trained_tokens: int
    pieces: list[RenderedPiece]


def write_examples(rows: Iterable[Row], tokenizer: ChatTokenizer, folder: Path, reporter: Reporter) -> None:
    """Write rows as the model sees them to `folder`, and log them in short."""
    examples = [make_example(row, tokenizer) for row in rows]
    body = [example.model_dump() for example in examples]
    (folder / EXAMPLES).write_text(json.dumps(body, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    for example in examples:
        reporter.message(f"[DATA] {describe_example(example)}")


def choose_examples(passages: Sequence[PromptedT]) -> list[PromptedT]:
    """Choose one with each kind of prompt, then others from all over the book, in its order."""
    indexes = list(range(len(passages)))
    first_of_kind = {passages[index].kind: index for index in reversed(indexes)}.values()
    chosen = [*first_of_kind, *(index for index in spread(indexes, SHOWN_EXAMPLES) if index not in first_of_kind)]
    return [passages[index] for index in sorted(chosen[:SHOWN_EXAMPLES])]


def make_example(row: Row, tokenizer: ChatTokenizer) -> RenderedExample:
    """Render a row, tokenise it and decode it from its tokens."""
    ids, trained = tokenise(row, tokenizer)
    pieces = []
    for trains, group in groupby(zip(ids, trained, strict=True), key=lambda pair: pair[1]):
        pieces.append(RenderedPiece(text=tokenizer.decode([token for token, _ in group]), trained=trains))
    return RenderedExample(
        kind=row.kind, chapter=row.chapter, tokens=len(ids), trained_tokens=sum(trained), pieces=pieces
    )


def tokenise(row: Row, tokenizer: ChatTokenizer) -> tuple[list[int], list[bool]]:
    """Return the token ids of a row, and for each whether it trains.

    The assistant's turn begins where the rendered row and its prompt begin to differ, and ends with the last
    end-of-turn token; a token across the border trains.
    """
    text = tokenizer.render(row.messages)
    prompt = tokenizer.render(row.messages[:-1], add_generation_prompt=True)
    begin = next((at for at, (one, other) in enumerate(zip(prompt, text, strict=False)) if one != other), len(prompt))
    ids, offsets = tokenizer.encode_with_offsets(text)
    first = int(np.searchsorted(offsets[:, 1], begin, side="right"))
    ending = tokenizer.encode(tokenizer.end_of_turn)
    last = next((index for index in range(len(ids) - 1, first, -1) if [ids[index]] == ending), len(ids) - 1)
    return ids, [first <= index <= last for index in range(len(ids))]


def describe_example(example: RenderedExample) -> str:
    """Describe an example in a line, with the trained part in brackets."""
    text = " ".join(f"[{shorten(piece.text)}]" if piece.trained else shorten(piece.text) for piece in example.pieces)
    counts = f"{example.tokens:,} tokens, {example.trained_tokens:,} in brackets train"
    return f"Example ({example.kind}, {counts}): {text}"


def shorten(text: str) -> str:
    """Return the beginning and the end of a text, on one line."""
    line = " ".join(text.split())
    if len(line) <= 2 * EXCERPT_LENGTH:
        return line
    return f"{line[:EXCERPT_LENGTH].rstrip()} ... {line[-EXCERPT_LENGTH:].lstrip()}"
