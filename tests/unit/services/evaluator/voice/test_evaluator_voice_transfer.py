import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.evaluator.voice.transfer import fold, measure_other, measure_range, measure_transfer, place


@pytest.mark.parametrize("center", [0.0, 0.3, 0.6, 1.0])
def test_transfer_is_the_position_of_the_model(make_scores, center):
    transfer = measure_transfer(make_scores(center, noise=0.1), 0)
    assert transfer.raw.value == pytest.approx(100 * center, abs=5)
    assert transfer.raw.low < transfer.raw.lower_bound < transfer.raw.value < transfer.raw.high
    assert transfer == measure_transfer(make_scores(center, noise=0.1), 0)


def test_too_much_is_folded_and_flagged(make_scores):
    transfer = measure_transfer(make_scores(1.4, noise=0.05), 0)
    assert transfer.folded.value == pytest.approx(60, abs=4)
    assert all(part.caricature for part in transfer.scores)
    assert not any(part.caricature for part in measure_transfer(make_scores(1.0, noise=0.05), 0).scores)


def test_the_bound_is_right_in_about_nineteen_of_twenty(make_scores):
    bounds = [measure_transfer(make_scores(0.6, seed), seed).raw.lower_bound for seed in range(60)]
    assert np.mean(np.array(bounds) > 60) <= 0.15


@given(st.floats(-300, 300))
def test_folding_never_rewards_more_than_the_author(value):
    folded = float(fold(np.array(value)))
    assert folded <= 100
    assert folded == pytest.approx(value if value <= 100 else 200 - value)


def test_without_a_gap_nothing_is_placed():
    assert place(np.array([3.0]), np.array([1.0]), np.array([1.0])) == pytest.approx(0)


def test_others_and_chapters_are_placed_on_the_same_axis(make_scores):
    scores = make_scores(0.6, noise=0.1)
    assert measure_other(scores.base, scores, 0).value == pytest.approx(0, abs=1e-9)
    chapters = measure_range(["one"] * 20 + ["two"] * 28, scores)
    assert [count for count, _ in chapters.values()] == [20, 28]
    assert np.average([value for _, value in chapters.values()], weights=[20, 28]) == pytest.approx(100)
