import zipfile
from pathlib import Path

import pytest

from scriptorium.cli.jobs.manuscript import open_manuscript
from scriptorium.errors import InvalidTrainingFile


def test_a_book_is_sent_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("text")
    with open_manuscript(tmp_path / "book.txt") as (name, file):
        assert (name, file.read()) == ("book.txt", b"text")


def test_a_folder_is_sent_as_a_zip_of_its_readable_files(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    for name in ("book.docx", "part/rows.jsonl", "notes.MD", "cover.jpg", ".hidden.txt"):
        (tmp_path / name).write_text(name)
    with open_manuscript(tmp_path) as (name, file), zipfile.ZipFile(file) as archive:
        assert name == f"{tmp_path.name}.zip"
        assert archive.namelist() == ["book.docx", "notes.MD", "part/rows.jsonl"]


def test_a_scrivener_project_is_sent_with_its_index_and_its_texts(tmp_path: Path) -> None:
    for name in ("Sea.scrivx", "Files/Data/A/content.rtf", "Files/Data/A/synopsis.png", "Settings/ui.xml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    with open_manuscript(tmp_path) as (_, file), zipfile.ZipFile(file) as archive:
        assert archive.namelist() == ["Files/Data/A/content.rtf", "Sea.scrivx"]


def test_an_empty_folder_and_a_missing_file_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(InvalidTrainingFile, match="no files of a supported kind"), open_manuscript(tmp_path):
        pass
    with pytest.raises(InvalidTrainingFile, match="cannot be read"), open_manuscript(tmp_path / "none.txt"):
        pass
