"""A book in miniature, a tokenizer that counts words, and requests that use both."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from scriptorium.contracts import PrepareRequest
from scriptorium.recipe import Chunking, Split

NOUNS = [
    "cabin",
    "ocean",
    "lion",
    "forest",
    "rope",
    "boat",
    "lamp",
    "river",
    "letter",
    "sword",
    "horse",
    "garden",
    "tower",
]
NAMES = ["Clara", "Tom Bell", "Rome"]


def write_prose(paragraphs: int, seed: int = 0, sentences: int = 4) -> str:
    """Paragraphs of sentences of twelve words, no two alike."""
    generator = random.Random(seed)  # noqa: S311  # no secret

    def sentence() -> str:
        nouns = generator.sample(NOUNS, 4)
        name = generator.choice(NAMES)
        return f"He saw {name} near the {nouns[0]} and the {nouns[1]}, with {nouns[2]} and {nouns[3]}."

    return "\n\n".join(" ".join(sentence() for _ in range(sentences)) for _ in range(paragraphs))


@pytest.fixture(scope="session")
def prose() -> Callable[..., str]:
    return write_prose


@pytest.fixture(scope="session")
def book() -> str:
    """Eight chapters of about 500 words."""
    return "\n\n".join(f"CHAPTER {number}\n\n{write_prose(10, seed=number)}" for number in range(1, 9))


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tokenizer whose tokens are words."""
    folder = tmp_path_factory.mktemp("base")
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(folder / "tokenizer.json"))
    template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>", "chat_template": template}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


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
