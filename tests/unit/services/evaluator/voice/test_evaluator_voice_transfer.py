import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.evaluator.voice.separation import attribute, measure_drift, separate_base, separate_tuned
from services.evaluator.voice.transfer import Scores, fold, measure_other, measure_range, measure_transfer, place


def scores(where: float, seed: int = 0, noise: float = 0.5, prompts: int = 48) -> Scores:
    """The base at 0, the author at 1 of every score, the tuned model at `where`."""
    chance = np.random.default_rng(seed)
    found = [center + noise * chance.normal(size=(prompts, 3)) for center in (1, 0, where)]
    return Scores(*found)


@pytest.mark.parametrize("where", [0.0, 0.3, 0.6, 1.0])
def test_transfer_is_where_the_model_stands(where):
    transfer = measure_transfer(scores(where, noise=0.1), 0)
    assert transfer.raw.value == pytest.approx(100 * where, abs=5)
    assert transfer.raw.low < transfer.raw.lower_bound < transfer.raw.value < transfer.raw.high
    assert transfer == measure_transfer(scores(where, noise=0.1), 0)


def test_too_much_is_folded_and_flagged():
    transfer = measure_transfer(scores(1.4, noise=0.05), 0)
    assert transfer.folded.value == pytest.approx(60, abs=4)
    assert all(part.caricature for part in transfer.scores)
    assert not any(part.caricature for part in measure_transfer(scores(1.0, noise=0.05), 0).scores)


def test_the_bound_holds_in_about_nineteen_of_twenty():
    bounds = [measure_transfer(scores(0.6, seed), seed).raw.lower_bound for seed in range(60)]
    assert np.mean(np.array(bounds) > 60) <= 0.15


@given(st.floats(-300, 300))
def test_folding_never_rewards_more_than_the_author(value):
    folded = float(fold(np.array(value)))
    assert folded <= 100
    assert folded == pytest.approx(value if value <= 100 else 200 - value)


def test_without_a_gap_nothing_is_placed():
    assert place(np.array([3.0]), np.array([1.0]), np.array([1.0])) == pytest.approx(0)


def test_others_and_chapters_are_placed_on_the_same_axis():
    found = scores(0.6, noise=0.1)
    assert measure_other(found.base, found, 0).value == pytest.approx(0, abs=1e-9)
    chapters = measure_range(["one"] * 20 + ["two"] * 28, found)
    assert [count for count, _ in chapters.values()] == [20, 28]
    assert np.average([value for _, value in chapters.values()], weights=[20, 28]) == pytest.approx(100)


def test_separation_is_one_for_strangers_and_a_half_for_twins():
    assert separate_base(scores(0, noise=0.1)) == 1.0
    chance = np.random.default_rng(0)
    one, twin, stranger = (chance.normal(center, 1, (48, 20)) for center in (0, 0, 3))
    assert separate_tuned(one, stranger, 0) > 0.98
    assert 0.3 < separate_tuned(one, twin, 0) < 0.7


def test_drift_is_what_lies_beside_the_way_and_no_noise():
    chance = np.random.default_rng(0)
    base, genuine, tuned = (chance.normal(0, 1, (48, 200)) for _ in range(3))
    genuine[:, 0] += 10
    tuned[:, 0] += 6
    assert measure_drift(tuned, base, genuine) == pytest.approx(0, abs=0.15)
    tuned[:, 1] += 5
    assert measure_drift(tuned, base, genuine) == pytest.approx(0.5, abs=0.1)
    assert measure_drift(tuned, base, base) is None


def test_attribution_names_the_right_hand():
    chance = np.random.default_rng(0)
    hands = {name: chance.normal(place, 1, (20, 5)) for place, name in enumerate(["a", "b", "c"])}
    hands = {name: found + 5 * place for place, (name, found) in enumerate(hands.items())}
    assert attribute(hands, "b", [hands["b"], hands["a"], np.zeros((0, 5))]) == [1.0, 0.0, 0.0]
