import pytest

from bench.cut_chapters import FOLDER, ChapteredNovel, TrueChapter, read_novel
from bench.languages import LanguageOutcome, compare, count_words, list_counted, summarise
from bench.layouts import LAYOUTS, write_lines, write_newlines
from services.data.cleaning.chapters import Chapter

NOVEL = ChapteredNovel(
    "de",
    "Grete",
    "Niemand",
    [
        TrueChapter(["Erstes Kapitel", "Das Nest"], ["Ein Nest im Garten.", "Zwei Junge darin."]),
        TrueChapter(["Zweites Kapitel"], ["Der Abend kam."]),
    ],
)


def chapter(title: str, *paragraphs: str) -> Chapter:
    return Chapter(title, list(paragraphs))


def test_chapters_that_come_out_as_they_are_have_lost_nothing() -> None:
    result = [
        chapter("Erstes Kapitel: Das Nest", "Ein Nest im Garten.", "Zwei Junge darin."),
        chapter("Zweites Kapitel", "Der Abend kam."),
    ]
    comparison = compare(NOVEL, result)
    assert (comparison.lost.total(), comparison.gained.total(), comparison.chapters_right, comparison.places) == (
        0,
        0,
        2,
        [],
    )


def test_a_lost_word_is_counted_with_its_place() -> None:
    comparison = compare(
        NOVEL, [chapter("Erstes Kapitel: Das Nest", "Ein Nest im Garten.", "Zwei darin. Der Abend kam.")]
    )
    assert comparison.lost == {"junge": 1}
    assert comparison.places == ["chapter 1, paragraph 2: Zwei Junge darin."]
    assert comparison.chapters_right == 0


def test_a_heading_that_would_train_makes_its_chapter_wrong() -> None:
    result = [
        chapter("Erstes Kapitel", "Das Nest", "Ein Nest im Garten.", "Zwei Junge darin."),
        chapter("Zweites Kapitel", "Der Abend kam."),
    ]
    comparison = compare(NOVEL, result)
    assert comparison.gained == {"das": 1, "nest": 1}
    assert comparison.chapters_right == 1


def test_the_number_of_a_repeated_title_is_not_part_of_it() -> None:
    assert compare(NOVEL, [chapter("Zweites Kapitel (2)", "Der Abend kam.")]).chapters_right == 1


def test_letters_are_counted_where_no_spaces_part_words() -> None:
    assert list_counted("Die Tür, 塔立在。") == ["die", "tür", "塔", "立", "在"]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("language", ["de", "zh"])
def test_a_layout_writes_every_word_of_the_story(layout: str, language: str) -> None:
    novel = read_novel(FOLDER / f"{language}.json.xz")
    story = count_words(text for part in novel.chapters for text in part.paragraphs)
    assert not story - count_words([LAYOUTS[layout](novel)])


def test_layouts_differ_in_the_lines_between_paragraphs() -> None:
    assert "Ein Nest im Garten.\n\nZwei Junge" in write_lines(NOVEL)
    assert "Ein Nest im Garten.\nZwei Junge" in write_newlines(NOVEL)


def test_the_last_line_sums_up() -> None:
    outcome = LanguageOutcome("de", "lines.txt", 10, 2, 0, 2, 1, ["a", "b"], [], passages=500, findings=["x"])
    assert summarise([outcome, outcome]) == (
        "languages: tried=2 words_lost=4 chapters_right=2/4 false_findings_per_1000=2.0 rows_too_long=0"
    )
