import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.trainer.run.loss_curve import Curve


def whole(losses: list[float], begin: int = 1) -> dict[str, float]:
    """Every point of a run, or of what was seen of it from a step on."""
    curve, points = Curve(), {}
    for step, loss in enumerate(losses, start=1):
        if step >= begin:
            points |= curve.add(step, len(losses), loss)
    return points


def test_a_point_is_the_mean_of_its_twentieth() -> None:
    points = whole([float(step) for step in range(1, 41)])
    assert list(points) == [f"curve_loss/{percent}" for percent in range(5, 101, 5)]
    assert (points["curve_loss/5"], points["curve_loss/50"], points["curve_loss/100"]) == (1.5, 19.5, 39.5)


def test_a_point_is_told_only_when_it_is_complete() -> None:
    curve = Curve()
    assert curve.add(1, 40, 3.0) == {}
    assert curve.add(2, 40, 1.0) == {"curve_loss/5": 2.0}


def test_a_short_run_has_fewer_points() -> None:
    assert whole([4.0, 3.0, 2.0]) == {"curve_loss/35": 4.0, "curve_loss/70": 3.0, "curve_loss/100": 2.0}


def test_a_twentieth_that_was_seen_in_part_is_left_out() -> None:
    losses = [float(step) for step in range(1, 61)]
    resumed = whole(losses, begin=5)  # steps 4 to 6 are the second twentieth
    assert "curve_loss/10" not in resumed
    assert resumed == {
        key: value for key, value in whole(losses).items() if key not in ("curve_loss/5", "curve_loss/10")
    }


def test_a_loss_that_is_no_number_is_no_number_in_the_curve() -> None:
    assert math.isnan(whole([1.0, float("nan")])["curve_loss/100"])


@given(st.lists(st.floats(0, 10), min_size=1, max_size=300))
def test_the_points_are_as_many_as_can_be_and_average_to_the_run(losses: list[float]) -> None:
    points = whole(losses)
    assert len(points) == min(20, len(losses))
    if len(losses) % 20 == 0:
        assert math.fsum(points.values()) / 20 == pytest.approx(math.fsum(losses) / len(losses))
