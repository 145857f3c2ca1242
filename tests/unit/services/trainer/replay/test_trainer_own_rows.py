"""The user's own rows: read as they are, and every problem told at once."""

import json
from pathlib import Path
from typing import Any

import pytest

from scriptorium.errors import InvalidTrainingFile
from services.trainer.replay.own_rows import read_own_rows


def turns(*roles: str, content: str = "Well.") -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role in roles]}


def test_of_a_conversation_the_last_answer_alone_is_trained(tmp_path: Path) -> None:
    chat = turns("system", "user", "assistant", "user", "assistant")
    (tmp_path / "a.jsonl").write_text(json.dumps(chat) + "\n\n")
    (tmp_path / "notes.txt").write_text("not a row")
    [row] = read_own_rows(tmp_path)
    assert [message.get("training", True) for message in row.messages] == [True, True, False, True, True]


def test_all_problems_are_listed_with_their_places(tmp_path: Path) -> None:
    wrong = [
        turns("user"),
        turns("assistant", "user"),
        turns("user", "assistant", content=" "),
        turns("user", "poet"),
        7,
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in wrong) + '{"messages"\n')
    (tmp_path / "b.jsonl").write_text(json.dumps(turns("user", "assistant")) + "\n{}\n")
    with pytest.raises(InvalidTrainingFile) as caught:
        read_own_rows(tmp_path)
    places = [problem.place for problem in caught.value.problems]
    assert places == [*(f"a.jsonl, row {number}" for number in range(1, 7)), "b.jsonl, row 2"]


def test_a_row_in_another_encoding_is_a_problem_and_no_guess(tmp_path: Path) -> None:
    good = json.dumps(turns("user", "assistant")).encode()
    (tmp_path / "a.jsonl").write_bytes(good + b'\n{"x": "caf\xe9"}\n')
    with pytest.raises(InvalidTrainingFile) as caught:
        read_own_rows(tmp_path)
    [problem] = caught.value.problems
    assert (problem.place, problem.message) == ("a.jsonl, row 2", "byte 11 is not UTF-8")


def test_a_folder_without_rows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidTrainingFile):
        read_own_rows(tmp_path)
