import numpy as np
import pytest

from services.evaluator.voice.features.chunk import cut_chunks, cut_to
from services.evaluator.voice.features.frequencies import distort, find_frequent
from services.evaluator.voice.features.grammar import ORDER, Grammar
from services.evaluator.voice.features.names import find_names
from services.evaluator.voice.features.words import count_words, plain
from services.evaluator.voice.linear import Classes
from services.evaluator.voice.transfer import place


def test_chunks_hold_every_word_once():
    text = ["one two three.", "four five six seven", "eight nine ten eleven"]
    assert cut_chunks(text, 4) == ["one two three.\n\nfour ", "five six seven\n\neight ", "nine ten eleven"]
    assert [count_words(chunk) for chunk in cut_chunks(text, 5)] == [5, 5]  # one word is no chunk
    assert cut_chunks([], 4) == []
    assert cut_to("one, two; three", 2) == "one, two; "


def test_typography_is_nobodys_style():
    assert plain("“Don’t”—he said…") == plain('"Don\'t" -- he\n said...')


def test_names_titles_and_pronouns_are_no_frequent_words():
    texts = ["When John saw Mr. Dark he ran, John said, to the house of the dark. I saw the house in the dark."] * 3
    assert {"john", "mr"} <= find_names(texts)
    assert not {"the", "when", "dark"} & find_names(texts)
    frequent = find_frequent(texts)
    assert frequent[0] == "the"
    assert not {"john", "mr", "he", "i"} & set(frequent)


def test_distorted_text_shows_how_and_hides_what():
    assert distort("The Queen of 1066 - the cat!", frozenset(["the", "of"])) == "the * of #### - the *!"


def test_probabilities_of_a_grammar_add_up():
    chance = np.random.default_rng(0)
    start = [0] * (ORDER - 1)
    grammar = Grammar([np.array([*start, *chance.integers(1, 6, 200)])], 6)
    for context in ([0, 0, 0], [1, 2, 3], [5, 5, 5]):
        each = [np.exp(grammar.score(np.array([*start, *context, token]))[-1]) for token in range(6)]
        assert sum(each) == pytest.approx(1)


def test_a_grammar_likes_what_it_has_read():
    ids = np.array([0, 0, 0, *([1, 2, 3, 4] * 20)])
    grammar = Grammar([ids], 5)
    assert grammar.score(ids).mean() > grammar.score(np.array([0, 0, 0, *([4, 2, 1, 3] * 20)])).mean() + 1


def test_negatives_are_half_base_half_impostors():
    classes = Classes(["a"] * 5, ["b"] * 7, [["c"] * 2, ["d"] * 4])
    weights = classes.weights / classes.weights.sum()
    assert weights[:5].sum() == pytest.approx(0.5)
    assert weights[5:12].sum() == pytest.approx(0.25)
    assert weights[12:14].sum() == weights[14:].sum() == pytest.approx(0.125)
    assert list(classes.labels) == [1] * 5 + [0] * 13


def test_the_author_is_told_from_everybody(learned, write):
    author, base, other = (learned.scorer.score(write(who, 50, 12)).mean(axis=0) for who in (1, 2, 22))
    assert (author > base).all()
    assert (author > other).all()


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_scores_are_linear_in_the_share_of_the_author(learned, write, share):
    author, base = write(1, 60, 24), write(2, 60, 24)
    pairs = zip(author, base, strict=True)
    mixed = [f"{cut_to(a, round(200 * share))}\n{cut_to(b, round(200 * (1 - share)))}" for a, b in pairs]
    found, low, high = (learned.scorer.score(texts).mean(axis=0) for texts in (mixed, base, author))
    assert np.abs(place(found, low, high) - 100 * share).max() < 12


def test_a_text_without_words_has_no_score(learned):
    assert np.isnan(learned.scorer.score(["", "..."])).all()
