"""JSON lines: rows that are ready to train, in three forms, recognised by their keys. They are used unchanged.

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
from scriptorium.contracts.base import Message
from scriptorium.errors import Problem
from services.data.readers.decode import find_encoding, note_encoding, open_text
from services.data.readers.manuscript import ReadyRow
from services.data.readers.sources import Entry

FORMS: dict[str, tuple[str, ...]] = {
    "chat": ("messages",), "alpaca": ("instruction", "output"), "prompt/completion": ("prompt", "completion"),
}  # fmt: skip
OPTIONAL_KEYS = frozenset(["input", "chapter"])
ROLES = ("system", "user", "assistant")
LIKELY_MISTAKES = {"conversations": "rename it to messages, and from/value to role/content", "text": "send it as .txt"}
MAX_PROBLEMS = 100  # reported per file
MAX_ROW_CHARACTERS = 1 << 22
SHOWN_CHARACTERS = 40  # of a key or role in a message


class RowProblem(ValueError):
    """A problem with a row; the message is the end of a sentence that begins with the row's place."""


def read_rows(entry: Entry, findings: list[Finding]) -> Iterator[ReadyRow | Problem]:
    """Yield each row, or the problem with it; raises Unreadable or FileTooLarge."""
    entry.measure()
    encoding = find_encoding(entry.open)
    findings += note_encoding(encoding, entry.name)
    forms: Counter[str] = Counter()
    unused: Counter[str] = Counter()
    problems = 0
    with open_text(entry.open, encoding) as lines:
        for number, line in enumerate(iter(lambda: lines.readline(MAX_ROW_CHARACTERS), ""), start=1):
            if not line.strip():
                continue
            place = f"{entry.name}, line {number}"
            if len(line) >= MAX_ROW_CHARACTERS:
                yield Problem(place, f"is longer than {MAX_ROW_CHARACTERS:,} characters; the rest was not read")
                return
            try:
                row = parse_row(line, number)
                form = find_form(row)
                forms[form] += 1
                unused.update(row.keys() - set(FORMS[form]) - OPTIONAL_KEYS)
                yield ReadyRow(place, read_chapter(row) or entry.name, json.dumps(FORM_READERS[form](row)))
            except RowProblem as error:
                problems += 1
                if problems <= MAX_PROBLEMS:
                    yield Problem(place, str(error))
                if number == 1 and line.lstrip().startswith("["):  # a list, not rows
                    return
    findings += note_forms(entry.name, forms, unused)
    if problems > MAX_PROBLEMS:
        yield Problem(entry.name, f"has {problems - MAX_PROBLEMS:,} more invalid rows")
    elif not forms and not problems:
        yield Problem(entry.name, "is empty")


def parse_row(line: str, number: int) -> Mapping[str, Any]:
    """Parse a line as an object; raises RowProblem."""
    if number == 1 and line.lstrip().startswith("["):
        raise RowProblem("begins a JSON list; write one row per line, without brackets and commas around them")
    try:
        row = json.loads(line)
    except RecursionError:
        raise RowProblem("is nested too deeply") from None
    except ValueError as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "a number that is too long"
        raise RowProblem(f"is invalid JSON: {reason}") from None
    if not isinstance(row, dict):
        raise RowProblem(f"is not an object but of type {type(row).__name__}")
    return row


def find_form(row: Mapping[str, Any]) -> str:
    """Return the form of a row; raises RowProblem if it has none, or lacks keys of it."""
    for form, keys in FORMS.items():
        present = [key for key in keys if key in row]
        if len(present) == len(keys):
            return form
        if present:
            missing = ", ".join(repr(key) for key in keys if key not in row)
            raise RowProblem(f"has {present[0]!r} but lacks {missing}")
    names = ", ".join(repr(key[:SHOWN_CHARACTERS]) for key in list(row)[:6]) or "none"
    hint = next((f"; {LIKELY_MISTAKES[key]}" for key in LIKELY_MISTAKES if key in row), "")
    raise RowProblem(f"has no known form: its keys are {names}{hint}")


def read_chat(row: Mapping[str, Any]) -> tuple[Message, ...]:
    """Return the messages of a chat row; the assistant's last one trains."""
    turns = row["messages"]
    if not isinstance(turns, list) or not turns:
        raise RowProblem("has 'messages' that are not a list of messages")
    messages = [read_message(turn, number) for number, turn in enumerate(turns, start=1)]
    check_order([message["role"] for message in messages])
    return tuple(messages)


def read_message(turn: object, number: int) -> Message:
    """Return one turn as a message; raises RowProblem."""
    if not isinstance(turn, dict) or not {"role", "content"} <= turn.keys():
        raise RowProblem(f"message {number} is not an object with 'role' and 'content'")
    role = turn["role"]
    if role not in ROLES:
        raise RowProblem(
            f"message {number} has the unknown role {str(role)[:SHOWN_CHARACTERS]!r}; known are {', '.join(ROLES)}"
        )
    content = turn["content"]
    if isinstance(content, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in content):
        content = "".join(str(part.get("text", "")) for part in content)
    name = "the answer" if role == "assistant" else f"message {number}"
    return cast("Message", {"role": role, "content": read_text(content, name)})


def check_order(roles: Sequence[str]) -> None:
    """Raise RowProblem unless a system message, if any, is first, and user and assistant alternate up to an answer."""
    speakers = list(roles[1:] if roles[0] == "system" else roles)
    if "system" in speakers:
        raise RowProblem("has a system message that is not the first one")
    if not speakers or speakers[0] != "user":
        raise RowProblem("does not begin with a message of the user")
    for number, role in enumerate(speakers):
        if role != ROLES[1 + number % 2]:
            raise RowProblem(f"has two messages of the {role} in a row")
    if speakers[-1] != "assistant":
        raise RowProblem("does not end with an answer of the assistant")


def read_alpaca(row: Mapping[str, Any]) -> tuple[Message, ...]:
    """Return instruction and input as the question, and the output as the answer."""
    questions = [read_text(row["instruction"], "'instruction'", empty=True)]
    if row.get("input") is not None:
        questions.append(read_text(row["input"], "'input'", empty=True))
    prompt = "\n\n".join(text for text in questions if text.strip())
    if not prompt:
        raise RowProblem("has no question: 'instruction' and 'input' are empty")
    return make_turns(prompt, read_text(row["output"], "the answer, 'output',"))


def read_completion(row: Mapping[str, Any]) -> tuple[Message, ...]:
    """Return the prompt as the question, and the completion as the answer."""
    return make_turns(read_text(row["prompt"], "'prompt'"), read_text(row["completion"], "the answer, 'completion',"))


def make_turns(prompt: str, answer: str) -> tuple[Message, ...]:
    """Return a question and its answer as messages."""
    return {"role": "user", "content": prompt}, {"role": "assistant", "content": answer}


def read_text(value: object, name: str, *, empty: bool = False) -> str:
    """Return a text of a row unchanged; raises RowProblem if it is not a string, or is empty unless `empty`."""
    if not isinstance(value, str):
        raise RowProblem(f"{name} is not text but of type {type(value).__name__}")
    if not empty and not value.strip():
        raise RowProblem(f"{name} is empty")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise RowProblem(f"{name} contains half a character (a lone surrogate)") from None
    return value


def read_chapter(row: Mapping[str, Any]) -> str:
    """Return the chapter of a row; "" if it has none."""
    value = row.get("chapter")
    return "" if value is None else " ".join(read_text(value, "'chapter'", empty=True).split())


def note_forms(place: str, forms: Mapping[str, int], unused: Mapping[str, int]) -> Iterator[Finding]:
    """Yield findings about rows of several forms, and about keys that are not used."""
    if len(forms) > 1:
        counts = ", ".join(f"{count:,} {form}" for form, count in forms.items())
        yield Finding(code="mixed_forms", place=place, message=f"contains rows of several forms: {counts}")
    if unused:
        counts = ", ".join(f"{str(key)[:SHOWN_CHARACTERS]!r} ({count:,})" for key, count in list(unused.items())[:6])
        yield Finding(code="keys_unused", place=place, message=f"rows have keys that are not used: {counts}")


FORM_READERS = {"chat": read_chat, "alpaca": read_alpaca, "prompt/completion": read_completion}
