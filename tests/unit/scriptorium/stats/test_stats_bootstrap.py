"""The bootstrap: rows are drawn whole, the same for the same seed."""

import numpy as np

from scriptorium.stats.bootstrap import ONE_SIDED_95, TWO_SIDED_95, draw_rows, percentile_interval


def test_draws_are_repeatable_and_in_range() -> None:
    draws = draw_rows(7, 5, draws=100)
    assert draws.shape == (100, 5)
    assert (draws == draw_rows(7, 5, draws=100)).all()
    assert set(np.unique(draws)) == set(range(5))
    assert draw_rows(7, 5, draws=3, size=9).shape == (3, 9)


def test_a_generator_goes_on_where_it_stopped() -> None:
    generator = np.random.default_rng(7)
    first, second = draw_rows(generator, 5), draw_rows(generator, 5)
    assert (first == draw_rows(7, 5)).all()
    assert (first != second).any()


def test_the_interval_covers_a_mean_about_as_often_as_it_says() -> None:
    chance = np.random.default_rng(3)
    covered = 0
    for _ in range(200):
        values = chance.normal(10.0, 2.0, size=60)
        low, high = percentile_interval(values[draw_rows(chance, 60, draws=400)].mean(axis=1))
        covered += low <= 10.0 <= high
    assert 0.88 < covered / 200 < 0.99


def test_one_sided_bounds_are_narrower() -> None:
    means = np.linspace(0.0, 100.0, 10_001)
    assert percentile_interval(means, TWO_SIDED_95) == (2.5, 97.5)
    assert percentile_interval(means, ONE_SIDED_95) == (5.0, 95.0)
