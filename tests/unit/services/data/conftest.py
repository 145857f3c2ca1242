"""A book in miniature, a tokenizer that counts words, and requests that use both."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scriptorium.contracts import PrepareRequest
from scriptorium.recipe import Chunking, Split
from tests.word_model import write_word_model

NOUNS = (
    "cabin ocean lion forest rope boat lamp river letter sword horse garden tower bridge candle window kitchen valley"
    " harbour basket mirror blanket ladder hammer saddle meadow barrel curtain feather lantern market orchard pebble"
    " pillow ribbon shovel stable thread tunnel village wagon whistle anchor button castle chimney corner desert"
)
QUALITIES = "old small dark broken heavy silent golden narrow distant empty wooden crooked gentle hollow pale"
OPENINGS = "He saw|She found|They met|We heard of|Nobody knew|You had left|I forgot|Then he lost|At noon she sought"
NAMES = ["Clara", "Tom Bell", "Rome"]


def write_prose(paragraphs: int, seed: int = 0, sentences: int = 4) -> str:
    """Return paragraphs of sentences of about fifteen words, all different, without a repeated run of eight words."""
    generator = random.Random(seed)  # noqa: S311  # no secret

    def sentence() -> str:
        one, two, three, four = generator.sample(NOUNS.split(), 4)
        first, second, third = generator.sample(QUALITIES.split(), 3)
        start = f"{generator.choice(OPENINGS.split('|'))} {generator.choice(NAMES)}"
        return f"{start} near the {first} {one} and the {two}, with {second} {three} and a {third} {four}."

    return "\n\n".join(" ".join(sentence() for _ in range(sentences)) for _ in range(paragraphs))


@pytest.fixture(scope="session")
def prose() -> Callable[..., str]:
    return write_prose


@pytest.fixture(scope="session")
def book() -> str:
    """Eight chapters of about 700 words."""
    return "\n\n".join(f"CHAPTER {number}\n\n{write_prose(10, seed=number)}" for number in range(1, 9))


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tokenizer whose tokens are words."""
    return write_word_model(tmp_path_factory.mktemp("base"))


@pytest.fixture
def ask(tmp_path: Path, base: Path) -> Callable[..., PrepareRequest]:
    """A request for a text, or for a file or folder that is there already."""

    def make(manuscript: str | Path, filename: str = "book.txt", **changes: Any) -> PrepareRequest:
        if isinstance(manuscript, str):
            path = tmp_path / "content"
            path.write_text(manuscript, encoding="utf-8")
            manuscript = path
        fields: dict[str, Any] = {
            "manuscript": manuscript,
            "filename": filename,
            "base": base,
            "prompt": "brief",
            "chunking": Chunking(unit="words", minimum=80, maximum=160),
            "split": Split(),
        }
        return PrepareRequest(**(fields | changes))

    return make
