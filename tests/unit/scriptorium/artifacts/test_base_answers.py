"""A base's answers: appended by several programs, of which some are killed, and read again."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.artifacts.base_answers import Asked, BaseAnswer, answers_path, append_answer, read_answers

TEXTS = st.text(min_size=0, max_size=20)
ENTRIES = st.lists(st.tuples(st.builds(Asked, TEXTS, st.just(9), st.sampled_from([0.3, 0.6])), TEXTS), max_size=6)


@given(ENTRIES, st.integers(0, 40))
def test_whatever_a_killed_program_left_the_answers_before_and_after_are_read(
    tmp_path_factory: pytest.TempPathFactory, entries: list[tuple[Asked, str]], torn: int
) -> None:
    path = tmp_path_factory.mktemp("answers") / "answers.jsonl"
    expected: dict[Asked, BaseAnswer] = {}
    for asked, text in entries:
        answer = BaseAnswer(text, ended=True)
        append_answer(path, asked, answer)
        expected.setdefault(asked, answer)
        with path.open("a") as file:
            file.write(json.dumps({"request": "killed", "max_tokens": 9, "temperature": 0.3})[:torn])
    assert read_answers(path) == expected


def test_other_weights_or_another_template_have_answers_of_their_own(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    plain = answers_path(tmp_path, base, {"model.safetensors": "a"})
    assert plain == answers_path(tmp_path, base, {"model.safetensors": "a"})
    assert plain != answers_path(tmp_path, base, {"model.safetensors": "b"})
    (base / "tokenizer_config.json").write_text('{"chat_template": "x"}')
    assert plain != answers_path(tmp_path, base, {"model.safetensors": "a"})
