import textwrap
from pathlib import Path

from scriptorium.recipe import Chunking
from services.data.chunking.chunk import chunk_text
from services.data.chunking.token_offsets import word_offsets
from services.data.cleaning.clean import clean_book, clean_passage
from services.data.readers import read_manuscript

PLACES = ["river", "mountain", "sea", "valley", "harbour", "forest"]
STANZAS = [
    "\n".join(
        f"{opening} the {place} {ending}"
        for opening, ending in (
            ("I sing of", "and the long roads of the open country in the morning,"),
            ("Beside", "where my fathers rested"),
            ("And nothing of", "was hidden from the eyes of those who watched,"),
            ("O", "of my youth"),
        )
    )
    for place in PLACES
]
PARAGRAPHS = [
    f"{name} went down to the {place}{rest}"
    for name in ("Anna", "The old man")
    for place, rest in zip(
        PLACES,
        (".", " and looked at it for a long while.", " again!", " with the lamp.", ", as always.", "?"),
        strict=True,
    )
]


def paragraphs(text: str) -> list[str]:
    return [paragraph for chapter in clean_book(text) for paragraph in chapter.paragraphs]


def read_paragraphs(path: Path, text: str) -> list[str]:
    path.write_text(text)
    (part,) = read_manuscript(path, path.name).parts
    return part.text.split("\n\n")


def test_poems_keep_their_line_breaks() -> None:
    assert paragraphs("\n\n".join(STANZAS)) == STANZAS


def test_a_line_of_verse_too_long_for_the_page_is_whole_again() -> None:
    lines = "\n\n".join(STANZAS).split("\n")
    assert paragraphs("\n".join(textwrap.fill(line, 68, subsequent_indent="    ") for line in lines)) == STANZAS


def test_single_newlines_separate_paragraphs_that_end_sentences() -> None:
    assert clean_passage("\n".join(PARAGRAPHS)).split("\n\n") == PARAGRAPHS


def test_a_single_newline_of_markdown_is_a_paragraph_if_lines_end_sentences(tmp_path: Path) -> None:
    assert read_paragraphs(tmp_path / "note.md", "\n".join(PARAGRAPHS)) == PARAGRAPHS


def test_wrapped_markdown_is_joined(tmp_path: Path) -> None:
    story = " ".join(PARAGRAPHS)
    assert read_paragraphs(tmp_path / "note.md", textwrap.fill(story, 60)) == [story]


def test_speeches_of_a_script_begin_lines() -> None:
    speeches = [
        "LANE. I did not think it polite to listen to you, sir, while you were playing.",
        "ALGERNON. I am sorry.",
    ]
    typed = "\n".join(textwrap.fill(speech, 50) for speech in speeches)
    assert clean_passage(typed) == "\n".join(speeches)


def test_the_head_of_a_letter_keeps_its_lines() -> None:
    body = " ".join(PARAGRAPHS)
    assert clean_passage(f"Vienna, 3 March\nMy dearest Anna,\n{textwrap.fill(body, 60)}").startswith(
        f"Vienna, 3 March\nMy dearest Anna,\n{body[:60]}"
    )


def test_chinese_lines_are_joined_without_a_space() -> None:
    line = "却说张济樊稠谏曰不可今日若便杀之恐众人不服不如仍旧"
    assert clean_passage("\n".join([line] * 5)) == line * 5


def test_a_poem_is_not_cut_inside_a_line() -> None:
    text = "\n\n".join(STANZAS)
    spans = chunk_text(text, word_offsets(text), Chunking(unit="words", minimum=20, maximum=40))
    assert len(spans) > 1
    assert [line for start, end in spans for line in text[start:end].split("\n") if line] == text.replace(
        "\n\n", "\n"
    ).split("\n")
