"""The base model's tokenizer and chat template: one way to render text for training, measuring and serving.

Needs no torch. `transformers` brings the template's exact semantics, so what trains is what vLLM renders later.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from scriptorium.errors import BaseModelUnusable

os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")  # it would say on every import that there is no torch


class Message(TypedDict):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


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
        if not texts:
            return []
        batch = self._tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False)
        return [len(ids) for ids in batch["input_ids"]]

    def render(self, messages: Sequence[Message], *, ask: bool = False) -> str:
        """The text that the model sees; with `ask` it ends where the assistant is about to write."""
        return str(self._tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=ask))

    def encode(self, rendered: str) -> list[int]:
        """Token ids of rendered text; the template has put the special tokens there already."""
        return list(self._tokenizer(rendered, add_special_tokens=False)["input_ids"])

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


@lru_cache(maxsize=4)
def chat_tokenizer(folder: Path) -> ChatTokenizer:
    """The tokenizer of a model folder, read once per process; raises BaseModelUnusable."""
    return ChatTokenizer(folder)
