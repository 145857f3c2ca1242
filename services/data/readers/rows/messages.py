"""The messages of a ready row, as OpenAI's API has them: each is checked, and so is their order.

A `weight` of 0 marks an answer that is context only. Calls of tools are refused: the training has no place for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast

from scriptorium.contracts.base import Message

ROLES = ("system", "user", "assistant")
SYNONYMS = {"developer": "system"}  # OpenAI's newer name
TOOL_ROLES = ("tool", "function")
TOOL_KEYS = ("tool_calls", "function_call")
USED_KEYS = frozenset(["role", "content", "weight"])
WEIGHTS = (0, 1)
MAX_ROW_MESSAGES = 256  # each answer is an example with everything before it, so the work grows with the square
SHOWN_CHARACTERS = 40  # of a key, role or value in a message
JSON_TYPES: dict[type, str] = {
    type(None): "null",
    bool: "true or false",
    str: "text",
    list: "a list",
    dict: "an object",
}


class RowProblem(ValueError):
    """A problem with a row; the message is the end of a sentence that begins with the row's place."""


def read_messages(turns: object, unused: Counter[str], name: str = "messages") -> list[Message]:
    """Return the messages of a list, and count their keys that nothing uses; raises RowProblem."""
    if not isinstance(turns, list) or not turns:
        raise RowProblem(f"has {name!r} that are not a list of messages")
    if len(turns) > MAX_ROW_MESSAGES:
        raise RowProblem(f"has {len(turns):,} messages, more than {MAX_ROW_MESSAGES}; cut it into several rows")
    messages = [read_message(turn, f"message {number}", unused) for number, turn in enumerate(turns, start=1)]
    if any(message["role"] == "system" for message in messages[1:]):
        raise RowProblem("has a system message that is not the first one")
    return messages


def read_message(turn: object, name: str, unused: Counter[str]) -> Message:
    """Return one turn as a message; raises RowProblem."""
    if not isinstance(turn, dict) or "role" not in turn:
        raise RowProblem(f"{name} is not an object with 'role' and 'content'")
    role = read_role(turn["role"], name)
    if any(turn.get(key) for key in TOOL_KEYS):
        raise RowProblem(f"{name} calls a tool, which cannot be trained; leave the row out")
    if "content" not in turn:
        raise RowProblem(f"{name} is not an object with 'role' and 'content'")
    count_unused(turn, USED_KEYS - ({"weight"} if role != "assistant" else set()), "messages", unused)
    content = read_text(join_parts(turn["content"]), f"the answer, {name}," if role == "assistant" else name)
    weight = read_weight(turn.get("weight"), name)
    message = {"role": role, "content": content}
    return cast("Message", {**message, "training": False} if role == "assistant" and weight == 0 else message)


def read_role(role: object, name: str) -> str:
    """Return a role that chat templates know; raises RowProblem."""
    if role in TOOL_ROLES:
        raise RowProblem(f"{name} has the role {role!r}: calls of tools cannot be trained; leave the row out")
    known = SYNONYMS.get(role, role) if isinstance(role, str) else role
    if known not in ROLES:
        raise RowProblem(f"{name} has the unknown role {str(role)[:SHOWN_CHARACTERS]!r}; known are {', '.join(ROLES)}")
    return str(known)


def join_parts(content: object) -> object:
    """Return the text of a content in parts; anything else as it is."""
    if isinstance(content, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in content):
        return "".join(str(part.get("text", "")) for part in content)
    return content


def read_weight(weight: object, name: str) -> int:
    """Return the weight of a message, 1 if it has none; raises RowProblem."""
    if weight is None:
        return 1
    if isinstance(weight, bool) or weight not in WEIGHTS:
        raise RowProblem(f"{name} has the weight {str(weight)[:SHOWN_CHARACTERS]}; it must be 0 or 1")
    return int(weight)


def check_order(messages: Sequence[Message], last: str) -> None:
    """Raise RowProblem unless user and assistant alternate behind a system message, if any, up to the `last` role."""
    roles = [message["role"] for message in messages]
    speakers = roles[1:] if roles[0] == "system" else roles
    if not speakers or speakers[0] != "user":
        raise RowProblem("does not begin with a message of the user")
    for number, role in enumerate(speakers):
        if role != ROLES[1 + number % 2]:
            raise RowProblem(f"has two messages of the {role} in a row")
    if speakers[-1] != last:
        end = "an answer of the assistant" if last == "assistant" else "a message of the user"
        raise RowProblem(f"does not end with {end}")


def count_unused(body: Mapping[str, Any], used: frozenset[str], prefix: str, unused: Counter[str]) -> None:
    """Count the keys of an object that nothing uses, unless they are empty."""
    unused.update(f"{prefix}.{key}" for key, value in body.items() if key not in used and value not in (None, [], {}))


def read_text(value: object, name: str, *, empty: bool = False) -> str:
    """Return a text of a row unchanged; raises RowProblem if it is not a string, or is empty unless `empty`."""
    if not isinstance(value, str):
        raise RowProblem(f"{name} is not text but {name_type(value)}")
    if not empty and not value.strip():
        raise RowProblem(f"{name} is empty")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise RowProblem(f"{name} contains half a character (a lone surrogate)") from None
    return value


def name_type(value: object) -> str:
    """Return the type of a JSON value in words."""
    return JSON_TYPES.get(type(value), "a number")
