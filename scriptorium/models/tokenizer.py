"""The base model's tokenizer and chat template: one way to render text for training, evaluation and serving.

Both work as in `transformers`, so training sees the text that vLLM renders later, but without its import, which takes a
second and 60 MB. A test compares the two.
"""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cached_property, lru_cache
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from scriptorium.contracts.base import Message
from scriptorium.errors import BaseModelUnusable

TOKENIZER_FILE = "tokenizer.json"
BATCH_CHARACTERS = 500_000  # encoded at once: enough for every core, and little beside the text itself
STRETCH_CHARACTERS = 100_000  # of a text without chapters that one core encodes

Offsets = NDArray[np.int64]


class ChatTokenizer:
    """A model folder's tokenizer with its chat template; raises BaseModelUnusable if one of them is missing."""

    def __init__(self, folder: Path) -> None:
        from scriptorium.models.chat_template import (  # it loads Jinja
            ChatTemplate,
            find_template,
            read_settings,
            special_tokens,
        )

        self._name = folder.name
        try:
            settings = read_settings(folder)
            source = find_template(folder, settings)
            self._special_tokens = special_tokens(settings)
            self._tokenizer = read_tokenizer(folder / TOKENIZER_FILE, self._special_tokens.values())
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BaseModelUnusable(f"{folder.name} has no readable tokenizer: {error}") from error
        if not source:
            raise BaseModelUnusable(
                f"{folder.name} has no chat template.",
                next_step="Choose an instruct model, such as Llama-3.1-8B-Instruct.",
            )
        with self._template_errors():
            self._template = ChatTemplate(source, self._special_tokens)

    def count(self, texts: Iterable[str]) -> list[int]:
        """Return the number of tokens of each text, without special tokens."""
        return [
            len(encoding)
            for batch in batches(texts)
            for encoding in self._tokenizer.encode_batch_fast(batch, add_special_tokens=False)
        ]

    def locate_tokens(self, texts: Iterable[str]) -> Iterator[tuple[str, Offsets]]:
        """Yield each text with the start and end of each token in characters, as an array of (tokens, 2)."""
        with ThreadPoolExecutor(max_workers=1) as executor:
            pending: deque[Future[list[tuple[str, Offsets]]]] = deque()
            for batch in batches(texts):
                pending.append(executor.submit(self._locate_batch, batch))
                if len(pending) > 1:  # one batch is encoded while the caller works with the previous one
                    yield from pending.popleft().result()
            if pending:
                yield from pending.popleft().result()

    def render(self, messages: Sequence[Message], *, add_generation_prompt: bool = False) -> str:
        """Return the text that the model sees, optionally with the beginning of an assistant's turn."""
        with self._template_errors():
            return self._template.render(messages, add_generation_prompt=add_generation_prompt)

    def encode(self, rendered: str) -> list[int]:
        """Return the token ids of rendered text, to which the template has already added the special tokens."""
        return list(self._tokenizer.encode(rendered, add_special_tokens=False).ids)

    def encode_text(self, text: str) -> list[int]:
        """Return the token ids of text outside a chat, with the special token that begins every text of some models."""
        return list(self._tokenizer.encode(text).ids)

    def encode_with_offsets(self, rendered: str) -> tuple[list[int], Offsets]:
        """Return the token ids of rendered text, and where each token begins and ends in it."""
        encoding = self._tokenizer.encode(rendered, add_special_tokens=False)
        return list(encoding.ids), to_array(encoding.offsets)

    def encode_last_turn(self, messages: Sequence[Message]) -> tuple[list[int], int]:
        """Return the token ids of a chat up to the end of its last turn, and the position of that turn's first token.

        A token across the border belongs to the last turn, which begins where the encodings with and without it differ.
        """
        chat = self.render(messages)
        head, end_of_turn, _ = chat.rpartition(self.end_of_turn)
        ids = self.encode(head + end_of_turn or chat)
        prompt_ids = self.encode(self.render(messages[:-1], add_generation_prompt=True))
        pairs = enumerate(zip(prompt_ids, ids, strict=False))
        return ids, next((index for index, (prompt_id, chat_id) in pairs if prompt_id != chat_id), len(prompt_ids))

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids, including special tokens."""
        return self._tokenizer.decode(list(ids), skip_special_tokens=False)

    @cached_property
    def begin_of_text(self) -> int | None:
        """The id of the special token that begins every text of some models, such as Llama's; None if there is none."""
        return next(iter(self.encode_text("")), None)

    @cached_property
    def end_of_turn(self) -> str:
        """The special token that ends the assistant's turn, taken from the rendered template.

        The tokenizer's own `eos_token` may be a different one (<|im_start|> in SmolLM2's GGUF), and a model trained on
        that never stops by itself.
        """
        probe = "scriptorium-probe"
        rendered = self.render([{"role": "user", "content": "?"}, {"role": "assistant", "content": probe}])
        special = self._tokenizer.get_added_tokens_decoder()
        tail = self.encode(rendered.rpartition(probe)[2])
        return next(
            (special[token].content for token in tail if token in special), self._special_tokens.get("eos_token", "")
        )

    def _locate_batch(self, texts: list[str]) -> list[tuple[str, Offsets]]:
        offsets: list[list[Offsets]] = [[] for _ in texts]
        pieces = [(number, *span) for number, text in enumerate(texts) for span in pairwise(find_cuts(text))]
        spans = iter(pieces)
        for batch in batches(texts[number][start:end] for number, start, end in pieces):
            for encoding in self._tokenizer.encode_batch(batch, add_special_tokens=False):
                number, start, _ = next(spans)
                offsets[number].append(to_array(encoding.offsets) + start)
        trim_memory()
        return [(text, np.concatenate(parts)) for text, parts in zip(texts, offsets, strict=True)]

    @contextmanager
    def _template_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # a template is a program: it may divide by zero, recurse, or ask for an attribute
            raise BaseModelUnusable(
                f"The chat template of {self._name} fails: {error or type(error).__name__}",
                next_step="Choose another base model, or one whose publisher has mended its template.",
            ) from error


def read_tokenizer(path: Path, special: Iterable[str]) -> Tokenizer:
    """Read a tokenizer, without truncation and padding, with all its special tokens; raises OSError or ValueError."""
    raw = path.read_bytes()
    try:
        tokenizer = Tokenizer.from_buffer(raw)
    except Exception as error:  # noqa: BLE001  # the library raises nothing more specific
        raise ValueError(error) from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.add_special_tokens([token for token in special if tokenizer.token_to_id(token) is None])
    return tokenizer


def find_cuts(text: str) -> list[int]:
    """Return where the stretches of a text begin, and where the last one ends; most chapters are a single stretch.

    A text without chapters can be an entire library, and encoding takes hundreds of bytes per character. It is cut at
    the ends of paragraphs, so that no word's tokens change.
    """
    cuts = [0]
    while len(text) - cuts[-1] > STRETCH_CHARACTERS:
        end = text.rfind("\n\n", cuts[-1] + 1, cuts[-1] + STRETCH_CHARACTERS)
        if end < 0:
            break
        cuts.append(end + 2)
    return [*cuts, len(text)]


def to_array(offsets: Sequence[tuple[int, int]]) -> Offsets:
    """Return offsets as an array of (tokens, 2)."""
    return np.fromiter(chain.from_iterable(offsets), np.int64, 2 * len(offsets)).reshape(-1, 2)


def batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield texts in lists of about BATCH_CHARACTERS characters."""
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def trim_memory() -> None:
    """Return free memory to the system; without glibc, do nothing.

    glibc keeps for each thread what that thread has freed, and a tokenizer's threads free a lot: 200 MB after 24 MB of
    text.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


@lru_cache(maxsize=4)
def chat_tokenizer(folder: Path) -> ChatTokenizer:
    """Return the tokenizer of a model folder, read once per process; raises BaseModelUnusable."""
    return ChatTokenizer(folder)
