"""What stands under a heading is a title only with evidence."""

import pytest

from services.data.cleaning.clean import clean_book

LINE = "The old man went down to the river with his lamp and looked at the water."
STORY = f"{LINE} He said nothing. {LINE} Nobody answered him. {LINE}"
CHAPTER = "\n\n".join([STORY] * 14)
NAMES = ["River", "Lamp", "Boat", "Stone", "Tree", "Road", "House", "Field", "Bridge", "Well"]


def write_book(lines: list[str]) -> str:
    return "\n\n".join(
        f"Chapter {number}\n\n{line}\n\n{CHAPTER}" if line else f"Chapter {number}\n\n{CHAPTER}"
        for number, line in enumerate(lines, start=1)
    )


@pytest.mark.parametrize(
    "opening", ["Vienna, 3 March 1912", "My dearest Anna", "You there?", "“FIRE!”", "Er rief: »Halt!«", "Hey"]
)
@pytest.mark.parametrize("place", [0, 2])
def test_a_line_under_one_heading_is_story(opening: str, place: int) -> None:
    chapters = clean_book(write_book([opening if number == place else "" for number in range(4)]))
    assert [chapter.title for chapter in chapters] == [f"Chapter {number}" for number in range(1, 5)]
    assert chapters[place].paragraphs == [opening, *[STORY] * 14]


@pytest.mark.parametrize("opening", ["My dearest Anna", "Vienna, {} March 1912"])
def test_a_letters_head_in_each_chapter_is_story(opening: str) -> None:
    openings = [opening.format(number) for number in range(1, 5)]
    assert [chapter.paragraphs[0] for chapter in clean_book(write_book(openings))] == openings


@pytest.mark.parametrize("title", ["The {}", "THE {}", "The {}."])
def test_a_line_under_each_heading_is_its_title(title: str) -> None:
    titles = [title.format(name) for name in NAMES]
    chapters = clean_book(write_book(titles))
    assert [chapter.title for chapter in chapters] == [
        f"Chapter {number}: {line}" for number, line in enumerate(titles, start=1)
    ]
    assert all(chapter.paragraphs == [STORY] * 14 for chapter in chapters)


@pytest.mark.parametrize("title", ["THE RIVER", "                 The River"])
def test_a_title_in_capitals_or_centred_needs_no_others(title: str) -> None:
    first, _, _ = clean_book(write_book([title, "", ""]))
    assert first.title == f"Chapter 1: {title.strip()}"


def test_titles_under_spelled_numbers_are_of_one_style() -> None:
    headings = ["Erstes Kapitel", "Zweites Kapitel", "Drittes Kapitel"]
    parts = [part for heading, name in zip(headings, NAMES, strict=False) for part in (heading, f"Der {name}", CHAPTER)]
    chapters = clean_book("\n\n".join(parts))
    assert [chapter.title for chapter in chapters] == [
        f"{heading}: Der {name}" for heading, name in zip(headings, NAMES, strict=False)
    ]


@pytest.mark.parametrize(("count", "titles"), [(4, False), (5, True)])
def test_titles_that_end_as_sentences_need_five_headings(count: int, titles: bool) -> None:
    chapters = clean_book(write_book([f"The {name}." for name in NAMES[:count]]))
    assert all((chapter.paragraphs == [STORY] * 14) == titles for chapter in chapters)
