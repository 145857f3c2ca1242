"""Chapter files come as the story goes, whatever their names are."""

from pathlib import Path

import pytest

from services.data.readers.limits import Budget
from services.data.readers.read_manuscript import read_manuscript
from services.data.readers.sources import open_files

ONE_TO_TEN = ["One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten"]


def order(folder: Path, names: list[str]) -> list[str]:
    for name in sorted(names):
        (folder / name).write_text("The old man went down to the river.")
    with open_files(folder, folder.name, Budget(folder.name)) as entries:
        return [entry.name for entry in entries]


@pytest.mark.parametrize(
    "names",
    [
        [f"Chapter {word}.docx" for word in ONE_TO_TEN],
        ["I.md", "II.md", "III.md", "IV.md", "V.md", "VIII.md", "IX.md", "X.md"],
        ["Prologue.md", "1.md", "2.md", "10.md", "Epilogue.md"],
        ["Vorwort.txt", "Erstes Kapitel.txt", "Zweites Kapitel.txt", "Achtes Kapitel.txt", "Nachwort.txt"],
        ["Пролог.txt", "Глава первая.txt", "Глава вторая.txt", "Глава десятая.txt", "Эпилог.txt"],
        ["Capítulo primero.md", "Capítulo segundo.md", "Capítulo décimo.md"],
        ["Chapter One - Zebra.md", "Chapter Two - Apple.md"],
        ["chapter_one.md", "chapter_two.md", "chapter_twenty-one.md"],
        ["01 Zebra.md", "02 Apple.md", "10 Lamp.md"],
        ["Apple.md", "Chapter One.md", "Zebra.md"],
    ],
)
def test_files_come_as_the_story_goes(tmp_path: Path, names: list[str]) -> None:
    assert order(tmp_path, names) == names


def test_an_order_told_by_words_is_reported(tmp_path: Path) -> None:
    order(tmp_path, ["Chapter One.txt", "Chapter Two.txt", "Chapter Three.txt"])
    (finding,) = read_manuscript(tmp_path, tmp_path.name).findings
    assert finding.code == "ordered_by_words"
    assert "Chapter One.txt, Chapter Two.txt, Chapter Three.txt" in finding.message


def test_numbered_files_need_no_report(tmp_path: Path) -> None:
    order(tmp_path, ["Chapter 1.txt", "Chapter 2.txt", "Chapter 10.txt"])
    assert not read_manuscript(tmp_path, tmp_path.name).findings
