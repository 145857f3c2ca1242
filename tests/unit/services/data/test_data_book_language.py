"""The language of a book: detected once, chosen by the user if wrong, and said to whoever reads the dataset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scriptorium.artifacts.dataset import QUALITY, read_book_language, read_rows
from scriptorium.contracts import PrepareRequest, PrepareResult
from scriptorium.errors import InvalidRecipe
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.recipe import parse_recipe
from scriptorium.text.languages.language import UNKNOWN, list_codes, read_language
from services.data.book_language import note_language
from services.data.cleaning.steps import CleaningLog
from services.data.cut_manuscript import gather_chapters
from services.data.prepare import prepare_manuscript
from services.data.readers import Manuscript, Part

STORY = "Nobody in the village remembered the winter of the wolves, and whoever did was silent about it. " * 12
Ask = Callable[..., PrepareRequest]


def prepare(request: PrepareRequest, folder: Path) -> PrepareResult:
    folder.mkdir()
    return prepare_manuscript(request, folder, SilentReporter())


def test_the_language_is_detected_and_written_down(ask: Ask, book: str, tmp_path: Path) -> None:
    assert prepare(ask(book), tmp_path / "out").language == "en"
    assert read_book_language(tmp_path / "out", ["Der Turm steht auf dem Felsen."]).code == "en"


def test_a_chosen_language_reaches_briefs_checks_and_readers(ask: Ask, book: str, tmp_path: Path) -> None:
    result = prepare(ask(book, language="de", tolerated_share=1.0), tmp_path / "out")
    assert result.language == "de"
    assert read_rows(tmp_path / "out" / "train.jsonl")[0].brief.startswith("Schreibe einen Abschnitt")
    assert "other_language" in {finding.code for finding in result.findings}
    assert read_book_language(tmp_path / "out", [book]).code == "de"


def test_a_dataset_that_does_not_say_has_the_language_of_its_passages(tmp_path: Path, book: str) -> None:
    assert read_book_language(tmp_path, [book]).code == "en"
    (tmp_path / QUALITY).write_text('{"words": 1, "chapters": 1, "splits": {}, "language": "tlh"}')
    assert read_book_language(tmp_path, [book]).code == "en"


@pytest.mark.parametrize("code", ["auto", *list_codes()])
def test_every_language_can_be_chosen(code: str) -> None:
    assert parse_recipe({"name": "own", "data": {"language": code}}, "own.yaml").data.language == code


@pytest.mark.parametrize("code", ["deutsch", "DE", "tlh", ""])
def test_an_unknown_code_is_one_clear_error(code: str) -> None:
    with pytest.raises(InvalidRecipe) as failure:
        parse_recipe({"name": "own", "data": {"language": code}}, "own.yaml")
    (problem,) = failure.value.problems
    assert problem.place.endswith("data.language")
    assert "must be auto or one of cs, da, de, el, en" in problem.message


def test_a_language_without_sentences_of_its_own_is_noted() -> None:
    first_class = ["en", "de", "fr", "es", "pt", "it", "pl", "ru", "sv", "nl", "cs", "zh", "ja", "ko"]
    assert not [finding for code in first_class for finding in note_language(read_language(code), "book.txt")]
    for language in (read_language("fi"), UNKNOWN):
        (finding,) = note_language(language, "book.txt")
        assert finding.code == "language_fallback"
        assert language.name in finding.message


def test_the_recipe_s_language_decides_what_ends_a_story() -> None:
    manuscript = Manuscript([Part("book.txt", f"CHAPTER 1\n\n{STORY}\n\nFine.\n")], curated=False)
    ends = [
        next(gather_chapters(manuscript, CleaningLog(), SilentReporter(), language)).paragraphs[-1]
        for language in (None, read_language("it"))
    ]
    assert ends == ["Fine.", STORY.strip()]
