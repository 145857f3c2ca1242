"""The search for a temperature, on curves whose solution is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.trainer.inside_axolotl.writing.temperature import (
    HIGHEST,
    LOWEST,
    MEASUREMENTS,
    find_temperature,
    next_temperature,
)


@given(
    wanted=st.floats(LOWEST, HIGHEST), slope=st.floats(1.0, 10.0), bend=st.floats(0.0, 6.0), level=st.floats(1.0, 6.0)
)
def test_a_rising_curve_is_solved_in_four_measurements(wanted: float, slope: float, bend: float, level: float) -> None:
    def loss(temperature: float) -> float:
        return level + slope * (temperature - 0.7) + bend * (temperature - 0.7) ** 2

    temperature, curve = find_temperature(loss, loss(wanted))
    assert temperature == pytest.approx(wanted, abs=0.021)  # 0.02 nats are 0.02 at a slope of 1
    assert 1 <= len(curve) <= MEASUREMENTS
    assert all(curve[point] == loss(point) for point in curve)


@given(st.lists(st.floats(0.1, 12.0), min_size=MEASUREMENTS, max_size=MEASUREMENTS), st.floats(0.1, 12.0))
def test_whatever_is_measured_the_temperature_is_within_its_limits(losses: list[float], target: float) -> None:
    left = iter(losses)
    temperature, curve = find_temperature(lambda _: next(left), target)
    assert all(LOWEST <= point <= HIGHEST for point in (temperature, *curve))
    assert temperature == round(temperature, 2)


def test_a_target_out_of_reach_gets_the_nearest_limit() -> None:
    assert find_temperature(lambda temperature: 2 + temperature, 9.0)[0] == HIGHEST
    assert find_temperature(lambda temperature: 2 + temperature, 0.5)[0] == LOWEST


def test_a_match_at_once_needs_no_second_measurement() -> None:
    assert find_temperature(lambda _: 3.86, 3.87) == (1.0, {1.0: 3.86})


def test_measurements_around_the_target_are_interpolated() -> None:
    assert next_temperature({1.0: 4.43, 0.88: 3.8, 1.12: 5.2}, 3.86) == 0.89
    assert next_temperature({1.0: 4.43}, 3.86) == 0.88
    assert next_temperature({1.0: 3.0}, 3.86) == 1.12


def test_noise_against_the_slope_goes_on_in_the_targets_direction() -> None:
    assert next_temperature({1.0: 4.4, 0.88: 4.5}, 3.86) == 0.76
    assert next_temperature({1.0: 3.4, 1.12: 3.3}, 3.86) == 1.2
