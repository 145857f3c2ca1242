"""Pydantic's errors in our words: a problem for each field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from scriptorium.errors.base import Problem

UNION_ARM = re.compile(
    r"int|float|str|constrained-\w+|function-before\[.*\]|literal\[.*\]"
)  # pydantic's names for the arms of a union


def explain(entry: Mapping[str, object]) -> str:
    """Return pydantic's message about one value, without the prefix that it adds to our own messages."""
    return str(entry["msg"]).removeprefix("Value error, ")


def list_problems(entries: Sequence[Mapping[str, Any]], whole: str) -> list[Problem]:
    """Return pydantic's errors as one problem for each field; `whole` is the place of an error of the whole."""
    messages: dict[str, list[str]] = {}
    for entry in entries:
        place = field_name([str(part) for part in entry["loc"]]) or whole
        messages.setdefault(place, []).append(explain(entry))
    return [Problem(place, "; or ".join(alternatives)) for place, alternatives in messages.items()]


def field_name(path: Sequence[str]) -> str:
    """Return a field's name from pydantic's path, which may end with an arm of a union, such as "int"."""
    return ".".join(path[:-1] if len(path) > 1 and UNION_ARM.fullmatch(path[-1]) else path)
