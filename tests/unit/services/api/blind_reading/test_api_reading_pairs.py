"""The pairs to read, from either form of samples.jsonl, and the genuine passage beside them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.blind_reading.pairs import SLACK_WORDS, TextPair, choose_genuine, read_pairs, shorten
from tests.report_example import make_sample


def make_pair(passage: int, chapter: str = "I", author: str = "Anon", genuine: str | None = None) -> TextPair:
    return TextPair(passage, chapter, author, genuine or f"genuine {passage}", "base", "tuned")


def write_samples(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


ROW = {"index": 3, "chapter": "I", "author": "Anon", "brief": "b", "genuine": "g\u2028g"}
EXPECTED = TextPair(3, "I", "Anon", "g\u2028g", "by base", "by tuned")


def test_a_line_may_have_both_texts(tmp_path: Path) -> None:
    texts = {role: {"text": f"by {role}", "finish_reason": "stop"} for role in ("base", "tuned")}
    assert read_pairs(write_samples(tmp_path / "samples.jsonl", [{**ROW, **texts, "settings": {}}])) == [EXPECTED]


def test_a_line_may_have_one_text_and_only_whole_test_pairs_count(tmp_path: Path) -> None:
    scene = {**ROW, "genuine": "", "chapter": ""}
    lines = [
        make_sample(**scene, role="base", split="scene", text="a new scene"),
        make_sample(**scene, role="tuned", split="scene", text="a new scene, tuned"),
        make_sample(**ROW, role="tuned", text="by tuned"),
        make_sample(**ROW, role="base", split="dev", text="calibration"),
        make_sample(**ROW, role="base", text="by base"),
        make_sample(**ROW, role="prompted", text="asked nicely"),
        make_sample(**{**ROW, "index": 4}, role="base", text="alone"),
    ]
    assert read_pairs(write_samples(tmp_path / "samples.jsonl", [line.model_dump() for line in lines])) == [EXPECTED]


def test_the_genuine_passage_is_of_another_chapter() -> None:
    pairs = [make_pair(number, chapter) for number, chapter in enumerate("AABBCC")]
    for pair in pairs:
        (chosen,) = [other for other in pairs if other.genuine == choose_genuine(pairs, pair)]
        assert chosen.chapter != pair.chapter


def test_each_genuine_passage_is_shown_about_once() -> None:
    pairs = [make_pair(number, str(number)) for number in range(12)]
    assert len({choose_genuine(pairs, pair) for pair in pairs}) == 12


def test_in_a_book_of_one_chapter_it_is_still_another_passage() -> None:
    pairs = [make_pair(1), make_pair(2)]
    assert [choose_genuine(pairs, pair) for pair in pairs] == ["genuine 2", "genuine 1"]


def test_another_authors_passage_is_never_shown() -> None:
    pairs = [make_pair(1, author="Poe"), make_pair(2, chapter="II", author="Lee")]
    assert choose_genuine(pairs, pairs[0]) == "genuine 1"


def test_a_long_passage_is_as_long_as_the_texts() -> None:
    pairs = [make_pair(1), make_pair(2, genuine="\n\nword " * 900)]
    assert len(choose_genuine(pairs, pairs[0]).split()) == 151


@given(st.lists(st.sampled_from(["a", "ab", "b", "aa"]), max_size=80), st.integers(1, 20))
def test_shortening_keeps_the_text_as_it_stands(words: list[str], count: int) -> None:
    text = "\n " + "\n\n".join(words)
    shown = shorten(text, count)
    if len(words) <= count + SLACK_WORDS:
        assert shown == text
    else:
        assert shown.removesuffix(" …").split() == words[:count]
        assert text.startswith(shown.removesuffix(" …"))


def test_an_empty_file_has_nothing(tmp_path: Path) -> None:
    assert read_pairs(write_samples(tmp_path / "samples.jsonl", [])) == []
    with pytest.raises(FileNotFoundError):
        read_pairs(tmp_path / "nowhere.jsonl")
