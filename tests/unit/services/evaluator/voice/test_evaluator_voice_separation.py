import numpy as np
import pytest

from services.evaluator.voice.separation import attribute, measure_drift, separate_base, separate_tuned


def test_separation_is_one_for_different_authors_and_a_half_for_equal_ones(make_scores):
    assert separate_base(make_scores(0, noise=0.1)) == 1.0
    chance = np.random.default_rng(0)
    one, equal, different = (chance.normal(center, 1, (48, 20)) for center in (0, 0, 3))
    assert separate_tuned(one, different, 0) > 0.98
    assert 0.3 < separate_tuned(one, equal, 0) < 0.7


def test_drift_is_the_distance_off_the_way_without_the_noise():
    chance = np.random.default_rng(0)
    base, genuine, tuned = (chance.normal(0, 1, (48, 200)) for _ in range(3))
    genuine[:, 0] += 10
    tuned[:, 0] += 6
    assert measure_drift(tuned, base, genuine) == pytest.approx(0, abs=0.15)
    tuned[:, 1] += 5
    assert measure_drift(tuned, base, genuine) == pytest.approx(0.5, abs=0.1)
    assert measure_drift(tuned, base, base) is None


def test_attribution_names_the_right_author():
    chance = np.random.default_rng(0)
    noise = {name: chance.normal(number, 1, (20, 5)) for number, name in enumerate(["a", "b", "c"])}
    authors = {name: rows + 5 * number for number, (name, rows) in enumerate(noise.items())}
    assert attribute(authors, "b", [authors["b"], authors["a"], np.zeros((0, 5))]) == [1.0, 0.0, 0.0]
