"""A few training rows as the model sees them: rendered, tokenised, decoded again, with the part that trains marked.

What trains is the assistant's turn and the token that ends it, as Axolotl masks it (roles_to_train, train_on_eos).
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

SHOWN = 3
SHORT = 60  # characters of a piece's beginning and end in the job's story


Asked = TypeVar("Asked", bound=Passage | Row)


class Piece(BaseModel):
    """A stretch of a rendered row, and whether the model is trained to write it."""

    text: str
    trained: bool


class Example(BaseModel):
    """A rendered row."""

    kind: PromptKind
    chapter: str
    tokens: int
    trained_tokens: int
    pieces: list[Piece]


def show_examples(rows: Iterable[Row], tokenizer: ChatTokenizer, folder: Path, reporter: Reporter) -> None:
    """Write rows as the model sees them to `folder`, and tell them in short."""
    examples = [make_example(row, tokenizer) for row in rows]
    body = [example.model_dump() for example in examples]
    (folder / EXAMPLES).write_text(json.dumps(body, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    for example in examples:
        reporter.message(f"[DATA] {describe(example)}")


def choose_examples(passages: Sequence[Asked]) -> list[Asked]:
    """One with each kind of prompt, then others from all over the book, in its order."""
    places = list(range(len(passages)))
    chosen = {passages[place].kind: place for place in reversed(places)}.values()
    wanted = [*chosen, *(place for place in spread(places, SHOWN) if place not in chosen)]
    return [passages[place] for place in sorted(wanted[:SHOWN])]


def make_example(row: Row, tokenizer: ChatTokenizer) -> Example:
    """A row, rendered and decoded from its tokens."""
    ids, trained = tokenise(row, tokenizer)
    pieces = []
    for mark, group in groupby(zip(ids, trained, strict=True), key=lambda pair: pair[1]):
        pieces.append(Piece(text=tokenizer.decode([token for token, _ in group]), trained=mark))
    return Example(kind=row.kind, chapter=row.chapter, tokens=len(ids), trained_tokens=sum(trained), pieces=pieces)


def tokenise(row: Row, tokenizer: ChatTokenizer) -> tuple[list[int], list[bool]]:
    """The token ids of a row, and for each whether it trains.

    The assistant's turn begins where the whole text and the text that asks for it part, and ends with the last
    end-of-turn token; a token across the border trains.
    """
    whole = tokenizer.render(row.messages)
    asked = tokenizer.render(row.messages[:-1], ask=True)
    begin = next((at for at, (one, other) in enumerate(zip(asked, whole, strict=False)) if one != other), len(asked))
    ids, offsets = tokenizer.encode_with_offsets(whole)
    first = int(np.searchsorted(offsets[:, 1], begin, side="right"))
    ending = tokenizer.encode(tokenizer.end_of_turn)
    last = next((place for place in range(len(ids) - 1, first, -1) if [ids[place]] == ending), len(ids) - 1)
    return ids, [first <= place <= last for place in range(len(ids))]


def describe(example: Example) -> str:
    """An example in a line, what trains in brackets."""
    said = " ".join(f"[{shorten(piece.text)}]" if piece.trained else shorten(piece.text) for piece in example.pieces)
    counts = f"{example.tokens:,} tokens, {example.trained_tokens:,} in brackets train"
    return f"Example ({example.kind}, {counts}): {said}"


def shorten(text: str) -> str:
    """The beginning and the end of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 2 * SHORT else f"{line[:SHORT].rstrip()} ... {line[-SHORT:].lstrip()}"
