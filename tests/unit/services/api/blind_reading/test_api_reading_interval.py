"""Wilson's interval and the exact test, against what others computed and what must hold for any counts."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.blind_reading.tally import binomial_p_value, wilson_interval

COUNTS = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("chosen", "answers", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_that_of_newcombes_table(chosen: int, answers: int, low: float, high: float) -> None:
    assert wilson_interval(chosen, answers) == pytest.approx((low, high), abs=5e-5)  # Newcombe 1998, method 3


@pytest.mark.parametrize(("chosen", "answers", "p"), [(9, 10, 22 / 1024), (5, 10, 1.0), (0, 5, 1 / 16), (6, 12, 1.0)])
def test_the_test_counts_both_tails(chosen: int, answers: int, p: float) -> None:
    assert binomial_p_value(chosen, answers) == pytest.approx(p)


@given(COUNTS)
def test_the_interval_holds_the_share_and_stays_between_never_and_always(counts: tuple[int, int]) -> None:
    chosen, answers = counts
    low, high = wilson_interval(chosen, answers)
    assert 0 <= low <= chosen / answers <= high <= 1
    assert low < high


@given(COUNTS)
def test_base_and_tuned_are_treated_alike(counts: tuple[int, int]) -> None:
    chosen, answers = counts
    low, high = wilson_interval(chosen, answers)
    assert wilson_interval(answers - chosen, answers) == pytest.approx((1 - high, 1 - low))
    assert binomial_p_value(chosen, answers) == binomial_p_value(answers - chosen, answers)
    assert 0 < binomial_p_value(chosen, answers) <= 1


@given(COUNTS, st.integers(2, 5))
def test_more_answers_of_the_same_share_say_more(counts: tuple[int, int], factor: int) -> None:
    chosen, answers = counts
    (low, high), (nearer, closer) = wilson_interval(chosen, answers), wilson_interval(chosen * factor, answers * factor)
    assert closer - nearer < high - low


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    for share in (0.5, 0.6, 0.8):
        covered = [
            math.comb(24, chosen) * share**chosen * (1 - share) ** (24 - chosen)
            for chosen in range(25)
            if wilson_interval(chosen, 24)[0] <= share <= wilson_interval(chosen, 24)[1]
        ]
        assert 0.93 < sum(covered) < 0.985
