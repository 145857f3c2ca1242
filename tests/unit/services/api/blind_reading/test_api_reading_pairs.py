"""What there is to read, from either form of samples.jsonl, and the genuine passage beside it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.blind_reading.pairs import AIR, Pair, choose_genuine, read_pairs, shorten


def pair(passage: int, chapter: str = "I", author: str = "Anon", genuine: str | None = None) -> Pair:
    return Pair(passage, chapter, author, genuine or f"genuine {passage}", "base", "tuned")


def write(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


ROW = {"index": 3, "chapter": "I", "author": "Anon", "brief": "b", "genuine": "g\u2028g"}
EXPECTED = Pair(3, "I", "Anon", "g\u2028g", "by base", "by tuned")


def test_a_line_may_have_both_texts(tmp_path: Path) -> None:
    texts = {role: {"text": f"by {role}", "finish_reason": "stop"} for role in ("base", "tuned")}
    assert read_pairs(write(tmp_path / "samples.jsonl", [{**ROW, **texts, "settings": {}}])) == [EXPECTED]


def test_a_line_may_have_one_text_and_only_whole_test_pairs_count(tmp_path: Path) -> None:
    lines = [
        {**ROW, "role": "tuned", "split": "test", "text": "by tuned"},
        {**ROW, "role": "base", "split": "dev", "text": "calibration"},
        {**ROW, "role": "base", "split": "test", "text": "by base"},
        {**ROW, "role": "prompted", "split": "test", "text": "asked nicely"},
        {**ROW, "index": 4, "role": "base", "split": "test", "text": "alone"},
    ]
    assert read_pairs(write(tmp_path / "samples.jsonl", lines)) == [EXPECTED]


def test_the_genuine_passage_is_of_another_chapter() -> None:
    pairs = [pair(number, chapter) for number, chapter in enumerate("AABBCC")]
    for own in pairs:
        (chosen,) = [other for other in pairs if other.genuine == choose_genuine(pairs, own)]
        assert chosen.chapter != own.chapter


def test_each_genuine_passage_is_shown_about_once() -> None:
    pairs = [pair(number, str(number)) for number in range(12)]
    assert len({choose_genuine(pairs, own) for own in pairs}) == 12


def test_in_a_book_of_one_chapter_it_is_still_another_passage() -> None:
    pairs = [pair(1), pair(2)]
    assert [choose_genuine(pairs, own) for own in pairs] == ["genuine 2", "genuine 1"]


def test_another_authors_passage_is_never_shown() -> None:
    pairs = [pair(1, author="Poe"), pair(2, chapter="II", author="Lee")]
    assert choose_genuine(pairs, pairs[0]) == "genuine 1"


def test_a_long_passage_is_as_long_as_the_texts() -> None:
    pairs = [pair(1), pair(2, genuine="\n\nword " * 900)]
    assert len(choose_genuine(pairs, pairs[0]).split()) == 151


@given(st.lists(st.sampled_from(["a", "ab", "b", "aa"]), max_size=80), st.integers(1, 20))
def test_shortening_keeps_the_text_as_it_stands(words: list[str], count: int) -> None:
    text = "\n " + "\n\n".join(words)
    shown = shorten(text, count)
    if len(words) <= count + AIR:
        assert shown == text
    else:
        assert shown.removesuffix(" …").split() == words[:count]
        assert text.startswith(shown.removesuffix(" …"))


def test_an_empty_file_has_nothing(tmp_path: Path) -> None:
    assert read_pairs(write(tmp_path / "samples.jsonl", [])) == []
    with pytest.raises(FileNotFoundError):
        read_pairs(tmp_path / "nowhere.jsonl")
