"""The choice: never a trial that loses instructions while another keeps them; ties go to the strength nearest 1."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.contracts import TrialScore
from services.evaluator.calibration.choose import NOT_ASKED, balance, choose, strongest
from services.evaluator.calibration.picture import draw_calibration, render_calibration


def make_score(strength: float = 1.0, transfer: float | None = 70.0, **changes: Any) -> TrialScore:
    ends = {} if transfer is None else {"low": transfer - 10, "high": transfer + 10}
    asked = {"asked": 96, "base_followed": 36, "followed": 35, "low_points": -4.0, "kept": True}
    return TrialScore(
        **{"step": 240, "strength": strength, "temperature": 0.9, "transfer": transfer, **ends, **asked, **changes}
    )


LOST = {"followed": 10, "low_points": -30.0, "kept": False}


@st.composite
def scores(draw: st.DrawFn) -> list[TrialScore]:
    trials = st.builds(
        make_score,
        strength=st.sampled_from([0.4, 0.5, 0.75, 1.0, 1.25]),
        transfer=st.floats(-50, 100),
        step=st.sampled_from([80, 160, 240]),
        low_points=st.floats(-50, 10),
        kept=st.booleans(),
    )
    return draw(st.lists(trials, min_size=1, max_size=8))


@given(scores())
def test_what_keeps_the_instructions_goes_before_what_has_more_voice(trials: list[TrialScore]) -> None:
    chosen = balance(trials).score
    assert chosen in trials
    keeping = [score for score in trials if score.kept]
    if keeping:
        assert chosen.kept
        best = max(score.transfer for score in keeping)
        assert chosen.transfer >= best - 20 / (2 * 1.96) - 1e-9
    else:
        best = max(score.low_points for score in trials)
        assert chosen.low_points >= best - 100 / chosen.asked
        assert all(chosen.strength <= score.strength for score in trials if score.low_points == best)


@given(scores(), st.randoms())
def test_the_order_of_the_trials_does_not_count(trials: list[TrialScore], chance: Any) -> None:
    one, other = strongest(trials), strongest(chance.sample(trials, len(trials)))
    assert (abs(one.strength - 1), one.transfer) == (abs(other.strength - 1), other.transfer)


def test_within_a_standard_error_the_strength_nearest_to_one_is_chosen() -> None:
    half, whole, more = make_score(0.5, 74), make_score(1.0, 70), make_score(1.25, 60)
    assert strongest([half, whole, more]) is whole
    assert strongest([half, make_score(1.0, 68), more]) is half


def test_the_strongest_that_keeps_them_is_explained() -> None:
    choice = choose([make_score(0.75, 63), make_score(1.0, 84, **LOST)], "balance", None, None)
    assert choice.score.strength == 0.75
    assert choice.reason == (
        "Checkpoint 240 at strength 0.75 has the most voice. Written at temperature 0.90, T 63 (53 to 73) on chapters "
        "kept for choosing, 35 of 96 instructions (base 36; change surely above −4.0 points)."
    )


def test_if_none_keeps_them_the_one_that_loses_least_is_chosen() -> None:
    choice = balance([make_score(1.0, 84, **LOST), make_score(0.5, 60, **{**LOST, "low_points": -12.0})])
    assert choice.score.strength == 0.5
    assert choice.reason.startswith("No trial rules out a loss of 8 points")


def test_of_trials_that_one_instruction_tells_apart_the_lowest_strength_loses_least() -> None:
    whole = make_score(1.0, 90, **{**LOST, "low_points": -12.0})
    less = make_score(0.75, 78, **{**LOST, "low_points": -13.0})
    least = make_score(0.5, 60, **{**LOST, "low_points": -13.1})
    assert balance([whole, less, least]).score is less
    assert "of those that lose least Checkpoint 240 at strength 0.75 is nearest to the base" in balance([less]).reason


def test_without_instructions_or_with_a_weak_base_the_reason_says_so() -> None:
    assert balance([make_score(asked=0, low_points=None, kept=False)]).reason.endswith(NOT_ASKED)
    assert "follows only 3 of 96" in balance([make_score(base_followed=3, followed=3)]).reason


def test_without_t_the_selectivity_decides() -> None:
    low, high = make_score(1.0, None, selectivity=0.1), make_score(0.5, None, selectivity=0.2)
    assert strongest([low, high]) is high


@pytest.mark.parametrize(
    ("checkpoint", "strength", "expected"),
    [
        (None, None, (240, 1.0)),
        (80, None, (80, 1.0)),
        (None, 0.6, (240, 0.5)),
        (80, 0.5, (80, 1.0)),
        (7, 2, (240, 1.0)),
    ],
)
def test_other_selections_take_the_trial_nearest_to_what_is_merged(checkpoint, strength, expected) -> None:
    tried = [make_score(0.5), make_score(1.0), make_score(1.0, step=80), make_score(1.0, step=160)]
    score = choose(tried, "loss", checkpoint, strength).score
    assert (score.step, score.strength) == expected


def test_the_picture_has_a_point_for_each_trial_and_marks_the_chosen_one() -> None:
    scores = [make_score(0.5, 60, chosen=True), make_score(1.0, 84, **LOST)]
    plot = draw_calibration(scores)
    assert plot is not None
    kept, lost = plot.points
    assert (kept.kind, lost.kind) == ("tuned", "other")
    assert lost.x < plot.limit.at < kept.x
    assert lost.y < kept.y  # more voice is higher up
    assert lost.high < lost.y < lost.low
    picture = render_calibration(plot)
    assert picture.startswith("<svg xmlns=")
    assert "Checkpoint 240 at strength 0.5: T 60, 35 of 96 instructions followed, chosen." in picture


def test_without_both_numbers_there_is_no_picture() -> None:
    assert draw_calibration([make_score(transfer=None), make_score(low_points=None)]) is None
