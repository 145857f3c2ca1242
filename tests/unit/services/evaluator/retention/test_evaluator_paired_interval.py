"""The bound: against its closed forms, a search for the likeliest values, another program, and simulated worlds."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scriptorium.stats.paired_proportions import NORMAL, likeliest_only_base, lower_bound, score_statistic
from services.evaluator.retention.paired_interval import estimate_change
from services.evaluator.retention.power import (
    DISCORDANT_SHARE,
    MIN_INSTRUCTIONS,
    POWER,
    count_needed,
    detection_power,
    margin,
)

Z = NORMAL.inv_cdf(0.95)


@st.composite
def tables(draw):
    number = draw(st.integers(1, 400))
    gained = draw(st.integers(0, number))
    return gained, draw(st.integers(0, number - gained)), number


def test_another_program_finds_the_same():
    """R's PropCIs 0.3-0, scoreci.mp(25, 28, 618, 0.90): -0.0148 to 0.0247."""
    change = estimate_change(28, 25, 618)
    assert (change.low_points, change.high_points) == pytest.approx((-1.48, 2.47), abs=0.005)


@given(st.integers(1, 1000))
def test_where_nothing_changed_the_bound_is_still_below_zero(number):
    assert lower_bound(0, 0, number) == pytest.approx(-(Z**2) / (number + Z**2), abs=1e-9)


@given(st.integers(1, 400), st.integers(0, 400))
def test_without_gains_it_is_wilsons_interval(number, lost):
    assume(lost <= number)
    share = lost / number
    middle = share + Z**2 / (2 * number)
    spread = Z * math.sqrt(share * (1 - share) / number + Z**2 / (4 * number**2))
    assert lower_bound(0, lost, number) == pytest.approx(-(middle + spread) / (1 + Z**2 / number), abs=1e-9)


@given(tables())
def test_the_estimate_lies_between_the_bounds_and_the_bounds_in_range(table):
    change = estimate_change(*table)
    assert -100 - 1e-9 <= change.low_points <= change.points + 1e-9
    assert change.points - 1e-9 <= change.high_points <= 100 + 1e-9


@given(tables())
def test_swapping_the_models_mirrors_the_change(table):
    gained, lost, number = table
    one, other = estimate_change(gained, lost, number), estimate_change(lost, gained, number)
    assert (one.low_points, one.points) == pytest.approx((-other.high_points, -other.points))


@given(tables())
def test_another_loss_lowers_the_bound_and_another_gain_raises_it(table):
    gained, lost, number = table
    assume(gained + lost < number)
    assert lower_bound(gained, lost + 1, number) < lower_bound(gained, lost, number)
    assert lower_bound(gained + 1, lost, number) > lower_bound(gained, lost, number) - 1e-9


@given(tables())
def test_the_score_at_the_bound_is_the_limit(table):
    gained, lost, number = table
    assume(gained < number and lost < number)
    assert score_statistic(gained, lost, number, lower_bound(gained, lost, number)) == pytest.approx(Z, abs=1e-6)


@pytest.mark.parametrize(("gained", "lost", "number"), [(8, 15, 192), (3, 30, 150), (40, 20, 160), (1, 0, 20)])
@pytest.mark.parametrize("difference", [-0.2, -0.05, 0.01])
def test_the_likeliest_value_is_the_one_that_a_search_finds(gained, lost, number, difference):
    x = np.linspace(max(0, -difference), (1 - difference) / 2, 200_001)[1:-1]
    gain, rest = x + difference, 1 - 2 * x - difference
    with np.errstate(divide="ignore", invalid="ignore"):
        likelihood = gained * np.log(gain) + lost * np.log(x) + (number - gained - lost) * np.log(rest)
    best = x[np.nanargmax(np.where(gain > 0, likelihood, np.nan))]
    assert likeliest_only_base(gained, lost, number, difference) == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize(("only_tuned", "only_base"), [(0.07, 0.07), (0.03, 0.11), (0.01, 0.05), (0.0, 0.02)])
def test_the_bound_lies_below_the_truth_about_as_often_as_it_says(only_tuned, only_base):
    world = np.random.default_rng(5)
    drawn = world.multinomial(192, [only_tuned, only_base, 1 - only_tuned - only_base], size=4000)
    tables, counts = np.unique(drawn[:, :2], axis=0, return_counts=True)
    below = [lower_bound(int(gained), int(lost), 192) <= only_tuned - only_base for gained, lost in tables]
    assert 0.93 <= counts[below].sum() / 4000 <= 0.99


def test_the_loss_to_be_ruled_out_is_that_of_the_plan():
    assert (margin(371), margin(1000)) == (5.0, 5.0)
    assert margin(145) == pytest.approx(8.0, abs=0.01)
    assert margin(192) == pytest.approx(6.95, abs=0.01)


@pytest.mark.parametrize("number", [145, 192, 384])
def test_a_model_that_lost_nothing_passes_as_often_as_planned(number):
    world = np.random.default_rng(7)
    drawn = world.multinomial(number, [DISCORDANT_SHARE / 2, DISCORDANT_SHARE / 2, 1 - DISCORDANT_SHARE], size=2000)
    passed = [100 * lower_bound(int(gained), int(lost), number) > -margin(number) for gained, lost, _ in drawn]
    assert np.mean(passed) == pytest.approx(POWER, abs=0.05)


def test_what_can_be_seen():
    assert count_needed(MIN_INSTRUCTIONS - 1) is None
    for number in (MIN_INSTRUCTIONS, 192, 384):
        needed = count_needed(number)
        assert detection_power(needed, number) >= POWER > detection_power(needed - 1, number)
        assert 0.05 < needed / number < 0.15
    assert detection_power(384, 384) == pytest.approx(1)
