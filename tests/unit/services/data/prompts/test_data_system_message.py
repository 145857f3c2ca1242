"""The system message of a recipe: before the book's prompts and nowhere else, and only for a base that shows it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from scriptorium.artifacts.dataset import read_rows
from scriptorium.contracts import PrepareRequest
from scriptorium.errors import InvalidRecipe
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.models.tokenizer import ChatTokenizer
from services.data.passage import Passage, make_messages
from services.data.prepare import prepare_manuscript
from services.data.prompts.system_message import add_system, check_system
from tests.word_model import write_word_model

LIMIT = 450  # tokens of a row: enough for a passage and the one before, but not for a long message as well
SYSTEM = "You are the author."
TURNS = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}"
TEMPLATES = {
    "refuses": "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + TURNS,
    "leaves": TURNS.replace("{% for m in messages %}", "{% for m in messages if m['role'] != 'system' %}"),
}


def base(folder: Path, template: str) -> ChatTokenizer:
    settings = json.loads((write_word_model(folder) / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "chat_template": template}))
    return ChatTokenizer(folder)


def test_every_row_of_the_dataset_begins_with_it(
    ask: Callable[..., PrepareRequest], book: str, prose: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "references").mkdir()
    (tmp_path / "references" / "other.txt").write_text(prose(40, seed=99))
    without, out = tmp_path / "without", tmp_path / "out"
    for folder, system in ((without, ""), (out, SYSTEM)):
        folder.mkdir()
        request = ask(book, references=tmp_path / "references", prompt="continue", system=system)
        prepare_manuscript(request, folder, SilentReporter())
    for name in ("train", "dev", "test", "reference"):
        rows, plain = (read_rows(folder / f"{name}.jsonl") for folder in (out, without))
        assert rows
        assert [row.messages[0] for row in rows] == [{"role": "system", "content": SYSTEM}] * len(rows)
        assert [row.messages[1:] for row in rows] == [row.messages for row in plain]


def test_the_context_before_a_passage_leaves_room_for_it(
    ask: Callable[..., PrepareRequest], book: str, tmp_path: Path
) -> None:
    request = ask(book, prompt="context", sequence_len=LIMIT, system=f"{SYSTEM} " + "word " * 200)
    prepare_manuscript(request, tmp_path, SilentReporter())
    rows = read_rows(tmp_path / "train.jsonl")
    assert max(sum(len(message["content"].split()) for message in row.messages) for row in rows) <= LIMIT


def test_ready_rows_keep_their_own_messages() -> None:
    ready = Passage("Text.", "I", "row 1", 1, 1, stored_prompt="Their prompt.", ready=True)
    ours = Passage("Text.", "I", "passage 1", 1, 1, stored_prompt="Our brief.")
    theirs, changed = (make_messages(passage) for passage in add_system([ready, ours], SYSTEM))
    assert [message["role"] for message in theirs] == ["user", "assistant"]
    assert [message["content"] for message in changed] == [SYSTEM, "Our brief.", "Text."]


def test_a_template_that_shows_it_is_accepted(tmp_path: Path) -> None:
    check_system(SYSTEM, base(tmp_path, TURNS))


@pytest.mark.parametrize("how", TEMPLATES)
def test_a_template_without_a_place_for_it_is_refused(tmp_path: Path, how: str) -> None:
    with pytest.raises(InvalidRecipe, match=how) as caught:
        check_system(SYSTEM, base(tmp_path, TEMPLATES[how]))
    assert caught.value.param == "data.system"
