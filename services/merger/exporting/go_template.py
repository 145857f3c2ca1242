"""Ollama's template of a model, found from its chat template by rendering chats and comparing.

    derive_turns(tokenizer, "<|begin_of_text|>").go_template()

Ollama renders chats with a template of Go, and only a person can translate one from Jinja. But most chat templates do
one thing: they wrap each message in a fixed text by its role. That text is read off rendered chats, and it counts only
if it reproduces other chats to the letter. Llama 3 and ChatML do; a template that does more gets nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scriptorium.contracts.base import Message
from scriptorium.errors import BaseModelUnusable
from scriptorium.models.tokenizer import ChatTokenizer

SYSTEM, USER, ASSISTANT, LATER = (f"scriptorium-{role}" for role in ("system", "user", "assistant", "later"))
GO_MARKS = ("{{", "}}", '"""')  # what Go's template or Ollama's Modelfile would read as its own


@dataclass(frozen=True)
class Turns:
    """A chat as text around messages: for each role what is before and after one.

    `opening` is before the first turn of a chat without a system message, `reply` where the model goes on.
    """

    opening: str
    system: tuple[str, str]
    user: tuple[str, str]
    assistant: tuple[str, str]
    reply: str

    def render(self, messages: Sequence[Message]) -> str:
        """Return the text of a chat that the model goes on with."""
        around = {"system": self.system, "user": self.user, "assistant": self.assistant}
        opening = "" if any(message["role"] == "system" for message in messages) else self.opening
        turns = (str(message["content"]).join(around[message["role"]]) for message in messages)
        return opening + "".join(turns) + self.reply

    def go_template(self) -> str:
        """Return the same as a template for Ollama, whose .System is the text of all system messages."""
        opening = f"{{{{ if not .System }}}}{self.opening}{{{{ end }}}}" if self.opening else ""
        content = "{{ .Content }}"
        return (
            f"{opening}{{{{ range .Messages }}}}"
            f'{{{{ if eq .Role "system" }}}}{content.join(self.system)}'
            f'{{{{ else if eq .Role "user" }}}}{content.join(self.user)}'
            f'{{{{ else if eq .Role "assistant" }}}}{content.join(self.assistant)}'
            f"{{{{ end }}}}{{{{ end }}}}{self.reply}"
        )

    @property
    def literal(self) -> bool:
        """True if Ollama takes every part for text."""
        parts = (self.opening, *self.system, *self.user, *self.assistant, self.reply)
        return not any(mark in part for mark in GO_MARKS for part in parts)


def derive_turns(tokenizer: ChatTokenizer, added: str = "") -> Turns | None:
    """Return the turns of a model's chat template, or None if it has none that reproduce it.

    They leave out `added`, the token that Ollama puts before every text by itself.
    """
    try:
        turns = read_turns(tokenizer, added)
        if turns and turns.literal and all(added + turns.render(chat) == reply(tokenizer, chat) for chat in CHATS):
            return turns
    except BaseModelUnusable:  # the template refuses a chat, such as one with a system message
        pass
    return None


def read_turns(tokenizer: ChatTokenizer, added: str) -> Turns | None:
    """Read what is around each message off three rendered chats; None if the parts do not fit together."""
    user, assistant, later = message("user", USER), message("assistant", ASSISTANT), message("user", LATER)
    before, after_user = split(tokenizer.render([user]), USER)
    answered = tokenizer.render([user, assistant])
    _, between = split(answered, USER)
    before_answer, after_answer = split(between, ASSISTANT)
    _, rest = split(tokenizer.render([user, assistant, later]), ASSISTANT)
    between_answer_and_user, _ = split(rest, LATER)
    before_system, rest = split(tokenizer.render([message("system", SYSTEM), user]), SYSTEM)
    between_system_and_user, _ = split(rest, USER)
    before_user = between_answer_and_user.removeprefix(after_answer)
    whole = (
        between_answer_and_user.startswith(after_answer)
        and before.startswith(added)
        and before_system.startswith(added)
        and before.endswith(before_user)
        and between_system_and_user.endswith(before_user)
        and before_answer.startswith(after_user)
    )
    if not whole:
        return None
    return Turns(
        opening=before.removeprefix(added).removesuffix(before_user),
        system=(before_system.removeprefix(added), between_system_and_user.removesuffix(before_user)),
        user=(before_user, after_user),
        assistant=(before_answer.removeprefix(after_user), after_answer),
        reply=reply(tokenizer, [user]).removeprefix(tokenizer.render([user])),
    )


def message(role: Literal["system", "user", "assistant"], content: str) -> Message:
    """Return a message of a chat."""
    return {"role": role, "content": content}


def split(text: str, mark: str) -> tuple[str, str]:
    """Return what is before and after a mark."""
    before, _, after = text.partition(mark)
    return before, after


def reply(tokenizer: ChatTokenizer, messages: Sequence[Message]) -> str:
    """Return a chat as the model sees it when it is asked for an answer."""
    return tokenizer.render(messages, add_generation_prompt=True)


CHATS = [
    [message("user", "Write a scene.\n\nIt rains, and \"nobody\" comes; 'why' {not}?")],
    [message("system", "You are a novelist."), message("user", "Go on.")],
    [message("user", "One."), message("assistant", "Two.\n\nThree."), message("user", "Four.")],
    [
        message("system", "Answer briefly."),
        message("user", "One."),
        message("assistant", "Two."),
        message("user", "Three."),
        message("assistant", "Four."),
        message("user", "Five."),
    ],
]
