"""The user's own chat rows, replayed instead of the base's answers: a folder of .jsonl files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from scriptorium.artifacts.dataset import Row
from scriptorium.errors import InvalidTrainingFile, Problem, explain

SHOWN_PROBLEMS = 20
KIND = "own rows"
NEXT_STEP = 'A row is {"messages": [{"role": "user", "content": ...}, {"role": "assistant", "content": ...}]}.'


def read_own_rows(folder: Path) -> list[Row]:
    """Read every row of the folder's files. Raises InvalidTrainingFile with all problems at once."""
    rows: list[Row] = []
    problems: list[Problem] = []
    for place, line in list_lines(folder):
        problem = ""
        try:
            rows.append(parse_row(json.loads(line.decode("utf-8-sig"))))
        except ValidationError as error:
            first = error.errors()[0]
            problem = f"{'.'.join(map(str, first['loc'])) or 'row'}: {explain(first)}"
        except UnicodeDecodeError as error:
            problem = f"byte {error.start + 1} is not UTF-8"
        except ValueError as error:
            problem = str(error)
        if problem:
            problems.append(Problem(place, problem))
    if not rows and not problems:
        problems.append(Problem(folder.name, "there is no .jsonl file with rows in this folder"))
    if problems:
        raise InvalidTrainingFile(
            f"{len(problems)} problem(s) in the rows to replay, {folder}.",
            problems=problems[:SHOWN_PROBLEMS],
            next_step=NEXT_STEP,
        )
    return rows


def list_lines(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield each line of the folder's files that is not empty, after its place."""
    for path in sorted(folder.glob("*.jsonl")):
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield f"{path.name}, row {number}", line


def parse_row(body: Any) -> Row:
    """Return a chat of user and assistant as a training row, whose last answer alone is learned. Raises ValueError."""
    if not isinstance(body, dict):
        raise ValueError("a row must be an object")  # noqa: TRY004  one kind of error for every problem of a row
    row = Row.model_validate({"messages": body.get("messages", []), "chapter": ""})
    roles = [message["role"] for message in row.messages if message["role"] != "system"]
    if not roles or roles != ["user", "assistant"] * (len(roles) // 2):
        raise ValueError("messages must be turns of user and assistant, and end with the assistant's")
    if not all(message["content"].strip() for message in row.messages):
        raise ValueError("a message is empty")
    *earlier, answer = row.messages
    context = [{**message, "training": False} if message["role"] == "assistant" else message for message in earlier]
    return Row(messages=[*context, answer], chapter="")
