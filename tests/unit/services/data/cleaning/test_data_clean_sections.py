"""Books whose format tells headings from paragraphs."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from services.data.cleaning.clean import clean_sections
from services.data.cleaning.steps import Cleaning

LINE = "The old man went down to the river with his lamp, and looked at the water for a long time."
LONG = [LINE * 10] * 6


@dataclass
class Section:
    heading: str
    level: int = 1
    paragraphs: list[str] = field(default_factory=list)


def steps_of(cleaning: Cleaning) -> dict[str, list[tuple[str, str]]]:
    return {step.name: [(each.place, each.before) for each in step.examples] for step in cleaning.steps()}


def test_headings_make_chapters_and_what_is_around_them_goes() -> None:
    cleaning = Cleaning(source="book.epub")
    chapters = clean_sections(
        [
            Section("The River", 1, ["A. Nobody", "Copyright 1912 by A. Nobody."]),
            Section("Praise for The River", 2, [LINE * 5]),
            Section("Contents", 2, ["The Old Man", "The Lamp"]),
            Section("The Old Man", 2, [LINE, "* * *", *LONG]),
            Section("The Lamp", 2, LONG),
            Section("The Water", 2, ["THE OLD MAN was gone.", *LONG]),
            Section("Acknowledgments", 2, [LINE]),
            Section("About the Author", 2, [LINE]),
        ],
        cleaning,
    )
    assert [chapter.title for chapter in chapters] == ["The Old Man", "The Lamp", "The Water"]
    assert chapters[0].paragraphs == [LINE, *LONG]
    assert chapters[2].paragraphs[0] == "The old man was gone."
    steps = steps_of(cleaning)
    assert [before for _, before in steps["back_matter"]] == ["Acknowledgments", LINE, "About the Author", LINE]
    assert steps["contents"][0] == ("book.epub, paragraph 6", "Contents")
    assert steps["scene_breaks"] == [("book.epub, paragraph 11", "* * *")]
    assert any(before == "A. Nobody" for _, before in steps["front_matter"])


def test_headings_of_scenes_divide_no_chapter() -> None:
    parts = [Section(f"Chapter {number}", 2) for number in range(1, 6)]
    scenes = [[Section("The Scene", 3, LONG[:1]) for _ in range(6)] for _ in parts]
    sections = [Section("The River")] + [
        each for part, held in zip(parts, scenes, strict=True) for each in [part, *held]
    ]
    chapters = clean_sections(sections)
    assert [chapter.title for chapter in chapters] == [f"Chapter {number}: The Scene" for number in range(1, 6)]
    assert all(len(chapter.paragraphs) == 6 for chapter in chapters)


def test_short_chapters_are_chapters() -> None:
    sections = [Section("The River")] + [Section(f"Day {number}", 2, [LINE * 5]) for number in range(8)]
    assert len(clean_sections(sections)) == 8


def test_paragraphs_keep_their_line_breaks_and_look_like_no_headings() -> None:
    song = "A is for Archer\nWho shoots with a bow."
    (chapter,) = clean_sections([Section("Chapter 1", 1, [LINE, "STOP", song, "4", LINE])])
    assert chapter.paragraphs == [LINE, "STOP", song, "4", LINE]


def test_nothing_gives_nothing() -> None:
    assert clean_sections([]) == []
    assert clean_sections([Section("Chapter 1")]) == []


@given(
    st.lists(
        st.builds(
            Section, st.text("aB 1\n", max_size=9), st.integers(1, 3), st.lists(st.text("aB .\n*_\f", min_size=1))
        )
    )
)
def test_no_sections_break_cleaning(sections: list[Section]) -> None:
    cleaning = Cleaning()
    for chapter in clean_sections(sections, cleaning):
        assert chapter.words
    cleaning.steps()
