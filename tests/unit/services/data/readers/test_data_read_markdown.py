"""Markdown: a story that looks like markup is kept, and what is left out is counted."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.data.readers import Manuscript

Read = Callable[[bytes | str, str], Manuscript]

STORY = "He went home by the river, and nobody saw him on the bridge.\n\nThe lamps were lit."
CODE = "def main():\n    x = 1\n    return print(x)\n"


def read_text(read: Read, text: str) -> str:
    (part,) = read(text, "book.md").parts
    return part.text


def read_left_out(read: Read, text: str) -> str:
    return " ".join(finding.message for finding in read(text, "book.md").findings)


@pytest.mark.parametrize(
    "text",
    [
        f"One.\n\n~~~\n\n{STORY}\n\n~~~\n\nTwo.",
        f"One.\n\n~~~\n{STORY}",
        f"One.\n\n~~~ Three years later ~~~\n\n{STORY}",
        f"One.\n\n```text\n{STORY}\n```\n\nTwo.",
        f"One.\n\n```\nThe sun was low;\nAnna: Yes\nThe moon was high;\n\n{STORY}\n```",
        f"One.\n\n~~~~\n{STORY}\n~~~~\n\n~~~~\nMore of it.\n~~~~",
    ],
)
def test_a_fence_around_a_story_is_a_scene_break(read: Read, text: str) -> None:
    result = read_text(read, text)
    assert all(paragraph in result for paragraph in STORY.split("\n\n"))
    assert "* * *" in result and "~" not in result
    assert ("Three years later" in text) == ("Three years later" in result)


@pytest.mark.parametrize("fence", ["~~~", "```", "```python", "~~~ python"])
def test_code_is_left_out_with_its_words(read: Read, fence: str) -> None:
    text = f"One.\n\n{fence}\n{CODE}{fence[:3]}\n\nTwo."
    assert read_text(read, text) == "One.\n\nTwo."
    assert "1 code blocks (7 words)" in read_left_out(read, text)


@pytest.mark.parametrize("line", ["He left.", "»Halt!«", "“Who goes there?”", "He said:", "彼は去った。"])
def test_a_sentence_above_a_rule_ends_its_scene(read: Read, line: str) -> None:
    assert (
        read_text(read, f"One.\n\n{line}\n---\nThen he came back.") == f"One.\n\n{line}\n\n* * *\n\nThen he came back."
    )


@pytest.mark.parametrize("title", ["The River\n---", "The River\n===", "Who Was He?\n-----------", "Chapter 1.\n---"])
def test_a_title_above_a_rule_is_a_heading(read: Read, title: str) -> None:
    (part,) = read(f"{title}\n\nOne.\n\nThe Sea\n===\n\nTwo.", "book.md").parts
    assert [section.heading for section in part.sections] == [title.partition("\n")[0], "The Sea"]


def test_prose_in_a_table_is_kept_and_data_is_counted(read: Read) -> None:
    prose = "| | |\n|---|---|\n| He said that he would come home. | She did not believe a word of it. |"
    data = "| item | price |\n|---|---|\n| a lamp | 2 d. |\n| rope | 11 |"
    text = f"One.\n\n{prose}\n\n{data}\n\nTwo."
    result = read_text(read, text)
    assert "He said that he would come home.\n\nShe did not believe a word of it." in result
    assert "lamp" not in result and "1 tables (8 words)" in read_left_out(read, text)


def test_readings_and_deleted_words_are_left_out_of_a_line(read: Read) -> None:
    text = (
        "私は<ruby>漢字<rp>(</rp><rt>かんじ</rt><rp>)</rp></ruby>を読む。\n\nHe <del>ran fast</del> <s>walked</s> home."
    )
    assert read_text(read, text) == "私は漢字を読む。\n\nHe walked home."
    assert "1 deleted pieces (2 words), 1 readings" in read_left_out(read, text)


def test_words_in_angle_brackets_are_speech(read: Read) -> None:
    assert read_text(read, "He thought: <Are you there> and waited.\n\n<I am here>") == (
        "He thought: <Are you there> and waited.\n\n<I am here>"
    )


def test_text_behind_a_comment_is_kept(read: Read) -> None:
    text = "<!-- look this up --> He went home.\n\nShe <!-- who? -->left."
    assert read_text(read, text) == "He went home.\n\nShe left."
    assert "2 comments" in read_left_out(read, text)


def test_speech_behind_a_name_in_brackets_is_no_link(read: Read) -> None:
    text = "[Anna]: Hello\n\n[Tom]: Yes\n\nSee [this][1].\n\n[1]: https://example.org/x"
    assert read_text(read, text) == "[Anna]: Hello\n\n[Tom]: Yes\n\nSee this."


def test_a_story_may_begin_with_a_rule(read: Read) -> None:
    assert "He went home." in read_text(read, "---\n\nHe went home.\n\n---\n\nShe stayed.")
    assert read_text(read, "---\ntitle: The Sea\ntags:\n  - a\n---\nHe went home.") == "He went home."


SHAPES: list[Callable[[str], str]] = [
    lambda text: f"~~~\n{text}\n~~~",
    lambda text: f"~~~\n{text}",
    lambda text: f"{text}\n---",
    lambda text: f"{text}\n===",
    lambda text: f"| a | b |\n|---|---|\n| {text} | {text[:0]} |",
    lambda text: f"> {text}",
    lambda text: f"- {text}\n- *{text[:0]}*",
    lambda text: f"    {text}",
    lambda text: f"<div>{text}</div>",
    lambda text: f"He <del>{text}</del>",
    lambda text: f"<!-- {text} -->",
    lambda text: f"<!-- -->{text}",
    lambda text: f"## {text}",
    lambda text: f"[^1]: {text}",
    lambda text: text,
]


@given(seed=st.integers(0, 2**16), shapes=st.lists(st.sampled_from(SHAPES), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_every_word_comes_out_or_is_counted(
    read: Read, words_left_out: Callable[[Manuscript], int], seed: int, shapes: list[Callable[[str], str]]
) -> None:
    generator = random.Random(seed)  # noqa: S311  # no secret
    texts = [
        f"W{number}x " + " ".join(f"w{number}y{index}" for index in range(generator.randrange(1, 60))) + "."
        for number in range(len(shapes))
    ]
    manuscript = read(
        "Start.\n\n" + "\n\n".join(shape(text) for shape, text in zip(shapes, texts, strict=True)), "a.md"
    )
    lost = set(" ".join(texts).split()) - set(manuscript.parts[0].text.replace("\n", " ").split())
    assert len(lost) <= words_left_out(manuscript)
