"""The rows of a training: chats or preferences, their order, and the files that Axolotl reads."""

import json
from pathlib import Path
from typing import Any

import pytest

from scriptorium.artifacts.dataset import PreferenceRow, Row, read_rows, write_lines, write_rows
from scriptorium.contracts import TrainRequest
from scriptorium.errors import BaseModelUnusable, InvalidTrainingFile
from scriptorium.recipe import Training
from services.trainer.run import rows
from services.trainer.run.rows import cut_answer, draw_order, measure_lengths, read_training_rows, write_training_rows


class PlainTokenizer:
    """Renders turns with their roles, and counts words."""

    end_of_turn = "<end>"

    def render(self, messages: list[Any], *, add_generation_prompt: bool = False) -> str:
        turns = "".join(f"<{m['role']}> {m['content'].strip()}<end>\n" for m in messages)
        return turns + ("<assistant> " if add_generation_prompt else "")

    def count(self, texts: list[str]) -> list[int]:
        return [len(text.split()) for text in texts]


@pytest.fixture(autouse=True)
def tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "chat_tokenizer", lambda folder: PlainTokenizer())


def preference(preferred: str = "Yes.", rejected: str = "No.") -> dict[str, Any]:
    """A row as OpenAI's API has it."""
    return {
        "input": {"messages": [{"role": "user", "content": "Well?"}], "tools": []},
        "preferred_output": [{"role": "assistant", "content": preferred}],
        "non_preferred_output": [{"role": "assistant", "content": rejected}],
    }


def request(dataset: Path, **training: Any) -> TrainRequest:
    return TrainRequest(dataset=dataset, base=dataset, training=Training(**training))


def chat(answer: str) -> Row:
    return Row(messages=[{"role": "user", "content": "?"}, {"role": "assistant", "content": answer}], chapter="I")


def test_preferences_become_a_prompt_and_two_answers_that_end_their_turn(tmp_path: Path) -> None:
    write_lines(tmp_path / "train.jsonl", [preference(" Yes. \n", "No, no, no.")])
    order = request(tmp_path, method="dpo")
    train = read_training_rows(order, "train")
    assert isinstance(train[0], PreferenceRow)
    assert measure_lengths(order, train) == [6]  # of the longer answer
    folder = tmp_path / "run"
    write_training_rows(order, folder, train, train)
    written = [json.loads((folder / name).read_text()) for name in ("train.jsonl", "dev.jsonl")]
    expected = {"prompt": "<user> Well?<end>\n<assistant> ", "chosen": "Yes.<end>", "rejected": "No, no, no.<end>"}
    assert written == [expected, expected]


def test_rows_of_the_other_method_are_refused_with_their_numbers(tmp_path: Path) -> None:
    bad = [preference(), {**preference(), "preferred_output": []}, preference("Same.", "Same."), {"messages": []}]
    write_lines(tmp_path / "train.jsonl", bad)
    with pytest.raises(InvalidTrainingFile, match="3 of 4 rows are not preferences") as caught:
        read_training_rows(request(tmp_path, method="dpo"), "train")
    places = [problem.place for problem in caught.value.problems]
    assert places == ["train.jsonl, row 2", "train.jsonl, row 3", "train.jsonl, row 4"]
    with pytest.raises(InvalidTrainingFile, match="are not chats"):
        read_training_rows(request(tmp_path), "train")


def test_packed_rows_have_an_order_of_their_own_and_all_are_there(tmp_path: Path) -> None:
    train = [chat(f"answer {number}") for number in range(40)]
    lengths = list(range(40))
    shuffled, shuffled_lengths = draw_order(train, lengths, 42)
    assert shuffled != train
    assert [train[length] for length in shuffled_lengths] == shuffled
    assert draw_order(train, lengths, 42) == (shuffled, shuffled_lengths)
    write_rows(tmp_path / "data" / "train.jsonl", train)
    order, folder = request(tmp_path / "data", sample_packing=True), tmp_path / "run"
    write_training_rows(order, folder, shuffled, [])
    assert read_rows(folder / "train.jsonl") == shuffled
    assert read_rows(tmp_path / "data" / "train.jsonl") == train


def test_rows_that_stay_as_they_are_stay_where_they_are(tmp_path: Path) -> None:
    write_rows(tmp_path / "data" / "train.jsonl", [chat("one")])
    write_training_rows(request(tmp_path / "data", keep=0), tmp_path / "run", [chat("one")], [chat("two")])
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["dev.jsonl"]


def test_a_template_that_rewrites_its_prompt_is_refused() -> None:
    with pytest.raises(BaseModelUnusable, match="another way"):
        cut_answer("<user> B<end><assistant> !<end>", "<user> A<end><assistant> ", "<end>")
