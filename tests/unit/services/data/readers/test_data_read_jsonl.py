"""Ready rows: three forms, every invalid row reported at once, and the passages that they become."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.artifacts.dataset import read_rows
from scriptorium.contracts import PrepareRequest
from scriptorium.errors import InvalidTrainingFile
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.models.tokenizer import chat_tokenizer
from services.data.chunking.cut import take_rows
from services.data.prepare import prepare_manuscript
from services.data.readers import Manuscript, read_manuscript

CHAT = {"messages": [{"role": "user", "content": "Ask."}, {"role": "assistant", "content": "Answer."}]}
ALPACA = {"instruction": "Ask.", "input": "", "output": "Answer."}
COMPLETION = {"prompt": "Ask.", "completion": "Answer."}


def turns(*pairs: str) -> dict[str, Any]:
    return {"messages": [{"role": pair.split(":")[0], "content": pair.split(":")[1]} for pair in pairs]}


def read(folder: Path, *rows: object) -> Manuscript:
    path = folder / "content"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return read_manuscript(path, "rows.jsonl")


@pytest.mark.parametrize("row", [CHAT, ALPACA, COMPLETION])
def test_each_form_is_read(tmp_path: Path, row: dict[str, Any]) -> None:
    (ready_row,) = read(tmp_path, row).rows
    assert ready_row.messages == tuple(CHAT["messages"])
    assert (ready_row.place, ready_row.chapter) == ("rows.jsonl, line 1", "rows.jsonl")


def test_instruction_and_input_are_one_question(tmp_path: Path) -> None:
    (ready_row,) = read(tmp_path, ALPACA | {"input": "About boats.", "chapter": "II"}).rows
    assert ready_row.messages[0]["content"] == "Ask.\n\nAbout boats."
    assert ready_row.chapter == "II"


def test_forms_may_be_mixed_and_unused_keys_are_reported(tmp_path: Path) -> None:
    manuscript = read(tmp_path, CHAT, "", COMPLETION | {"id": 7})
    assert [ready_row.place for ready_row in manuscript.rows] == ["rows.jsonl, line 1", "rows.jsonl, line 3"]
    assert {finding.code for finding in manuscript.findings} == {"mixed_forms", "keys_unused"}


INVALID_ROWS = [
    ("{", "invalid JSON"),
    ("[" * 100_000, "nested too deeply"),
    ('{"prompt": ' + "9" * 5000 + "}", "invalid JSON"),
    ([1], "not an object"),
    ({}, "no known form"),
    ({"text": "A."}, "send it as .txt"),
    ({"conversations": []}, "rename it to messages"),
    ({"prompt": "A."}, "lacks 'completion'"),
    (COMPLETION | {"completion": " \n"}, "is empty"),
    (COMPLETION | {"completion": None}, "is not text"),
    (COMPLETION | {"prompt": ""}, "'prompt' is empty"),
    (ALPACA | {"instruction": ""}, "has no question"),
    ({"messages": "x"}, "not a list of messages"),
    ({"messages": [{"role": "user"}]}, "message 1 is not an object"),
    (turns("user:Ask.", "tool:x"), "unknown role 'tool'"),
    (turns("user:Ask."), "does not end with an answer"),
    (turns("assistant:Answer."), "does not begin with a message of the user"),
    (turns("user:Ask.", "user:Ask.", "assistant:Answer."), "two messages of the user in a row"),
    (turns("user:Ask.", "system:Be.", "assistant:Answer."), "system message that is not the first"),
    (turns("user:Ask.", "assistant: "), "the answer is empty"),
    ('{"prompt": "\\ud800", "completion": "A."}', "half a character"),
]


def test_every_invalid_row_is_reported_at_once_with_its_line(tmp_path: Path) -> None:
    rows = [CHAT, *(row for row, _ in INVALID_ROWS)]
    with pytest.raises(InvalidTrainingFile) as caught:
        read(tmp_path, *rows)
    problems = caught.value.problems
    lines = range(2, len(rows) + 1)
    assert [problem.place for problem in problems] == [f"rows.jsonl, line {number}" for number in lines]
    for problem, (_, expected) in zip(problems, INVALID_ROWS, strict=True):
        assert expected in problem.message


def test_a_list_is_reported_once_and_a_flood_is_cut_short(tmp_path: Path) -> None:
    with pytest.raises(InvalidTrainingFile) as caught:
        read(tmp_path, "[", '{"prompt": "A.", "completion": "B."},', "]")
    assert [problem.place for problem in caught.value.problems] == ["rows.jsonl, line 1"]
    with pytest.raises(InvalidTrainingFile) as caught:
        read(tmp_path, *["{"] * 250)
    assert len(caught.value.problems) == 101
    assert "150 more" in caught.value.problems[-1].message


KEYS = ["messages", "role", "content", "prompt", "completion", "instruction", "output", "input", "chapter"]
value = st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(KEYS), inner), max_leaves=8)  # fmt: skip


@given(st.lists(value, min_size=1, max_size=4))
def test_any_json_is_rows_or_problems(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    try:
        manuscript = read(tmp_path_factory.mktemp("rows"), *(json.dumps(row) for row in rows))
    except InvalidTrainingFile as error:
        assert error.problems
    else:
        assert all(ready_row.messages[-1]["role"] == "assistant" for ready_row in manuscript.rows)


def test_only_the_last_answer_of_a_conversation_trains(tmp_path: Path, base: Path) -> None:
    row = turns("system:Be.", "user:One?", "assistant:Uno.", "user:Two?", "assistant:Dos tres.")
    (passage,) = take_rows(read(tmp_path, row).rows, chat_tokenizer(base))
    assert (passage.prompt, passage.text, passage.words) == ("Two?", "Dos tres.", 2)
    assert [turn.get("training") for turn in passage.turns] == [None, None, False]


def test_rows_of_a_chapter_are_side_by_side(tmp_path: Path, base: Path) -> None:
    rows = [COMPLETION | {"completion": f"{number}.", "chapter": "AB"[number % 2]} for number in range(4)]
    passages = take_rows(read(tmp_path, *rows).rows, chat_tokenizer(base))
    assert [(passage.chapter, passage.text) for passage in passages] == [
        ("A", "0."), ("A", "2."), ("B", "1."), ("B", "3.")
    ]  # fmt: skip


def test_ready_rows_train_as_they_are(
    tmp_path: Path, ask: Callable[..., PrepareRequest], prose: Callable[..., str]
) -> None:
    texts = [prose(2, seed=number) for number in range(30)]
    rows = [
        {"prompt": f"Write {number}.", "completion": text, "chapter": f"{number // 5}"}
        for number, text in enumerate(texts)
    ]
    content = tmp_path / "rows"
    content.write_text("\n".join(map(json.dumps, rows)))
    out = tmp_path / "out"
    out.mkdir()
    request = ask(content, "rows.jsonl", prompt="continue")
    result = prepare_manuscript(request, out, SilentReporter())
    written = [row for name in ("train", "dev", "test") for row in read_rows(out / f"{name}.jsonl")]
    assert {(row.brief, row.passage) for row in written} == {(row["prompt"], row["completion"]) for row in rows}
    assert result.chapters == 6
    chapters = [{row.chapter for row in read_rows(out / f"{name}.jsonl")} for name in ("train", "dev", "test")]
    assert not (chapters[0] & chapters[1] or chapters[0] & chapters[2] or chapters[1] & chapters[2])
