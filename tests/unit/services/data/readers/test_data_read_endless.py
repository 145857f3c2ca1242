"""Files made to hurt: numbers without an end, lines that a pattern could read in too many ways, marks never closed.

Each of these took the reader minutes to years, or ended in a traceback, before it was mended; `make fuzz` looks for
more.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from io import BytesIO

import pytest

from scriptorium.text.digits import MAX_DIGITS, read_digits
from services.data.readers import Manuscript
from services.data.readers.story_order import name_by_story
from tests.unit.services.data.readers import test_data_read_docx as docx_files
from tests.unit.services.data.readers.test_data_read_more_formats import odt
from tests.unit.services.data.readers.test_data_read_rich_text import project, rtf

pytestmark = pytest.mark.timeout(60)  # each takes some milliseconds

Read = Callable[[bytes | str, str], Manuscript]
ENDLESS = "9" * 5000  # digits: more than Python converts
PROSE = "It rained all night, and the old man went down to the sea."


def test_the_value_of_digits_has_a_limit() -> None:
    assert read_digits("12") == 12
    assert read_digits("9" * 4000) == read_digits(ENDLESS) == 10**MAX_DIGITS


def test_an_endless_number_in_an_opendocument_is_a_large_one(read: Read) -> None:
    body = f'<text:h text:outline-level="{ENDLESS}">One</text:h><text:p>a<text:s text:c="{ENDLESS}"/>b {PROSE}</text:p>'
    (part,) = read(odt(body), "book.odt").parts
    assert PROSE in part.text


def test_an_endless_number_in_words_lists_is_a_large_one(read: Read) -> None:
    raw = docx_files.write(docx_files.p(PROSE))
    with zipfile.ZipFile(BytesIO(raw)) as before, zipfile.ZipFile(target := BytesIO(), "w") as after:
        members = {name: before.read(name).decode() for name in before.namelist()}
        lists = members["word/numbering.xml"]
        level = f'<w:lvl w:ilvl="{ENDLESS}"><w:start w:val="{ENDLESS}"/></w:lvl></w:abstractNum>'
        members["word/numbering.xml"] = lists.replace("</w:abstractNum>", level)
        for name, text in members.items():
            after.writestr(name, text)
    (part,) = read(target.getvalue(), "book.docx").parts
    assert PROSE in part.text


def test_files_with_endless_numbers_stay_in_order(read: Read) -> None:
    with zipfile.ZipFile(target := BytesIO(), "w") as archive:
        archive.writestr(f"Chapter {ENDLESS}.txt", PROSE)
        archive.writestr("Chapter Two.txt", PROSE)
    assert [part.name[:11] for part in read(target.getvalue(), "book.zip").parts] == ["Chapter Two", "Chapter 999"]
    assert name_by_story([f"{ENDLESS}.txt", f"{ENDLESS}1.txt", "Two.txt"]) == {}, "two of them have the same place"


def test_a_title_page_without_an_end_is_read_in_one_way(read: Read) -> None:
    text = "Title: The Sea\n" + "      by Ann and others\n" * 60 + PROSE
    (part,) = read(text, "play.fountain").parts
    assert PROSE in part.text


def test_metadata_without_an_end_are_read_in_one_way(read: Read) -> None:
    text = "---\ntitle: The Sea\n" + "  key: value\n" * 60 + f"\n{PROSE}"
    (part,) = read(text, "book.md").parts
    assert PROSE in part.text


@pytest.mark.parametrize("sign", [">", "#", ">a", "a #b", "a ^"])
def test_a_line_of_blanks_behind_a_sign_is_read_in_one_way(read: Read, sign: str) -> None:
    text = f"{PROSE}\n\n{sign}{' ' * 30_000}x#\n"
    (part,) = read(text, "play.fountain").parts
    assert PROSE in part.text


@pytest.mark.parametrize("mark", ["/*", "[["])
def test_marks_that_are_never_closed_are_looked_for_once(read: Read, mark: str) -> None:
    (part,) = read(f"{PROSE}\n\n{mark * 200_000}", "play.fountain").parts
    assert PROSE in part.text


def test_notes_of_scrivener_that_are_never_closed_are_looked_for_once(read: Read) -> None:
    files = project()
    name = next(name for name in files if name.endswith("B/content.rtf"))
    files[name] = rtf(PROSE + r"\{\\Scrv_annot " * 20_000).decode()
    with zipfile.ZipFile(target := BytesIO(), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    assert PROSE in read(target.getvalue(), "Sea.zip").parts[0].text
