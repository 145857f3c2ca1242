"""The base model's tokenizer and chat template: one way to render text for training, measuring and serving.

Needs no torch. `transformers` brings the template's exact semantics, so what trains is what vLLM renders later.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal, NotRequired

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from scriptorium.errors import BaseModelUnusable

BATCH = 500_000  # characters encoded at once: enough for every core, and little beside the text itself

Offsets = NDArray[np.int64]

os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")  # it would say on every import that there is no torch


class Message(TypedDict):
    """One turn of a chat; `training` False on an answer that is there to be read and not to be learned."""

    role: Literal["system", "user", "assistant"]
    content: str
    training: NotRequired[bool]


class ChatTokenizer:
    """A model folder's tokenizer with its chat template."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer  # here, not above: importing it takes a second

        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        except (OSError, ValueError) as error:
            raise BaseModelUnusable(f"{folder.name} has no readable tokenizer: {error}") from error
        if not self._tokenizer.chat_template:
            raise BaseModelUnusable(
                f"{folder.name} has no chat template.",
                next_step="Choose an instruct model, such as Llama-3.1-8B-Instruct.",
            )

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens left out."""
        settings = {"add_special_tokens": False, "return_attention_mask": False, "verbose": False}
        return [len(ids) for batch in batches(texts) for ids in self._tokenizer(batch, **settings)["input_ids"]]

    def locate(self, texts: Iterable[str]) -> Iterator[tuple[str, Offsets]]:
        """Each text, as they come, with where its tokens begin and end in characters: an array of (tokens, 2)."""
        for batch in batches(texts):
            found = self._tokenizer(
                batch,
                add_special_tokens=False,
                return_attention_mask=False,
                return_offsets_mapping=True,
                verbose=False,  # a chapter is longer than any context, and is not meant for one
            )
            for text, offsets in zip(batch, found["offset_mapping"], strict=True):
                yield text, np.array(offsets, np.int64).reshape(-1, 2)

    def render(self, messages: Sequence[Message], *, ask: bool = False) -> str:
        """The text that the model sees; with `ask` it ends where the assistant is about to write."""
        return str(self._tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=ask))

    def encode(self, rendered: str) -> list[int]:
        """Token ids of rendered text; the template has put the special tokens there already."""
        return list(self._tokenizer(rendered, add_special_tokens=False)["input_ids"])

    def encode_text(self, text: str) -> list[int]:
        """Token ids of plain text outside of a chat, with the special token that some models begin every text with."""
        return list(self._tokenizer(text)["input_ids"])

    def encode_with_offsets(self, rendered: str) -> tuple[list[int], Offsets]:
        """Token ids of rendered text, and where each begins and ends in it."""
        found = self._tokenizer(rendered, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        return list(found["input_ids"]), np.array(found["offset_mapping"], np.int64).reshape(-1, 2)

    def span(self, messages: Sequence[Message], longest: int) -> tuple[list[int], int]:
        """Token ids of a chat up to the end of its last turn, at most `longest`, and where the last turn's text begins.

        A token across the border belongs to the last turn: it begins where the renderings with and without it part.
        """
        whole = self.render(messages)
        head, end_of_turn, _ = whole.rpartition(self.end_of_turn)
        ids = self.encode(head + end_of_turn or whole)
        asked = self.encode(self.render(messages[:-1], ask=True))
        start = next((at for at, (one, other) in enumerate(zip(asked, ids, strict=False)) if one != other), len(asked))
        return ids[:longest], start

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, special tokens included."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))

    @cached_property
    def end_of_turn(self) -> str:
        """The special token that ends the assistant's turn, read off the rendered template.

        The tokenizer's own `eos_token` may be another one (SmolLM2's GGUF says <|im_start|>), and a model trained on
        that never stops by itself.
        """
        probe = "scriptorium-probe"
        rendered = self.render([{"role": "user", "content": "?"}, {"role": "assistant", "content": probe}])
        tail = self.encode(rendered.rpartition(probe)[2])
        special = set(self._tokenizer.all_special_ids) | set(self._tokenizer.added_tokens_decoder)
        for token in tail:
            if token in special:
                return str(self._tokenizer.convert_ids_to_tokens(token))
        return str(self._tokenizer.eos_token)


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
