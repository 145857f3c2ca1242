"""The book's own numbering decides before words and shapes do."""

import pytest

from services.data.cleaning.clean import clean_book
from services.data.cleaning.evidence.heading_words import read_value
from services.data.cleaning.evidence.numbering import find_numbering

LINE = "The old man went down to the river with his lamp and looked at the water."
STORY = f"{LINE} He said nothing. {LINE} Nobody answered him. {LINE}"
CHAPTER = "\n\n".join([STORY] * 14)  # of about 750 words


@pytest.mark.parametrize(
    "heading",
    ["Kapitel {}", "Глава {}", "Capitolo {}", "# Chapter {}", "Luku {}", "Fejezet {}.", "{}", "{}.", "\f{}"],
)
def test_numbered_lines_with_a_chapter_between_are_headings(heading: str) -> None:
    book = "\n\n".join(f"{heading.format(number)}\n\n{CHAPTER}" for number in range(1, 13))
    chapters = clean_book(book)
    assert len(chapters) == 12
    assert {paragraph for chapter in chapters for paragraph in chapter.paragraphs} == {STORY}


@pytest.mark.parametrize("gap", ["\n\n", "\n"])
@pytest.mark.parametrize(
    "headings",
    [
        ["一", "二", "三", "四"],
        ["I. Zbloudilí.", "II. Odměna za přístřeší.", "III. Rodinná kronika.", "IV. „Zpívejte nám!“"],
        ["1) River", "2) Lamp", "3) Boat", "4) Stone"],
        ["FÖRSTA KAPITLET.", "ANDRA KAPITLET.", "TREDJE KAPITLET.", "FJÄRDE KAPITLET."],
    ],
)
def test_numbers_of_other_kinds_are_headings_if_they_count_up(headings: list[str], gap: str) -> None:
    parts = [part for heading in headings for part in (heading, *[STORY] * 14)]
    chapters = clean_book(gap.join(parts))
    assert [chapter.title for chapter in chapters] == headings
    assert all(chapter.paragraphs == [STORY] * 14 for chapter in chapters)


def test_a_short_chapter_at_each_page_break_is_a_chapter() -> None:
    book = "\f".join(f"{number}\n\n" + "\n\n".join([STORY] * 4) for number in range(1, 13))
    assert len(clean_book(book)) == 12


@pytest.mark.parametrize("lines", [["42."], ["3.", "2.", "1."], ["10", "9", "8"], ["C."], ["7"]])
def test_a_number_in_no_sequence_is_story(lines: list[str]) -> None:
    story = [*[STORY] * 20, *lines, *[STORY] * 20]
    (chapter,) = clean_book("\n\n".join(["CHAPTER I", *story]))
    assert chapter.paragraphs == story


def test_a_running_head_with_the_pages_number_is_none() -> None:
    torn = f"{LINE} He went on and looked at the"
    pages = [line for number in range(1, 20) for line in (f"River {number}", "", *[torn] * 12, "")]
    assert not find_numbering(pages).headings


def test_a_title_over_several_lines_is_one_heading() -> None:
    title = (
        "Capítulo {}. Donde se cuenta la graciosa manera que tuvo don Quijote\nen armarse caballero, y de otras cosas"
    )
    book = "\n\n".join(f"{title.format(number)}\n\n{CHAPTER}" for number in ["primero", "II", "III", "IV"])
    assert [chapter.paragraphs for chapter in clean_book(book)] == [[STORY] * 14] * 4


@pytest.mark.parametrize(
    ("text", "value"),
    [("XIV", 14), ("42.", 42), ("Dreiundzwanzigstes Kapitel", 23), ("Twenty-One", 21), ("第二十三回", 23), ("制", 0)],
)
def test_a_number_has_its_value(text: str, value: int) -> None:
    assert read_value(text) == value
