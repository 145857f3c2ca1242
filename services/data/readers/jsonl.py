"""JSON lines: rows that are ready to train, in three forms, told by their keys. They are taken as they are.

    {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}
    {"instruction": "...", "input": "...", "output": "..."}
    {"prompt": "...", "completion": "..."}

A row may have a "chapter": rows of one chapter are never on both sides of a split.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from scriptorium.contracts import Finding
from scriptorium.errors import Problem
from scriptorium.models.tokenizer import Message
from services.data.readers.decode import find_encoding, note_encoding, open_text
from services.data.readers.manuscript import Example
from services.data.readers.sources import Entry

FORMS: dict[str, tuple[str, ...]] = {
    "chat": ("messages",), "alpaca": ("instruction", "output"), "prompt/completion": ("prompt", "completion"),
}  # fmt: skip
OPTIONAL = frozenset(["input", "chapter"])
ROLES = ("system", "user", "assistant")
LIKELY = {"conversations": "rename it to messages, and from/value to role/content", "text": "send it as .txt"}
MOST_PROBLEMS = 100  # of a file that are told
LONGEST_ROW = 1 << 22  # characters
SHOWN = 40


class RowProblem(ValueError):
    """What is wrong with a row, as the end of a sentence that begins with its place."""


def read_rows(entry: Entry, findings: list[Finding]) -> Iterator[Example | Problem]:
    """Every row, and every problem with one; raises Unreadable or FileTooLarge."""
    entry.measure()
    encoding = find_encoding(entry.open)
    findings += note_encoding(encoding, entry.name)
    forms: Counter[str] = Counter()
    unused: Counter[str] = Counter()
    problems = 0
    with open_text(entry.open, encoding) as lines:
        for number, line in enumerate(iter(lambda: lines.readline(LONGEST_ROW), ""), start=1):
            if not line.strip():
                continue
            place = f"{entry.name}, line {number}"
            if len(line) >= LONGEST_ROW:
                yield Problem(place, f"is longer than {LONGEST_ROW:,} characters, as no row is; the rest was not read")
                return
            try:
                row = parse_row(line, number)
                form = find_form(row)
                forms[form] += 1
                unused.update(row.keys() - set(FORMS[form]) - OPTIONAL)
                yield Example(place, read_chapter(row) or entry.name, json.dumps(READERS[form](row)))
            except RowProblem as error:
                problems += 1
                if problems <= MOST_PROBLEMS:
                    yield Problem(place, str(error))
                if number == 1 and line.lstrip().startswith("["):  # one list, not rows
                    return
    findings += note_forms(entry.name, forms, unused)
    if problems > MOST_PROBLEMS:
        yield Problem(entry.name, f"has {problems - MOST_PROBLEMS:,} more broken rows")
    elif not forms and not problems:
        yield Problem(entry.name, "is empty")


def parse_row(line: str, number: int) -> Mapping[str, Any]:
    """A line as an object; raises RowProblem."""
    if number == 1 and line.lstrip().startswith("["):
        raise RowProblem("begins a JSON list; write one row a line, without brackets and commas around them")
    try:
        row = json.loads(line)
    except RecursionError:
        raise RowProblem("is nested too deeply") from None
    except ValueError as error:
        said = error.msg if isinstance(error, json.JSONDecodeError) else "a number that is too long"
        raise RowProblem(f"is broken JSON: {said}") from None
    if not isinstance(row, dict):
        raise RowProblem(f"is not an object but {type(row).__name__}")
    return row


def find_form(row: Mapping[str, Any]) -> str:
    """Which of the three forms a row has; raises RowProblem where it has none, or not all of one."""
    for form, keys in FORMS.items():
        present = [key for key in keys if key in row]
        if len(present) == len(keys):
            return form
        if present:
            missing = ", ".join(repr(key) for key in keys if key not in row)
            raise RowProblem(f"has {present[0]!r} but lacks {missing}")
    held = ", ".join(repr(key[:SHOWN]) for key in list(row)[:6]) or "none"
    hint = next((f"; {LIKELY[key]}" for key in LIKELY if key in row), "")
    raise RowProblem(f"is of no form that we know: its keys are {held}{hint}")


def read_chat(row: Mapping[str, Any]) -> tuple[Message, ...]:
    """The messages of a chat row, up to the assistant's last one, which trains."""
    turns = row["messages"]
    if not isinstance(turns, list) or not turns:
        raise RowProblem("has 'messages' that are no list of messages")
    messages = [read_message(turn, number) for number, turn in enumerate(turns, start=1)]
    check_order([message["role"] for message in messages])
    return tuple(messages)


def read_message(turn: object, number: int) -> Message:
    """One turn; raises RowProblem."""
    if not isinstance(turn, dict) or not {"role", "content"} <= turn.keys():
        raise RowProblem(f"message {number} is no object with 'role' and 'content'")
    role = turn["role"]
    if role not in ROLES:
        raise RowProblem(f"message {number} has the unknown role {str(role)[:SHOWN]!r}; known are {', '.join(ROLES)}")
    content = turn["content"]
    if isinstance(content, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in content):
        content = "".join(str(part.get("text", "")) for part in content)
    what = "the answer" if role == "assistant" else f"message {number}"
    return cast("Message", {"role": role, "content": read_text(content, what)})


def check_order(roles: Sequence[str]) -> None:
    """Raise RowProblem unless a system message, if any, is first, and user and assistant take turns to an answer."""
    spoken = list(roles[1:] if roles[0] == "system" else roles)
    if "system" in spoken:
        raise RowProblem("has a system message that is not the first one")
    if not spoken or spoken[0] != "user":
        raise RowProblem("does not begin with what the user says")
    for number, role in enumerate(spoken):
        if role != ROLES[1 + number % 2]:
            raise RowProblem(f"has two messages of the {role} in a row")
    if spoken[-1] != "assistant":
        raise RowProblem("does not end with an answer of the assistant")


def read_alpaca(row: Mapping[str, Any]) -> tuple[Message, ...]:
    """Instruction and input ask, the output answers."""
    asked = [read_text(row["instruction"], "'instruction'", empty=True)]
    if row.get("input") is not None:
        asked.append(read_text(row["input"], "'input'", empty=True))
    prompt = "\n\n".join(text for text in asked if text.strip())
    if not prompt:
        raise RowProblem("asks nothing: 'instruction' and 'input' are empty")
    return pair(prompt, read_text(row["output"], "the answer, 'output',"))


def read_completion(row: Mapping[str, Any]) -> tuple[Message, ...]:
    """The prompt asks, the completion answers."""
    return pair(read_text(row["prompt"], "'prompt'"), read_text(row["completion"], "the answer, 'completion',"))


def pair(prompt: str, answer: str) -> tuple[Message, ...]:
    """One question and its answer."""
    return {"role": "user", "content": prompt}, {"role": "assistant", "content": answer}


def read_text(value: object, what: str, *, empty: bool = False) -> str:
    """A text of a row, as it is; raises RowProblem where it is none, or empty though it must not be."""
    if not isinstance(value, str):
        raise RowProblem(f"{what} is no text but {type(value).__name__}")
    if not empty and not value.strip():
        raise RowProblem(f"{what} is empty")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise RowProblem(f"{what} holds half a character (a lone surrogate)") from None
    return value


def read_chapter(row: Mapping[str, Any]) -> str:
    """The chapter that a row gives, "" where it gives none."""
    value = row.get("chapter")
    return "" if value is None else " ".join(read_text(value, "'chapter'", empty=True).split())


def note_forms(place: str, forms: Mapping[str, int], unused: Mapping[str, int]) -> Iterator[Finding]:
    """Findings about rows of several forms, and about keys that are not used."""
    if len(forms) > 1:
        seen = ", ".join(f"{count:,} {form}" for form, count in forms.items())
        yield Finding(code="mixed_forms", place=place, message=f"holds rows of several forms: {seen}")
    if unused:
        seen = ", ".join(f"{str(key)[:SHOWN]!r} ({count:,})" for key, count in list(unused.items())[:6])
        yield Finding(code="keys_unused", place=place, message=f"rows have keys that are not used: {seen}")


READERS = {"chat": read_chat, "alpaca": read_alpaca, "prompt/completion": read_completion}
