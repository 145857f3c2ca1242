"""Words, runs of words and sentences."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.text.ngrams import hash_ngrams, number_words
from scriptorium.text.sentences import (
    drop_incomplete,
    split_answer,
    split_plain_sentences,
    split_roughly,
    split_sentences,
)
from scriptorium.text.words import ALPHANUMERIC_WORD, COMPOUND_WORD, count_words, list_words, plain, word_pattern


def test_a_word_is_letters_with_inner_apostrophes() -> None:
    assert list_words("Don’t shout, Anne-Marie; 'tis 1912!") == ["don't", "shout", "anne", "marie", "tis"]
    assert count_words("") == count_words("1912 --") == 0


def test_the_patterns_differ_in_what_joins_letters() -> None:
    text = "Anne-Marie don't 12th"
    assert COMPOUND_WORD.findall(text) == ["Anne-Marie", "don't", "th"]
    assert ALPHANUMERIC_WORD.findall(text) == ["Anne", "Marie", "don", "t", "12th"]
    assert word_pattern("-").findall(text) == ["Anne-Marie", "don", "t", "th"]


def test_plain_text_says_nothing_of_its_typesetter() -> None:
    assert plain("“Yes”—she said…  ‘no’ -- or") == plain("\"Yes\" - she said... 'no'\n- or")


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abcd"), max_size=12))
def test_two_texts_share_hashes_where_they_share_runs(one: list[str], other: list[str]) -> None:
    numbers = number_words()
    texts = [[numbers[word] for word in words] for words in (one, other)]
    first, second = (hash_ngrams(words, 3) for words in texts)
    assert len(first) == max(0, len(one) - 2)
    shared = {(a, b) for a, b in product(range(len(first)), range(len(second))) if one[a : a + 3] == other[b : b + 3]}
    assert {(int(a), int(b)) for a, b in np.argwhere(first[:, None] == second[None, :])} == shared


def test_unknown_words_match_nothing() -> None:
    numbers = number_words()
    known = hash_ngrams([numbers[word] for word in "abc"], 2)
    assert not np.isin(hash_ngrams([0, 1], 2), known).any()


@pytest.mark.parametrize(
    ("paragraph", "sentences"),
    [
        ("Mr. Hale came. He left.", ["Mr. Hale came.", " He left."]),
        ("“Go!” he said. Then rain.", ["“Go!” he said.", " Then rain."]),
        ("他来了。他走了。", ["他来了。", "他走了。"]),
        ("", [""]),
    ],
)
def test_prose_is_split_where_something_new_begins(paragraph: str, sentences: list[str]) -> None:
    assert split_sentences(paragraph) == sentences
    assert "".join(sentences) == paragraph


def test_the_cheaper_cuts() -> None:
    assert split_plain_sentences("He came. “Go!” She went.") == ["He came.", '"Go!', "She went."]
    assert split_roughly("mr. hale came.\nhe left") == ["mr", "hale came", "he left"]
    assert split_answer("One. two! Three") == ["One.", " two!", " Three"]
    assert drop_incomplete("It rained. It") == "It rained."
    assert drop_incomplete("No end") == "No end"
