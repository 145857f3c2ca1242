"""The base model's tokenizer and chat template: one way to render text for training, measuring and serving.

Both are used as `transformers` uses them, so what trains is what vLLM renders later, but without importing it, which
takes a second and 60 MB. A test compares the two.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property, lru_cache
from itertools import chain, pairwise
from pathlib import Path
from typing import Literal, NotRequired

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from scriptorium.errors import BaseModelUnusable
from scriptorium.models.malloc_trim import give_back

TOKENIZER = "tokenizer.json"
BATCH = 500_000  # characters encoded at once: enough for every core, and little beside the text itself
STRETCH = 100_000  # characters of a text without chapters that are encoded by one core

Offsets = NDArray[np.int64]


class Message(TypedDict):
    """One turn of a chat; `training` False on an answer that is there to be read and not to be learned."""

    role: Literal["system", "user", "assistant"]
    content: str
    training: NotRequired[bool]


class ChatTokenizer:
    """A model folder's tokenizer with its chat template; raises BaseModelUnusable where one of them is missing."""

    def __init__(self, folder: Path) -> None:
        from scriptorium.models.chat_template import (  # they load Jinja
            ChatTemplate,
            find_template,
            read_settings,
            special_tokens,
        )

        self._name = folder.name
        try:
            settings = read_settings(folder)
            source = find_template(folder, settings)
            self._named = special_tokens(settings)
            self._tokenizer = read_tokenizer(folder / TOKENIZER, self._named.values())
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BaseModelUnusable(f"{folder.name} has no readable tokenizer: {error}") from error
        if not source:
            raise BaseModelUnusable(
                f"{folder.name} has no chat template.",
                next_step="Choose an instruct model, such as Llama-3.1-8B-Instruct.",
            )
        with self._template_errors():
            self._template = ChatTemplate(source, self._named)

    def count(self, texts: Iterable[str]) -> list[int]:
        """Tokens of each text, special tokens left out."""
        return [
            len(found)
            for batch in batches(texts)
            for found in self._tokenizer.encode_batch_fast(batch, add_special_tokens=False)
        ]

    def locate(self, texts: Iterable[str]) -> Iterator[tuple[str, Offsets]]:
        """Each text, as they come, with where its tokens begin and end in characters: an array of (tokens, 2)."""
        with ThreadPoolExecutor(max_workers=1) as ahead:
            coming: deque[Future[list[tuple[str, Offsets]]]] = deque()
            for batch in batches(texts):
                coming.append(ahead.submit(self._locate, batch))
                if len(coming) > 1:  # one is encoded while the caller works with the one before
                    yield from coming.popleft().result()
            if coming:
                yield from coming.popleft().result()

    def render(self, messages: Sequence[Message], *, ask: bool = False) -> str:
        """The text that the model sees; with `ask` it ends where the assistant is about to write."""
        with self._template_errors():
            return self._template.render(messages, ask=ask)

    def encode(self, rendered: str) -> list[int]:
        """Token ids of rendered text; the template has put the special tokens there already."""
        return list(self._tokenizer.encode(rendered, add_special_tokens=False).ids)

    def encode_text(self, text: str) -> list[int]:
        """Token ids of plain text outside of a chat, with the special token that some models begin every text with."""
        return list(self._tokenizer.encode(text).ids)

    def encode_with_offsets(self, rendered: str) -> tuple[list[int], Offsets]:
        """Token ids of rendered text, and where each begins and ends in it."""
        found = self._tokenizer.encode(rendered, add_special_tokens=False)
        return list(found.ids), pairs(found.offsets)

    def span(self, messages: Sequence[Message]) -> tuple[list[int], int]:
        """Token ids of a chat up to the end of its last turn, and where the last turn's text begins.

        A token across the border belongs to the last turn: it begins where the renderings with and without it part.
        """
        whole = self.render(messages)
        head, end_of_turn, _ = whole.rpartition(self.end_of_turn)
        ids = self.encode(head + end_of_turn or whole)
        asked = self.encode(self.render(messages[:-1], ask=True))
        start = next((at for at, (one, other) in enumerate(zip(asked, ids, strict=False)) if one != other), len(asked))
        return ids, start

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, special tokens included."""
        return self._tokenizer.decode(list(ids), skip_special_tokens=False)

    @cached_property
    def end_of_turn(self) -> str:
        """The special token that ends the assistant's turn, read off the rendered template.

        The tokenizer's own `eos_token` may be another one (SmolLM2's GGUF says <|im_start|>), and a model trained on
        that never stops by itself.
        """
        probe = "scriptorium-probe"
        rendered = self.render([{"role": "user", "content": "?"}, {"role": "assistant", "content": probe}])
        special = self._tokenizer.get_added_tokens_decoder()
        tail = self.encode(rendered.rpartition(probe)[2])
        return next((special[token].content for token in tail if token in special), self._named.get("eos_token", ""))

    def _locate(self, texts: list[str]) -> list[tuple[str, Offsets]]:
        found: list[list[Offsets]] = [[] for _ in texts]
        pieces = [(number, *span) for number, text in enumerate(texts) for span in pairwise(cut_long(text))]
        spans = iter(pieces)
        for batch in batches(texts[number][start:end] for number, start, end in pieces):
            for encoding in self._tokenizer.encode_batch(batch, add_special_tokens=False):
                number, start, _ = next(spans)
                found[number].append(pairs(encoding.offsets) + start)
        give_back()
        return [(text, np.concatenate(places)) for text, places in zip(texts, found, strict=True)]

    @contextmanager
    def _template_errors(self) -> Iterator[None]:
        from jinja2 import TemplateError

        try:
            yield
        except (TemplateError, TypeError) as error:
            raise BaseModelUnusable(f"the chat template of {self._name} fails: {error}") from error


def read_tokenizer(path: Path, special: Iterable[str]) -> Tokenizer:
    """A tokenizer that neither cuts nor pads, with all of its special tokens; raises OSError or ValueError."""
    raw = path.read_bytes()
    try:
        tokenizer = Tokenizer.from_buffer(raw)
    except Exception as error:  # noqa: BLE001  # the library raises nothing more specific
        raise ValueError(error) from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.add_special_tokens([token for token in special if tokenizer.token_to_id(token) is None])
    return tokenizer


def cut_long(text: str) -> list[int]:
    """Where the stretches begin, and the last one ends, in which a text is encoded: most chapters are encoded whole.

    A text without chapters can be a whole library, and encoding takes hundreds of bytes a character. It is cut
    where a paragraph ends, so that no word's tokens change.
    """
    cuts = [0]
    while len(text) - cuts[-1] > STRETCH:
        end = text.rfind("\n\n", cuts[-1] + 1, cuts[-1] + STRETCH)
        if end < 0:
            break
        cuts.append(end + 2)
    return [*cuts, len(text)]


def pairs(offsets: Sequence[tuple[int, int]]) -> Offsets:
    """Places as an array."""
    return np.fromiter(chain.from_iterable(offsets), np.int64, 2 * len(offsets)).reshape(-1, 2)


def batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Texts in lists of about BATCH characters."""
    held: list[str] = []
    size = 0
    for text in texts:
        held.append(text)
        size += len(text)
        if size >= BATCH:
            yield held
            held, size = [], 0
    if held:
        yield held


@lru_cache(maxsize=4)
def chat_tokenizer(folder: Path) -> ChatTokenizer:
    """The tokenizer of a model folder, read once per process; raises BaseModelUnusable."""
    return ChatTokenizer(folder)
