"""What surprises: a failed gate, or a T on the test that lies far below the same trial's on dev."""

import pytest

from scriptorium.contracts import TrialScore, VoiceScore
from services.evaluator.follow_up.surprise import DEV_EXCESS, find_surprise

TRIAL = TrialScore(step=8, strength=1, temperature=0.9, transfer=80, low=70, high=90)


def voice(high: float = 75, **changes: object) -> VoiceScore:
    fields = {"verdict": "promising", "folded": high - 8, "low": high - 16, "high": high}
    return VoiceScore.model_validate({**fields, **changes})


def test_a_failed_gate_surprises_by_its_name() -> None:
    surprise = find_surprise(voice(verdict="rejected", gates=["length", "retention"]), TRIAL)
    assert surprise is not None
    assert (surprise.gates, surprise.behind) == (("length", "retention"), False)
    assert surprise.reason == "The gates length, retention failed."


@pytest.mark.parametrize(("high", "behind"), [(70 - DEV_EXCESS - 0.5, True), (70 - DEV_EXCESS + 0.5, False)])
def test_the_test_is_far_behind_beyond_the_interval_and_the_excess_of_dev(high: float, *, behind: bool) -> None:
    surprise = find_surprise(voice(high), TRIAL)
    assert (surprise is not None) == behind
    if surprise:
        assert "far below 80 (70 to 90) on the chapters kept for choosing" in surprise.reason


def test_nothing_else_surprises() -> None:
    assert find_surprise(None, TRIAL) is None
    assert find_surprise(voice(20), None) is None
    assert find_surprise(VoiceScore(verdict="not_measurable", gates=["measurable"]), TRIAL) is None
    assert find_surprise(voice(20), TRIAL.model_copy(update={"low": None})) is None
