"""Rows of a dataset: chats and preferences, read back as what they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from scriptorium.artifacts.dataset import PreferenceRow, Row, parse_row, read_rows, write_rows
from scriptorium.contracts.base import Message

CHAT: list[Message] = [{"role": "user", "content": "Ask."}, {"role": "assistant", "content": "Yes."}]


def test_a_preference_is_read_back_with_both_answers(tmp_path: Path) -> None:
    rows = [Row(messages=CHAT, chapter="I"), PreferenceRow(messages=CHAT, chapter="II", rejected="No.")]
    write_rows(tmp_path / "train.jsonl", rows)
    chat, preference = read_rows(tmp_path / "train.jsonl")
    assert [chat, preference] == rows
    assert (chat.rejected_messages, preference.passage) == ([], "Yes.")
    assert preference.rejected_messages == [CHAT[0], {"role": "assistant", "content": "No."}]


def test_a_row_of_the_hosted_api_is_a_preference_whose_passage_is_preferred() -> None:
    body: dict[str, object] = {
        "input": {"messages": CHAT[:1]},
        "preferred_output": CHAT[1:],
        "non_preferred_output": [{"role": "assistant", "content": "No."}],
    }
    row = parse_row(body)
    assert isinstance(row, PreferenceRow)
    assert (row.brief, row.passage, row.rejected) == ("Ask.", "Yes.", "No.")
    with pytest.raises(ValidationError, match="both answers are the same"):
        parse_row({**body, "non_preferred_output": CHAT[1:]})


@pytest.mark.parametrize("mark", [{"weight": 0}, {"training": False}])
def test_a_row_whose_last_answer_is_context_only_is_refused(mark: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="the last answer has the weight 0"):
        parse_row({"messages": [CHAT[0], {**CHAT[1], **mark}], "chapter": "I"})
