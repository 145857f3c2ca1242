"""Headings in every language: a word beside a number, a named section, the end, and what stands around a story."""

import pytest

from scriptorium.text.languages.language import list_codes, read_language
from services.data.cleaning.clean import clean_book
from services.data.cleaning.evidence.heading_words import matter, story_end
from services.data.cleaning.headings import is_labelled

FIRST_CLASS = ["en", "de", "fr", "es", "pt", "it", "pl", "ru", "sv", "nl", "cs", "zh", "ja", "ko"]
GERMAN = "Der alte Mann ging mit der Lampe zum Fluss und sah in das Wasser, und es war schon Nacht."


@pytest.mark.parametrize(
    "heading",
    [
        "CHAP. I.",
        "STAVE ONE",
        "Chapter the Last",
        "Chapitre deux",
        "Première partie",
        "CHAPITRE XXI. Le départ",
        "Capítulo primero",
        "Capítulo II. Que trata de la salida",
        "Primera parte",
        "Capítulo Décimo",
        "Capitolo 1",
        "Parte prima",
        "Rozdział pierwszy",
        "Część druga",
        "Глава первая",
        "Глава 1",
        "Часть вторая",
        "Глава двадцать первая",
        "Kapitel 1",
        "Erstes Kapitel",
        "Dreiundzwanzigstes Kapitel",
        "Första kapitlet",
        "Hoofdstuk een",
        "Eerste deel",
        "Kapitola první",
        "První kapitola",
        "第一回 宴桃园豪杰三结义 斩黄巾英雄首立功",
        "第一百二十回",
        "第12章　出発",
        "第三話",
        "제1장",
        "제 12 장 강가에서",
        "Épilogue",
        "Nachwort",
        "Пролог",
        "エピローグ",
    ],
)
def test_a_heading_is_known_by_its_words_in_any_language(heading: str) -> None:
    assert is_labelled(heading)


@pytest.mark.parametrize(
    "line",
    ["Del I can say nothing.", "第一章的内容他没有读完。", "Часть первая была короткой.", "Teil eins war lang."],
)
def test_a_sentence_with_such_words_is_no_heading(line: str) -> None:
    assert not is_labelled(line)


def test_every_first_class_language_has_words_of_headings() -> None:
    assert set(FIRST_CLASS) <= set(list_codes())
    for code in FIRST_CLASS:
        words = read_language(code).headings
        assert (words.chapter and words.numbers) or (words.prefix and words.counters)
        assert words.opening and words.closing and words.story_end and words.contents and words.matter and words.notice


@pytest.mark.parametrize(
    ("code", "end"), [("de", "Ende"), ("fr", "FIN"), ("ru", "Конец."), ("it", "Fine"), ("zh", "完")]
)
def test_the_end_and_matter_count_in_a_book_of_their_language(code: str, end: str) -> None:
    assert story_end(code).match(end)
    assert story_end("en").match("The End")
    assert not story_end("en").match("Fine.")
    assert not story_end("en").match("Slut!")
    assert matter(code).match("Acknowledgments")
    assert matter("de").match("Danksagung")


def test_a_german_book_ends_with_its_end() -> None:
    book = "\n\n".join(
        ["Erstes Kapitel", *[GERMAN] * 90, "Zweites Kapitel", *[GERMAN] * 90, "Ende", "Danksagung", "Dank."]
    )
    assert [chapter.title for chapter in clean_book(book)] == ["Erstes Kapitel", "Zweites Kapitel"]
    assert all(set(chapter.paragraphs) == {GERMAN} for chapter in clean_book(book))


def test_fine_is_story_in_an_english_book() -> None:
    story = ["The old man went down to the river with his lamp and looked at the water.", "Fine.", "Tack!"]
    (chapter,) = clean_book("\n\n".join(story * 30))
    assert chapter.paragraphs == story * 30
