import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.data.cleaning.chapters import make_unique
from services.data.cleaning.clean import clean_book, clean_passage, lay_out
from services.data.cleaning.headings import is_labelled, looks_like_title
from services.data.cleaning.markup import Source
from services.data.cleaning.steps import CleaningLog

LINE = "The old man went down to the river with his lamp and looked at the water."
STORY = f"{LINE} He said nothing. {LINE} Nobody answered him. {LINE}"
LICENCE = "You may copy the Project Gutenberg eBook, give it away or use it again under this licence."
LONG_STORY = "\n\n".join([STORY] * 25)


def wrap(text: str) -> str:
    return "\n\n".join(textwrap.fill(paragraph, 60) for paragraph in text.split("\n\n"))


def titles(text: str) -> list[str]:
    return [chapter.title for chapter in clean_book(text)]


def test_wrapped_lines_become_the_paragraphs_they_were() -> None:
    (chapter,) = clean_book(wrap(f"{STORY}\n\n{LINE}"))
    assert chapter.paragraphs == [STORY, LINE]


def test_lines_that_are_paragraphs_stay_separate() -> None:
    (chapter,) = clean_book("\n".join([STORY, LINE, STORY]))
    assert chapter.paragraphs == [STORY, LINE, STORY]


def test_indented_lines_start_paragraphs_if_no_line_is_blank() -> None:
    typed = "\n".join("    " + textwrap.fill(STORY, 60) for _ in range(30))
    (chapter,) = clean_book(typed)
    assert chapter.paragraphs == [STORY] * 30


def test_words_cut_at_the_margin_are_joined() -> None:
    text = (
        "He was a red-faced man of the mountains, and a for-\nester by trade. The forester had an ape-\n"
        "like gait, as he knew well, and his red-\nfaced son had it too. It rained for a long time--\nfor days."
    )
    (chapter,) = clean_book(text)
    assert "a forester by trade" in chapter.paragraphs[0]
    assert "his red-faced son" in chapter.paragraphs[0]
    assert "a long time--for days" in chapter.paragraphs[0]


def test_verse_keeps_its_lines() -> None:
    verse = "A is for Archer\nWho shoots with a bow.\nB is for Boy,\nHis first name is Joe."
    (chapter,) = clean_book(wrap(STORY) + "\n\n" + textwrap.indent(verse, "   ") + "\n\n" + wrap(STORY))
    assert chapter.paragraphs == [STORY, verse, STORY]


@pytest.mark.parametrize(
    ("headings", "expected"),
    [
        (["CHAPTER I", "CHAPTER II"], ["CHAPTER I", "CHAPTER II"]),
        (["Chapter 1: The River", "Chapter 2: The Lamp"], ["Chapter 1: The River", "Chapter 2: The Lamp"]),
        (["CHAPTER ONE\n\nTHE RIVER", "CHAPTER TWO\n\nThe Lamp"], ["CHAPTER ONE: THE RIVER", "CHAPTER TWO: The Lamp"]),
        (["I", "II."], ["I", "II."]),
        (["1", "- 2 -"], ["1", "- 2 -"]),
        (["Prologue", "Part Two"], ["Prologue", "Part Two"]),
        (["# The River", "## The Lamp"], ["The River", "The Lamp"]),
        (["\n\nTHE RIVER", "\n\nTHE LAMP"], ["Chapter 1", "THE LAMP"]),
        (["\n\nI. The River", "\n\nII. The Lamp"], ["I. The River", "II. The Lamp"]),
        (["PART ONE\n\nCHAPTER I", "CHAPTER II"], ["CHAPTER I", "CHAPTER II"]),
        (["1", "1"], ["1", "1 (2)"]),
    ],
)
def test_headings_are_found_and_do_not_train(headings: list[str], expected: list[str]) -> None:

    chapters = list(make_unique(clean_book("\n\n".join(f"{heading}\n\n{wrap(LONG_STORY)}" for heading in headings))))
    assert [chapter.title for chapter in chapters] == expected
    assert [chapter.paragraphs for chapter in chapters] == [[STORY] * 25] * 2


@pytest.mark.parametrize(
    "line", ["Part one of the plan was simple.", "Part way around I found it.", "Book him, he said.", "I am Tarzan"]
)
def test_sentences_are_not_headings(line: str) -> None:
    assert not is_labelled(line)
    assert titles(wrap(f"{STORY}\n\n{line}\n\n{STORY}")) == ["Chapter 1"]


def test_a_heading_on_top_of_its_paragraph_is_found() -> None:
    (chapter,) = clean_book("Prologue\n" + wrap(STORY))
    assert (chapter.title, chapter.paragraphs) == ("Prologue", [STORY])


@pytest.mark.parametrize("mark", ["\f", "\n\xa0\n", "\n\n\n"])
def test_page_breaks_and_wide_gaps_stand_for_lost_headings(mark: str) -> None:
    assert titles(f"\n{mark}\n".join([wrap(LONG_STORY)] * 3)) == ["Chapter 1", "Chapter 2", "Chapter 3"]


def test_pages_and_their_numbers_are_not_chapters() -> None:
    pages = "".join(f"{wrap(STORY)}\n\n{number}\n\f" for number in range(1, 40))
    (chapter,) = clean_book(pages)
    assert chapter.paragraphs == [STORY] * 39


def test_signs_inside_a_chapter_are_not_chapters() -> None:
    text = wrap(f"{LONG_STORY}\n\nA BOY AND A DOG\n\n{LONG_STORY}")
    (chapter,) = clean_book("CHAPTER I\n\n" + text)
    assert "A BOY AND A DOG" in chapter.paragraphs


def test_licence_front_matter_and_contents_are_left_out() -> None:
    text = f"""The Project Gutenberg EBook of The River, by A. Nobody

This eBook is for the use of anyone anywhere at no cost. {LINE}

*** START OF THE PROJECT GUTENBERG EBOOK THE RIVER ***

Produced by volunteers. {LINE}

THE RIVER

By A. Nobody

THE RIVER



Copyright 1912 by A. Nobody. All rights reserved.

CONTENTS

   I  The Old Man
  II  The Lamp
 III  The Water

Chapter IV. What Came of It

[Illustration: The old man at the river.]

THE RIVER

CHAPTER I

THE OLD MAN

{wrap(LONG_STORY)}

       *       *       *       *       *

{LINE}

CHAPTER II

{wrap(STORY)}

THE END

*** END OF THE PROJECT GUTENBERG EBOOK THE RIVER ***

{wrap(" ".join([LICENCE] * 40))}
"""
    first, second = clean_book(text)
    assert (first.title, second.title) == ("CHAPTER I: THE OLD MAN", "CHAPTER II")
    assert first.paragraphs == [STORY] * 25 + [LINE]
    assert second.paragraphs == [STORY]


def test_an_opening_without_heading_is_kept_if_it_is_prose() -> None:
    assert titles(f"The River\n\nA. Nobody\n\n{LONG_STORY}\n\nCHAPTER I\n\n{LONG_STORY}") == ["Chapter 1", "CHAPTER I"]


@pytest.mark.parametrize(
    "opening",
    [
        "By the time we came to the river the lamp was out.",
        "By Jove!",
        "She had transcribed his letters for a year before he asked.",
    ],
)
def test_an_opening_paragraph_that_begins_as_a_notice_does_is_story(opening: str) -> None:
    (chapter,) = clean_book(f"{opening}\n\n{LONG_STORY}")
    assert chapter.paragraphs[0] == opening


@pytest.mark.parametrize("author", ["By A. Nobody", "by the Author of The Lamp", "By Émile de la Tour."])
def test_the_authors_name_above_the_story_is_left_out(author: str) -> None:
    (chapter,) = clean_book(f"The River\n\n{author}\n\n{LONG_STORY}")
    assert author not in chapter.paragraphs


@pytest.mark.parametrize("speech", ["“Fin?”", "“The end!”", "»Fin.«", "«Fin»", "„The End.“", "The end?"])
def test_the_end_that_somebody_speaks_of_is_story(speech: str) -> None:
    (chapter,) = clean_book(f"CHAPTER I\n\n{LONG_STORY}\n\n{speech}\n\n{LONG_STORY}")
    assert speech in chapter.paragraphs


@pytest.mark.parametrize("speech", ["“FIRE!”", "“FIRE”", "Er rief: »Halt!«", "»HALT«", "„RUHE“", "「火事」"])
def test_speech_right_under_a_heading_is_no_title(speech: str) -> None:
    (chapter,) = clean_book(f"CHAPTER I\n\n{speech}\n\n{LONG_STORY}")
    assert chapter.title == "CHAPTER I"
    assert chapter.paragraphs[0] == speech


@pytest.mark.parametrize(
    "paragraph",
    [
        "老人提着灯走到河边。他什么也没有说，没有人回答他！",
        "「灯はどこだ？」と老人は言った。誰も答えなかった。",
        "ชายชราเดินไปที่แม่น้ำพร้อมตะเกียงของเขา เขาไม่ได้พูดอะไร",
        "बूढ़ा आदमी अपना दीपक लेकर नदी की ओर चला गया। उसने कुछ नहीं कहा।",
        "ذهب الرجل العجوز إلى النهر ومعه مصباحه، فمن رآه؟",
        "»Halt!« rief der Alte am Fluss, und niemand antwortete ihm »nein.«",
    ],
)
def test_no_opening_is_lost_whatever_ends_a_sentence(paragraph: str) -> None:
    (chapter,) = clean_book("\n\n".join([*[paragraph] * 80, STORY]))
    assert chapter.paragraphs == [*[paragraph] * 80, STORY]


@pytest.mark.parametrize("end", ["The End", "THE END.", "* * * FIN * * *", "_Finis._", "The End!"])
def test_the_end_of_the_book_is_left_out(end: str) -> None:
    (chapter,) = clean_book(f"CHAPTER I\n\n{LONG_STORY}\n\n{end}")
    assert end not in chapter.paragraphs


def test_markup_and_editors_notes_are_left_out() -> None:
    (chapter,) = clean_book(f"It was _not_ so,[12] he said.[Footnote 1: But it was.] snake_case stays.\n\n{STORY}")
    assert chapter.paragraphs[0] == "It was not so, he said. snake_case stays."


def test_a_curated_passage_is_complete() -> None:
    assert clean_passage(f"CHAPTER I\n\n{wrap(STORY)}\n\n* * *\n\n{LINE}\n") == f"CHAPTER I\n\n{STORY}\n\n{LINE}"


@given(st.text(alphabet=st.sampled_from('aB .\n\t-*#I1\f\xa0"“Ω'), max_size=400))
def test_no_text_breaks_cleaning_or_gains_words(text: str) -> None:
    for chapter in clean_book(text):
        assert chapter.words
        assert all(paragraph.strip() == paragraph for paragraph in chapter.paragraphs)
        assert chapter.words <= len(text.split())


def test_an_empty_layout_has_no_blocks() -> None:
    assert lay_out(Source("\n \n", [1, 2, 3]), CleaningLog()).blocks == []
    assert looks_like_title("The Stage-coach")
    assert not looks_like_title("He said no.")
