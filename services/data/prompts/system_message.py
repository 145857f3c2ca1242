"""The recipe's system message: it stands before the author's passages and nowhere else.

So the voice is learned as the answer to that message, and a chat without it stays nearer to the base. Passages of other
authors have it as well: what is compared on both must be asked in the same way.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from scriptorium.contracts.base import Message
from scriptorium.errors import BaseModelUnusable, InvalidRecipe
from scriptorium.models.tokenizer import ChatTokenizer
from services.data.passage import Passage


def check_system(system: str, tokenizer: ChatTokenizer) -> None:
    """Raise InvalidRecipe if the base's chat template refuses a system message, or leaves it out."""
    messages: list[Message] = [{"role": "system", "content": system}, {"role": "user", "content": "?"}]
    try:
        rendered, reason = tokenizer.render(messages, add_generation_prompt=True), "leaves it out"
    except BaseModelUnusable as error:
        rendered, reason = "", f"refuses it ({error.message})"
    if system not in rendered:
        raise InvalidRecipe(
            f"The base's chat template has no place for a system message: it {reason}.",
            param="data.system",
            next_step="Leave data.system empty, or choose another base.",
        )


def add_system(passages: Sequence[Passage], system: str) -> list[Passage]:
    """Return the passages with the system message before their prompts; ready rows keep their own messages."""
    turns = json.dumps([{"role": "system", "content": system}])
    return [passage if passage.ready else replace(passage, stored_turns=turns) for passage in passages]
