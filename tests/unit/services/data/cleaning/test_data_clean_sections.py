"""Books whose format marks headings."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from services.data.cleaning.clean import clean_sections
from services.data.cleaning.steps import CleaningLog

LINE = "The old man went down to the river with his lamp, and looked at the water for a long time."
LONG_PARAGRAPHS = [LINE * 10] * 6


@dataclass
class SectionStub:
    heading: str
    level: int = 1
    paragraphs: list[str] = field(default_factory=list)


def steps_of(log: CleaningLog) -> dict[str, list[tuple[str, str]]]:
    return {step.name: [(change.place, change.before) for change in step.examples] for step in log.steps()}


def test_headings_make_chapters_and_matter_around_them_is_left_out() -> None:
    log = CleaningLog(source="book.epub")
    chapters = clean_sections(
        [
            SectionStub("The River", 1, ["A. Nobody", "Copyright 1912 by A. Nobody."]),
            SectionStub("Praise for The River", 2, [LINE * 5]),
            SectionStub("Contents", 2, ["The Old Man", "The Lamp"]),
            SectionStub("The Old Man", 2, [LINE, "* * *", *LONG_PARAGRAPHS]),
            SectionStub("The Lamp", 2, LONG_PARAGRAPHS),
            SectionStub("The Water", 2, ["THE OLD MAN was gone.", *LONG_PARAGRAPHS]),
            SectionStub("Acknowledgments", 2, [LINE]),
            SectionStub("About the Author", 2, [LINE]),
        ],
        log,
    )
    assert [chapter.title for chapter in chapters] == ["The Old Man", "The Lamp", "The Water"]
    assert chapters[0].paragraphs == [LINE, *LONG_PARAGRAPHS]
    assert chapters[2].paragraphs[0] == "The old man was gone."
    steps = steps_of(log)
    assert [before for _, before in steps["back_matter"]] == ["Acknowledgments", LINE, "About the Author", LINE]
    assert steps["contents"][0] == ("book.epub, paragraph 6", "Contents")
    assert steps["scene_breaks"] == [("book.epub, paragraph 11", "* * *")]
    assert any(before == "A. Nobody" for _, before in steps["front_matter"])


def test_headings_of_scenes_do_not_divide_chapters() -> None:
    parts = [SectionStub(f"Chapter {number}", 2) for number in range(1, 6)]
    scenes = [[SectionStub("The Scene", 3, LONG_PARAGRAPHS[:1]) for _ in range(6)] for _ in parts]
    sections = [SectionStub("The River")] + [
        section for part, subsections in zip(parts, scenes, strict=True) for section in [part, *subsections]
    ]
    chapters = clean_sections(sections)
    assert [chapter.title for chapter in chapters] == [f"Chapter {number}: The Scene" for number in range(1, 6)]
    assert all(len(chapter.paragraphs) == 6 for chapter in chapters)


def test_short_chapters_are_chapters() -> None:
    sections = [SectionStub("The River")] + [SectionStub(f"Day {number}", 2, [LINE * 5]) for number in range(8)]
    assert len(clean_sections(sections)) == 8


def test_paragraphs_keep_their_line_breaks_and_are_not_headings() -> None:
    song = "A is for Archer\nWho shoots with a bow."
    (chapter,) = clean_sections([SectionStub("Chapter 1", 1, [LINE, "STOP", song, "4", LINE])])
    assert chapter.paragraphs == [LINE, "STOP", song, "4", LINE]


def test_no_text_gives_no_chapters() -> None:
    assert clean_sections([]) == []
    assert clean_sections([SectionStub("Chapter 1")]) == []


@given(
    st.lists(
        st.builds(
            SectionStub, st.text("aB 1\n", max_size=9), st.integers(1, 3), st.lists(st.text("aB .\n*_\f", min_size=1))
        )
    )
)
def test_no_sections_break_cleaning(sections: list[SectionStub]) -> None:
    log = CleaningLog()
    for chapter in clean_sections(sections, log):
        assert chapter.words
    log.steps()
