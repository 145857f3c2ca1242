"""Which tokens of a passage count, and where they are."""

from __future__ import annotations

import pytest

from scriptorium.text.languages.language import ENGLISH
from services.evaluator.second_judge.contexts import Contexts
from services.evaluator.second_judge.passages import list_uncounted, mean_of, put_behind

CONTEXTS = Contexts(author=[2, 3], base=[4, 5], impostor=[6, 7])


def read_counted(tokenizer, text: str, tokens: int = 256) -> list[list[str]]:
    """Return the words that count behind each of the contexts."""
    behind = put_behind(CONTEXTS, text, tokenizer, frozenset({"rain"}), tokens)
    return [[tokenizer.decode([passage.ids[place]]) for place in passage.places] for passage in behind]


def test_names_do_not_count(tokenizer):
    assert read_counted(tokenizer, "It rained all rain night") == [["It", "rained", "all", "night"]] * 3


def test_a_long_passage_is_cut(tokenizer):
    assert read_counted(tokenizer, "It rained all rain night", 4) == [["It", "rained", "all"]] * 3


def test_the_passage_stands_behind_its_context(tokenizer):
    passages = put_behind(CONTEXTS, "It rained", tokenizer, frozenset())
    assert [passage.ids[:2] for passage in passages] == [[2, 3], [4, 5], [6, 7]]
    assert {(passage.start, tuple(passage.places)) for passage in passages} == {(2, (2, 3))}


def test_the_mean_is_of_the_places_that_count():
    assert mean_of([-9.0, -1.0, -2.0, -4.0], [2, 4]) == pytest.approx(-2.5)
    assert mean_of([-9.0], []) == 0


def test_names_and_titles_are_listed():
    texts = ["and then Tarzan spoke to the lady, Tarzan again, then Jane"]
    assert list_uncounted(texts, ENGLISH) >= {"tarzan", "jane", "mrs"}
    assert "spoke" not in list_uncounted(texts, ENGLISH)
