import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scriptorium.artifacts.dataset import CONTINUE_INSTRUCTION
from scriptorium.cli import by_hand
from scriptorium.cli.failures import explain
from scriptorium.cli.main import app
from scriptorium.contracts import PrepareRequest
from scriptorium.errors import Conflict, InvalidRequest, PathUnusable, TooFewExamples
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.recipe import Chunking, Data, Method, Recipe, Training
from scriptorium.settings import Settings
from services.data.preview import preview_manuscript

Ask = Callable[..., PrepareRequest]
TYPED = "The River\n\nCHAPTER I\n\nHe said it was _not_ [bold]so[/bold],[12] and went\ndown to the river.\n\nTHE END\n"


@pytest.fixture
def typed(tmp_path: Path) -> Path:
    path = tmp_path / "river.txt"
    path.write_text(TYPED)
    return path


def test_a_preview_counts_chinese_words_in_one_way(tmp_path: Path) -> None:
    path = tmp_path / "river.txt"
    path.write_text("老人提着灯走到河边。\n\n他什么也没有说。\n" * 3)
    preview = preview_manuscript(path, "river.txt", SilentReporter(), examples=1)
    assert preview.words_in == preview.words_kept == sum(chapter.words for chapter in preview.chapters) > 20


def test_a_preview_has_every_step_and_writes_nothing(typed: Path) -> None:
    preview = preview_manuscript(typed, "river.txt", SilentReporter(), examples=1)
    steps = {step.name: step for step in preview.steps}
    assert steps.keys() == {"front_matter", "back_matter", "headings", "notes", "emphasis", "wrapped_lines"}
    assert steps["headings"].count == 1
    assert [change.place for change in steps["headings"].examples] == ["river.txt:3"]
    assert steps["emphasis"].examples[0].before == "_not_"
    assert steps["emphasis"].examples[0].after == "not"
    assert preview.words_in == len(TYPED.split())
    assert preview.words_kept == preview.words_in - 6
    assert [chapter.title for chapter in preview.chapters] == ["CHAPTER I"]
    assert list(typed.parent.iterdir()) == [typed]


def test_the_command_shows_a_diff(typed: Path) -> None:
    output = CliRunner().invoke(app, ["prepare", str(typed), "--preview"]).output
    for line in ["river.txt:5", "- _not_", "+ not", "- [12]", "CHAPTER I", "Nothing was written."]:
        assert line in output
    assert "- He said it was not [bold]so[/bold]" in output  # a text's brackets are not markup
    assert "emphasis  1  Signs for italics" in output


def test_the_command_shows_json(typed: Path) -> None:
    result = CliRunner().invoke(app, ["prepare", str(typed), "--preview", "--changes", "0", "--json"])
    body = json.loads(result.output)
    assert {step["name"]: step["count"] for step in body["steps"]}["notes"] == 1
    assert all(step["examples"] == [] for step in body["steps"])


def test_without_a_preview_an_output_is_needed(typed: Path) -> None:
    result = CliRunner().invoke(app, ["prepare", str(typed)])
    assert result.exit_code == 2
    assert "--preview" in result.output


def test_rows_alone_are_those_of_the_whole_book(book: str, base: Path, tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text(book)
    recipe = Recipe(
        name="tiny", data=Data(chunking=Chunking(unit="words", minimum=80, maximum=160)), training=Training()
    )
    settings = Settings(data_dir=tmp_path / "data")
    output = tmp_path / "new" / "train.jsonl"
    result = by_hand.prepare(path, output, str(base), recipe, settings)
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert len(rows) == result.model_dump()["splits"]["all"]["examples"]
    assert {(row["instruction"], row["input"]) for row in rows} == {(CONTINUE_INSTRUCTION, "")}
    assert sum(len(row["output"].split()) for row in rows) == len(book.split()) - 16
    assert list(output.parent.iterdir()) == [output]
    with pytest.raises(Conflict):
        by_hand.prepare(path, output, str(base), recipe, settings)


@pytest.mark.parametrize("kind", ["preference", "turns", "system"])
def test_rows_alone_lose_nothing_in_silence(kind: str, prose: Callable[..., str], base: Path, tmp_path: Path) -> None:
    def make_row(number: int) -> dict[str, object]:
        user, answer = (
            {"role": "user", "content": f"Write {number}."},
            {"role": "assistant", "content": prose(2, seed=number)},
        )
        other = {"role": "assistant", "content": "No."}
        if kind == "preference":
            return {"input": {"messages": [user]}, "preferred_output": [answer], "non_preferred_output": [other]}
        system = [{"role": "system", "content": "Be."}] if kind == "system" else []
        earlier = [user, {**other, "weight": 0}] if kind == "turns" else system
        return {"messages": [*earlier, user, answer]}

    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(make_row(number)) for number in range(20)))
    method: Method = "dpo" if kind == "preference" else "supervised"
    recipe = Recipe(name="tiny", data=Data(), training=Training(method=method))
    settings, output = Settings(data_dir=tmp_path / "data"), tmp_path / "out.jsonl"
    with pytest.raises(InvalidRequest, match=r"row\(s\) have a") as caught:
        by_hand.prepare(path, output, str(base), recipe, settings)
    assert (caught.value.param, caught.value.next_step) == (
        "--output",
        f"Name a folder, which holds everything: --output {tmp_path / 'out'}",
    )
    assert not output.exists()
    by_hand.prepare(path, tmp_path / "out", str(base), recipe, settings)
    assert (tmp_path / "out" / "train.jsonl").exists()


@pytest.fixture
def small_recipe() -> Recipe:
    chunking = Chunking(unit="words", minimum=80, maximum=160)
    return Recipe(name="tiny", data=Data(chunking=chunking), training=Training())


@pytest.mark.parametrize("name", ["out", "out.jsonl"])
def test_a_full_disk_is_named_and_nothing_stays(
    name: str, typed: Path, book: str, base: Path, small_recipe: Recipe
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    typed.write_text(book)
    output = typed.parent / "new" / name
    with pytest.MonkeyPatch.context() as patch, pytest.raises(OSError, match="No space left") as caught:
        patch.setattr("services.data.prepare.write_dataset", fail)
        by_hand.prepare(typed, output, str(base), small_recipe, Settings(data_dir=typed.parent / "data"))
    failure = explain(caught.value)
    assert (failure.code, str(failure)) == ("disk_full", f"{output}: No space left on device.")
    assert "another disk" in (failure.next_step or "")
    assert not list(output.parent.iterdir())


def test_a_refused_manuscript_leaves_nothing(base: Path, tmp_path: Path, small_recipe: Recipe) -> None:
    path = tmp_path / "book.txt"
    path.write_text("Too short.")
    with pytest.raises(TooFewExamples):
        by_hand.prepare(path, tmp_path / "new" / "out", str(base), small_recipe, Settings(data_dir=tmp_path / "data"))
    assert not list((tmp_path / "new").iterdir())


@pytest.mark.parametrize("name", ["file/out", "n" * 300, "n" * 252, "n" * 300 + ".jsonl"])
def test_an_output_that_no_system_takes_is_an_error_with_its_path(
    name: str, book: str, base: Path, tmp_path: Path, small_recipe: Recipe
) -> None:
    path = tmp_path / "book.txt"
    path.write_text(book)
    (tmp_path / "file").write_text("")
    with pytest.raises((OSError, PathUnusable)) as caught:
        by_hand.prepare(path, tmp_path / name, str(base), small_recipe, Settings(data_dir=tmp_path / "data"))
    failure = explain(caught.value)
    assert failure.code == "path_unusable"
    assert str(tmp_path) in str(failure)
    assert failure.next_step


def test_a_name_that_is_not_utf8_is_written_with_the_number_of_its_byte(
    book: str, base: Path, tmp_path: Path, small_recipe: Recipe
) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / os.fsdecode(b"b\xe9k.txt")).write_text(book)
    (folder / os.fsdecode(b"n\xe9te.xyz")).write_text("note")
    settings = Settings(data_dir=tmp_path / "data")
    for number, source in enumerate([folder, *folder.glob("*.txt")]):
        output = tmp_path / f"out{number}"
        result = by_hand.prepare(source, output, str(base), small_recipe, settings).model_dump()
        assert r"\xe9" in result["title"]
        assert (output / "train.jsonl").exists()
        json.dumps(result, ensure_ascii=False).encode()
    json.dumps(by_hand.preview(folder, 3, ()).model_dump(mode="json"), ensure_ascii=False).encode()
