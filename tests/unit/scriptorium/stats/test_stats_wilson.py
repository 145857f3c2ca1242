"""The Wilson interval against published values and its definition."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.stats.wilson import Z_95, wilson_interval


@pytest.mark.parametrize(
    ("count", "number", "low", "high"),
    # Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine 17 (1998), table I
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_published_values(count, number, low, high):
    assert wilson_interval(count, number) == pytest.approx((low, high), abs=5e-5)


def test_nothing_counted_says_nothing():
    assert wilson_interval(0, 0) == (0.0, 1.0)


@given(st.integers(1, 500).flatmap(lambda number: st.tuples(st.integers(0, number), st.just(number))))
def test_the_ends_are_the_shares_that_a_score_test_just_allows(counts):
    count, number = counts
    share = count / number
    low, high = wilson_interval(count, number)
    assert 0 <= low <= share <= high <= 1
    for end in {low, high} - {0.0, 1.0}:
        assert abs(share - end) == pytest.approx(Z_95 * math.sqrt(end * (1 - end) / number))
