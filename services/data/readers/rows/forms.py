"""The forms of a ready row, recognised by their keys: a chat, an instruction, a prompt or a preference.

{"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "...", "weight": 1}]}
{"instruction": "...", "input": "...", "output": "..."}
{"prompt": "...", "completion": "..."}
{"input": {"messages": [...]}, "preferred_output": [{"role": "assistant", "content": "..."}],
 "non_preferred_output": [{"role": "assistant", "content": "..."}]}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scriptorium.contracts.base import Message
from services.data.readers.rows.messages import (
    SHOWN_CHARACTERS,
    RowProblem,
    check_order,
    count_unused,
    name_type,
    read_message,
    read_messages,
    read_text,
)

FORMS: dict[str, tuple[str, ...]] = {
    "chat": ("messages",), "alpaca": ("instruction", "output"), "prompt/completion": ("prompt", "completion"),
    "preference": ("preferred_output", "non_preferred_output"),
}  # fmt: skip
OPTIONAL_KEYS = frozenset(["input", "chapter", "book"])
PREFERENCE_HINT = 'write a preference as {"input": {"messages"}, "preferred_output", "non_preferred_output"}'
LIKELY_MISTAKES = {
    "conversations": "rename it to messages, and from/value to role/content",
    "text": "send it as .txt",
    "chosen": PREFERENCE_HINT,
    "rejected": PREFERENCE_HINT,
}


@dataclass(frozen=True)
class RowContent:
    """The messages of a row, and the answer that its last one is preferred to, if there is one."""

    messages: tuple[Message, ...]
    rejected: str = ""


def find_form(row: Mapping[str, Any]) -> str:
    """Return the form of a row; raises RowProblem if it has none, or lacks keys of it."""
    hint = next((f"; {LIKELY_MISTAKES[key]}" for key in LIKELY_MISTAKES if key in row), "")
    for form, keys in FORMS.items():
        present = [key for key in keys if key in row]
        if len(present) == len(keys):
            return form
        if present:
            missing = ", ".join(repr(key) for key in keys if key not in row)
            raise RowProblem(f"has {present[0]!r} but lacks {missing}{hint}")
    names = ", ".join(repr(key[:SHOWN_CHARACTERS]) for key in list(row)[:6]) or "none"
    raise RowProblem(f"has no known form: its keys are {names}{hint}")


def read_chat(row: Mapping[str, Any], unused: Counter[str]) -> RowContent:
    """Return the messages of a chat; each answer trains unless its weight is 0."""
    messages = read_messages(row["messages"], unused)
    check_order(messages, "assistant")
    if all(message.get("training") is False for message in messages if message["role"] == "assistant"):
        raise RowProblem("has no answer that trains: the weight of each is 0")
    return RowContent(tuple(messages))


def read_alpaca(row: Mapping[str, Any], unused: Counter[str]) -> RowContent:
    """Return instruction and input as the question, and the output as the answer."""
    questions = [read_text(row["instruction"], "'instruction'", empty=True)]
    if row.get("input") is not None:
        questions.append(read_text(row["input"], "'input'", empty=True))
    prompt = "\n\n".join(text for text in questions if text.strip())
    if not prompt:
        raise RowProblem("has no question: 'instruction' and 'input' are empty")
    return make_turns(prompt, read_text(row["output"], "the answer, 'output',"))


def read_completion(row: Mapping[str, Any], unused: Counter[str]) -> RowContent:
    """Return the prompt as the question, and the completion as the answer."""
    return make_turns(read_text(row["prompt"], "'prompt'"), read_text(row["completion"], "the answer, 'completion',"))


def read_preference(row: Mapping[str, Any], unused: Counter[str]) -> RowContent:
    """Return the chat of `input` with the preferred answer, and the other answer."""
    chat = row.get("input")
    if not isinstance(chat, dict) or "messages" not in chat:
        raise RowProblem("has no 'input' that is an object with 'messages'")
    count_unused(chat, frozenset(["messages"]), "input", unused)
    messages = read_messages(chat["messages"], unused, "input.messages")
    check_order(messages, "user")
    preferred, rejected = (read_output(row[name], name, unused) for name in FORMS["preference"])
    if preferred["content"] == rejected["content"]:
        raise RowProblem("prefers an answer to itself: both outputs are the same")
    return RowContent((*messages, preferred), rejected["content"])


def read_output(output: object, name: str, unused: Counter[str]) -> Message:
    """Return the one answer of a preference's output; raises RowProblem."""
    if not isinstance(output, list) or len(output) != 1:
        size = f"a list of {len(output)}" if isinstance(output, list) else name_type(output)
        raise RowProblem(f"{name!r} is not a list of one message of the assistant but {size}")
    message = read_message(output[0], f"{name!r}", unused)
    if message["role"] != "assistant":
        raise RowProblem(f"{name!r} is a message of the {message['role']}, not of the assistant")
    if not message.get("training", True):
        raise RowProblem(
            f"{name!r} has the weight 0, but a preference trains on both of its answers; leave the row out"
        )
    return {"role": "assistant", "content": message["content"]}


def make_turns(prompt: str, answer: str) -> RowContent:
    """Return a question and its answer as messages."""
    return RowContent(({"role": "user", "content": prompt}, {"role": "assistant", "content": answer}))


FORM_READERS = {
    "chat": read_chat, "alpaca": read_alpaca, "prompt/completion": read_completion, "preference": read_preference,
}  # fmt: skip
