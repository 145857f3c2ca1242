import numpy as np
import pytest

from scriptorium.text.languages.language import ENGLISH
from services.evaluator.voice.log_odds import mine_words
from services.evaluator.voice.markers import compare_marker, compare_markers


def test_words_of_the_author_are_mined_and_names_are_not():
    author = ["he went upon the hill and John, upon a horse, saw John there"] * 20
    others = ["he went on the hill and Paul, on a horse, saw Paul there"] * 20
    mined = mine_words(author, others, ENGLISH)
    assert mined["upon"] > 3
    assert mined["on"] < -3
    assert not {"john", "paul", "went"} & set(mined)


def test_a_word_of_a_single_chunk_is_no_habit():
    author = ["the sea " * 200, *["the hill was over there"] * 20]
    assert "sea" not in mine_words(author, ["the hill was over there"] * 20, ENGLISH)


def test_a_gap_is_recovered_in_part_in_full_or_too_far():
    chance = np.random.default_rng(0)
    author, base = chance.normal(10, 1, 48), chance.normal(4, 1, 48)
    for mean, present, overshoot in ((4, False, False), (7.5, True, False), (10, True, False), (14, False, True)):
        marker = compare_marker("x", "%", None, (author, base, chance.normal(mean, 1, 48)), 0)
        assert (marker.present, marker.overshoot) == (present, overshoot)
        assert marker.recovered == pytest.approx((mean - 4) / 6, abs=0.1)
        assert not marker.base_present


def test_without_a_gap_nothing_is_recovered():
    same = np.random.default_rng(0).normal(10, 1, (3, 48))
    marker = compare_marker("x", "%", None, (same[0], same[1], same[2] + 9), 0)
    assert (marker.recovered, marker.overshoot, marker.present) == (None, False, False)


def test_the_author_has_their_own_markers(learned, write):
    markers = compare_markers(learned.mined, write(1, 5), write(2, 5), write(1, 6), seed=0, language=ENGLISH)
    assert learned.mined
    assert markers.present > markers.base_present + 0.2
