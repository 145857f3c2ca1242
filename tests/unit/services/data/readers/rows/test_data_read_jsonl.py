"""Ready rows: four forms, every invalid row reported at once, and the passages that they become."""

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
from services.data.readers.rows import jsonl

CHAT = {"messages": [{"role": "user", "content": "Ask."}, {"role": "assistant", "content": "Answer."}]}
ALPACA = {"instruction": "Ask.", "input": "", "output": "Answer."}
COMPLETION = {"prompt": "Ask.", "completion": "Answer."}


PREFERENCE = {
    "input": {"messages": [{"role": "user", "content": "Ask."}]},
    "preferred_output": [{"role": "assistant", "content": "Answer."}],
    "non_preferred_output": [{"role": "assistant", "content": "No."}],
}


def turns(*pairs: str, **weights: object) -> dict[str, Any]:
    """Return a chat of "role:content" pairs; `w2=0` is the weight of the second."""
    messages: list[dict[str, Any]] = [{"role": pair.split(":")[0], "content": pair.split(":")[1]} for pair in pairs]
    for name, weight in weights.items():
        messages[int(name[1:]) - 1]["weight"] = weight
    return {"messages": messages}


def read(folder: Path, *rows: object) -> Manuscript:
    path = folder / "content"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return read_manuscript(path, "rows.jsonl")


@pytest.mark.parametrize("row", [CHAT, ALPACA, COMPLETION, PREFERENCE])
def test_each_form_is_read(tmp_path: Path, row: dict[str, Any]) -> None:
    (ready_row,) = read(tmp_path, row).rows
    assert ready_row.messages == tuple(CHAT["messages"])
    assert (ready_row.place, ready_row.chapter) == ("rows.jsonl, line 1", "rows.jsonl")
    assert ready_row.is_preference == (row is PREFERENCE)


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
    (turns("user:Ask.", "tool:x"), "the role 'tool': calls of tools cannot be trained"),
    (turns("user:Ask.", "bard:x"), "unknown role 'bard'"),
    ({"messages": [{"role": ["user"], "content": "Ask."}]}, "unknown role"),
    (
        {"messages": [*CHAT["messages"][:1], {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}]},
        "message 2 calls a tool",
    ),
    ({"messages": [*CHAT["messages"][:1], {"role": "assistant", "content": None}]}, "message 2, is not text but null"),
    (turns("user:Ask.", "assistant:A.", w2=0.5), "message 2 has the weight 0.5; it must be 0 or 1"),
    (turns("user:Ask.", "assistant:A.", w2=True), "has the weight True"),
    (turns("user:Ask.", "assistant:A.", w2="1"), "has the weight 1"),
    (turns("user:Ask.", "assistant:A.", w2=0), "has no answer that trains"),
    (turns(*["user:Ask.", "assistant:A."] * 129), "has 258 messages, more than 256"),
    (turns("user:Ask."), "does not end with an answer"),
    (turns("assistant:Answer."), "does not begin with a message of the user"),
    (turns("user:Ask.", "user:Ask.", "assistant:Answer."), "two messages of the user in a row"),
    (turns("user:Ask.", "system:Be.", "assistant:Answer."), "system message that is not the first"),
    (turns("user:Ask.", "assistant: "), "the answer, message 2, is empty"),
    ("null", "is not an object but null"),
    ({"prompt": "A.", "chosen": "B.", "rejected": "C."}, 'write a preference as {"input": {"messages"}'),
    ({**PREFERENCE, "input": [1]}, "no 'input' that is an object with 'messages'"),
    ({**PREFERENCE, "input": CHAT}, "does not end with a message of the user"),
    ({**PREFERENCE, "preferred_output": []}, "'preferred_output' is not a list of one message"),
    ({**PREFERENCE, "non_preferred_output": None}, "of the assistant but null"),
    ({**PREFERENCE, "preferred_output": CHAT["messages"][:1]}, "is a message of the user"),
    (
        {**PREFERENCE, "preferred_output": [{"role": "assistant", "content": "Answer.", "weight": 0}]},
        "'preferred_output' has the weight 0",
    ),
    ({**PREFERENCE, "preferred_output": PREFERENCE["non_preferred_output"]}, "both outputs are the same"),
    ({key: value for key, value in PREFERENCE.items() if key != "preferred_output"}, "lacks 'preferred_output'"),
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


def test_too_few_rows_are_one_more_problem_of_a_broken_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidTrainingFile, match="has 3 row\\(s\\); at least 10 are needed") as caught:
        read(tmp_path, CHAT, "{", CHAT)
    assert caught.value.param == "training_file"
    assert "Mend these lines" in (caught.value.next_step or "")


def test_a_byte_order_mark_is_no_part_of_a_row(tmp_path: Path) -> None:
    line = json.dumps(CHAT)
    assert len(read(tmp_path, f"\ufeff{line}", f"\ufeff{line}").rows) == 2


def test_behind_a_line_that_is_too_long_the_others_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "MAX_ROW_CHARACTERS", 200)
    with pytest.raises(InvalidTrainingFile) as caught:
        read(tmp_path, *[CHAT] * 12, COMPLETION | {"prompt": "x" * 900}, "{", CHAT)
    places = [problem.place for problem in caught.value.problems]
    assert places == ["rows.jsonl, line 13", "rows.jsonl, line 14"]
    assert "is longer than 200 characters" in caught.value.problems[0].message


def test_a_developer_is_the_system_and_what_is_not_used_is_told(tmp_path: Path) -> None:
    row = turns("developer:Be.", "user:Ask.", "assistant:Answer.", w2=1)
    row |= {"tools": [{"type": "function"}], "parallel_tool_calls": True}
    row["messages"][1] |= {"name": "Ann"}
    preference = {**PREFERENCE, "input": {**PREFERENCE["input"], "tools": [], "parallel_tool_calls": False}}
    manuscript = read(tmp_path, row, preference)
    assert [message["role"] for message in manuscript.rows[0].messages] == ["system", "user", "assistant"]
    (unused,) = [finding for finding in manuscript.findings if finding.code == "keys_unused"]
    for key in ("tools", "parallel_tool_calls", "messages.name", "messages.weight", "input.parallel_tool_calls"):
        assert f"{key!r} (1)" in unused.message


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


CONVERSATION = ("system:Be.", "user:One?", "assistant:Uno.", "user:Two?", "assistant:Dos tres.")


def test_each_answer_of_a_conversation_trains_once(tmp_path: Path, base: Path) -> None:
    first, second = take_rows(read(tmp_path, turns(*CONVERSATION)).rows, chat_tokenizer(base))
    assert (first.prompt, first.text, first.turns) == ("One?", "Uno.", [{"role": "system", "content": "Be."}])
    assert (second.prompt, second.text, second.words) == ("Two?", "Dos tres.", 2)
    assert [turn.get("training") for turn in second.turns] == [None, None, False]
    assert [passage.place for passage in (first, second)] == [f"rows.jsonl, line 1, answer {n}" for n in (1, 2)]


@pytest.mark.parametrize(("weights", "trained"), [
    ({"w3": 0}, ["Dos tres."]), ({"w3": 1, "w5": 0}, ["Uno."]), ({"w5": 1}, ["Uno.", "Dos tres."]),
])  # fmt: skip
def test_an_answer_of_weight_0_does_not_train(
    tmp_path: Path, base: Path, weights: dict[str, int], trained: list[str]
) -> None:
    passages = take_rows(read(tmp_path, turns(*CONVERSATION, **weights)).rows, chat_tokenizer(base))
    assert [passage.text for passage in passages] == trained
    context = [turn for passage in passages for turn in passage.turns if turn["role"] == "assistant"]
    assert all(turn["training"] is False for turn in context)


def test_a_preference_is_one_passage_with_two_answers(tmp_path: Path, base: Path) -> None:
    asked = turns("system:Be.", "user:One?", "assistant:Uno.", "user:Ask.")
    (passage,) = take_rows(read(tmp_path, {**PREFERENCE, "input": asked}).rows, chat_tokenizer(base))
    assert (passage.prompt, passage.text, passage.rejected) == ("Ask.", "Answer.", "No.")
    assert len(passage.turns) == 3


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
