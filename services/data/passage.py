"""A passage: the text of one training example. Its texts may lie in a file and are read on demand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from scriptorium.artifacts.dataset import CONTINUE_INSTRUCTION
from scriptorium.contracts.base import Message
from scriptorium.recipe import PromptKind
from scriptorium.sampling import spread
from scriptorium.text.languages.detect import SAMPLED_TEXTS, detect_book_language
from scriptorium.text.languages.language import Language
from services.data.text_file import LazyText, load_text

PARAGRAPH_BREAK = "\n\n"


@dataclass(frozen=True, slots=True)
class Passage:
    """A text, its place in the manuscript, its length in words and in tokens of the base model, and its prompt.

    `before` is the text of the previous passage in its chapter, if there is one. `genuine` is the author's text if
    names were replaced in the one that trains. A passage of a `ready` row keeps the row's own prompt, and `turns` are
    the messages before that: the first `turn_count` of those stored. The answers of one `conversation` are passages
    side by side, and so are preferences with the same prompt and text. `rejected` is the answer that a preference puts
    behind the text. `fitted` says that the recipe's range was lowered for it, so that its row is not too long. `book`
    names its book if there are several.
    """

    stored_text: LazyText
    chapter: str
    place: str
    words: int
    tokens: int
    stored_prompt: LazyText = ""  # its brief, its request to rewrite a draft, or the prompt of its row
    kind: PromptKind = "brief"
    stored_before: LazyText = ""
    stored_genuine: LazyText = ""
    author: str = ""
    ready: bool = False
    stored_turns: LazyText = "[]"  # as JSON
    turn_count: int | None = None  # all of them
    conversation: str = ""  # the place of its row, or of the first one
    stored_rejected: LazyText = ""
    fitted: bool = False
    book: str = ""

    @property
    def text(self) -> str:
        """The text that trains."""
        return load_text(self.stored_text)

    @property
    def genuine(self) -> str:
        """The author's text if names were replaced in it; else ""."""
        return load_text(self.stored_genuine)

    @property
    def before(self) -> str:
        """The text of the previous passage; "" if this is the first one."""
        return load_text(self.stored_before)

    @property
    def prompt(self) -> str:
        """The prompt, according to its kind."""
        if self.kind in ("brief", "rewrite"):
            return load_text(self.stored_prompt)
        return f"{CONTINUE_INSTRUCTION}\n\n{self.before}" if self.kind == "context" else CONTINUE_INSTRUCTION

    @property
    def turns(self) -> list[Message]:
        """The messages before the prompt."""
        return list(json.loads(load_text(self.stored_turns)))[: self.turn_count]

    @property
    def rejected(self) -> str:
        """The answer that is not preferred; "" if the row is no preference."""
        return load_text(self.stored_rejected)

    def length(self, unit: str) -> int:
        """Return the length in "words" or "tokens"."""
        return self.words if unit == "words" else self.tokens


def iterate_paragraphs(passages: Iterable[Passage]) -> Iterator[str]:
    """Yield the paragraphs of passages, one after the other."""
    return (paragraph for passage in passages for paragraph in passage.text.split(PARAGRAPH_BREAK))


def detect_passage_language(passages: Sequence[Passage]) -> Language:
    """Return the language of a book by a sample of its passages, whose texts alone are loaded."""
    return detect_book_language(passage.text for passage in spread(passages, SAMPLED_TEXTS))


def make_messages(passage: Passage) -> list[Message]:
    """Return the turns of a passage's row; the last one trains."""
    return [*passage.turns, {"role": "user", "content": passage.prompt}, {"role": "assistant", "content": passage.text}]


def iterate_chats(passage: Passage) -> Iterator[list[Message]]:
    """Yield the turns of a passage's row, and those with the other answer of a preference."""
    chat = make_messages(passage)
    yield chat
    if rejected := passage.rejected:
        yield [*chat[:-1], {"role": "assistant", "content": rejected}]
