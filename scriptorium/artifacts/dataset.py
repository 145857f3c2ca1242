"""The dataset folder: data writes it, trainer and evaluator read it.

train.jsonl dev.jsonl test.jsonl   chat rows: {"messages": [user, assistant], "chapter": "...", "author": "...",
                                   "kind": "brief" | "context" | "continue" | "rewrite", "genuine": "..."}; dev and
                                   test have briefs only; `genuine` is the author's text if the row trains on other
                                   names; "book": the name of one of several books, else ""; "rejected": the answer that
                                   a preference puts behind the last message
reference.jsonl                    the same from other authors, if there are any; briefs only
alpaca/{train,dev,test}.jsonl      the same passages with the seed workflow's constant instruction
impostors.jsonl                    {"author": "...", "works": ["...", ...]}: cleaned excerpts of other authors' works
examples.json                      some training rows as the model sees them, piece by piece, trained or not
quality.json                       the PrepareResult
quality.html                       the same for people, with pictures
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from scriptorium.contracts.base import Message
from scriptorium.contracts.prepare import PrepareResult
from scriptorium.recipe import PromptKind
from scriptorium.text.languages.detect import detect_book_language
from scriptorium.text.languages.language import Language, list_codes, read_language

SPLITS = ("train", "dev", "test")
REFERENCE = "reference"
IMPOSTORS = "impostors.jsonl"
QUALITY = "quality.json"
QUALITY_PAGE = "quality.html"
EXAMPLES = "examples.json"
PREFERENCE_KEYS = frozenset(["rejected", "preferred_output"])
CONTINUE_INSTRUCTION = "Continue this narrative in the author's style:"


class Row(BaseModel):
    """One example: a chat that ends with the user's prompt, of one of four kinds, and the assistant's passage.

    Rows of an uploaded .jsonl may have a system message and earlier turns; only the last answer is trained on.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    messages: list[Message]
    chapter: str
    author: str = ""
    kind: PromptKind = "brief"
    genuine: str = ""
    book: str = ""

    @model_validator(mode="before")
    @classmethod
    def refuse_untrained_answer(cls, body: Any) -> Any:
        """Refuse a row whose last answer is marked as context only, by us or as OpenAI does. Raises ValueError."""
        messages = body.get("messages") if isinstance(body, dict) else None
        last = messages[-1] if isinstance(messages, list) and messages else None
        if isinstance(last, dict) and (last.get("training") is False or last.get("weight") == 0):
            raise ValueError("the last answer has the weight 0, so nothing in the row trains; leave the row out")
        return body

    @property
    def brief(self) -> str:
        """The user's last message."""
        return self.messages[-2]["content"]

    @property
    def passage(self) -> str:
        """The author's text, with the author's own names: the last message, unless names were replaced in it."""
        return self.genuine or self.answer

    @property
    def answer(self) -> str:
        """The last message: the text that trains."""
        return self.messages[-1]["content"]

    @property
    def rejected_messages(self) -> list[Message]:
        """The same chat with the answer that was not preferred; empty if there is none."""
        return []


class PreferenceRow(Row):
    """A chat that ends with the preferred answer, and the answer that it is preferred to.

    Read as OpenAI's API has it: {"input": {"messages": [...]}, "preferred_output": [{"role": "assistant", "content":
    "..."}], "non_preferred_output": [...]}.
    """

    rejected: str
    chapter: str = ""

    @property
    def rejected_messages(self) -> list[Message]:
        """The same chat with the answer that was not preferred."""
        return [*self.messages[:-1], {"role": "assistant", "content": self.rejected}]

    @model_validator(mode="before")
    @classmethod
    def read_openai_row(cls, body: Any) -> Any:
        """Read a row of OpenAI's format. Raises ValueError."""
        if not isinstance(body, dict) or "rejected" in body:
            return body
        chat = body.get("input")
        messages = chat.get("messages") if isinstance(chat, dict) else None
        if not isinstance(messages, list) or not messages:
            raise ValueError("input.messages must be a list of messages")
        answers = {}
        for name in ("preferred_output", "non_preferred_output"):
            output = body.get(name)
            answer = output[0] if isinstance(output, list) and len(output) == 1 else None
            if not isinstance(answer, dict) or answer.get("role") != "assistant" or not answer.get("content"):
                raise ValueError(f"{name} must be a list of one message of the assistant")
            answers[name] = answer
        preferred, rejected = answers.values()
        if preferred["content"] == rejected["content"]:
            raise ValueError("both answers are the same")
        return {"messages": [*messages, preferred], "rejected": rejected["content"]}


class OtherAuthor(BaseModel):
    """Another author: a name, and an excerpt of each work, with blank lines between paragraphs."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    author: str
    works: list[str]


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write one row per line."""
    write_lines(path, (row.model_dump() for row in rows))


def write_lines(path: Path, rows: Iterable[dict[str, object]]) -> None:
    """Write JSON lines as UTF-8, without escaping non-ASCII characters, so that people can read them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as lines:
        for row in rows:
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")


def read_rows(path: Path) -> list[Row]:
    """Read rows; a missing file has none."""
    return list(iterate_rows(path)) if path.exists() else []


def iterate_rows(path: Path) -> Iterator[Row]:
    """Yield rows one by one, preferences as such."""
    return map(parse_row, iterate_lines(path))


def parse_row(body: dict[str, object]) -> Row:
    """Return a row; a preference is one, too, whose passage is the preferred answer. Raises ValidationError."""
    kind = PreferenceRow if PREFERENCE_KEYS & body.keys() else Row
    return kind.model_validate(body)


def iterate_lines(path: Path) -> Iterator[dict[str, object]]:
    """Yield JSON lines one by one."""
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def read_quality(folder: Path) -> PrepareResult | None:
    """Read what was found in the manuscript; None if the folder does not say, or another version wrote it."""
    try:
        return PrepareResult.model_validate_json((folder / QUALITY).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def read_book_language(folder: Path, passages: Iterable[str]) -> Language:
    """Return the language that a book was prepared in; detect that of its passages if the folder does not say."""
    quality = read_quality(folder)
    return (
        read_language(quality.language)
        if quality and quality.language in list_codes()
        else detect_book_language(passages)
    )


def read_other_authors(path: Path) -> list[OtherAuthor]:
    """Read other authors; a missing file has none."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as lines:
        return [OtherAuthor.model_validate_json(line) for line in lines if line.strip()]
