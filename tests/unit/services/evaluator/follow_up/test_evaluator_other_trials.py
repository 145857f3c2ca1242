"""Which trials may help: those ahead in what failed, or gentler ones where no trial was measured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.contracts import TrialScore
from services.evaluator.follow_up.other_trials import find_clearly_better, is_gentler, list_helpful
from services.evaluator.follow_up.surprise import Surprise


def trial(strength: float = 1.0, step: int = 8, followed: int = 30, **changes: object) -> TrialScore:
    fields = {
        "step": step, "strength": strength, "temperature": 0.9, "transfer": 60.0, "asked": 96, "base_followed": 40,
        "followed": followed, "low_points": 100 * (followed - 40) / 96 - 8, "kept": followed > 36,
        "long_enough": 0.7, "base_long_enough": 1.0,
    }  # fmt: skip
    return TrialScore.model_validate({**fields, **changes})


def failed(*gates: str, behind: bool = False) -> Surprise:
    return Surprise(gates, behind, "")


@pytest.mark.parametrize(
    ("other", "helps", "better"),
    [
        (trial(0.5, followed=41), True, True),
        (trial(0.5, followed=31), True, False),  # within a standard error
        (trial(0.5, followed=36), True, False),  # ahead, but it does not keep them either
        (trial(0.5, followed=29), False, False),
        (trial(0.5, followed=41, asked=0), False, False),
    ],
)
def test_retention_wants_more_instructions(other: TrialScore, *, helps: bool, better: bool) -> None:
    assert bool(list_helpful([other], trial(), failed("retention"))) == helps
    assert (find_clearly_better([other], trial(), failed("retention")) is other) == better


@pytest.mark.parametrize(("share", "helps", "better"), [(0.95, True, True), (0.8, True, False), (0.6, False, False)])
def test_length_wants_passages_that_the_gate_calls_long_enough(share: float, *, helps: bool, better: bool) -> None:
    other = trial(0.5, long_enough=share)
    assert bool(list_helpful([other], trial(), failed("length"))) == helps
    assert (find_clearly_better([other], trial(), failed("length")) is other) == better


@pytest.mark.parametrize("gate", ["memorisation", "coherence", "caricature", "degeneration", "adherence"])
def test_what_no_trial_measured_is_left_to_a_person_who_gets_the_gentler_ones(gate: str) -> None:
    others = [trial(0.5), trial(1.25), trial(1.0, step=4), trial(1.25, step=4)]
    assert list_helpful(others, trial(), failed(gate)) == [others[0], others[2]]
    assert find_clearly_better(others, trial(), failed(gate)) is None
    assert find_clearly_better([trial(0.5, followed=41)], trial(), failed("retention", gate)) is None


def test_the_one_with_the_most_voice_is_taken() -> None:
    others = [trial(0.5, followed=44, transfer=50), trial(0.75, followed=42, transfer=58)]
    assert find_clearly_better(others, trial(), failed("retention")) is others[1]
    assert list_helpful(others, trial(), failed("retention")) == others[::-1]


def test_a_test_behind_dev_recommends_nothing_because_dev_is_what_failed() -> None:
    others = [trial(0.5, transfer=90), trial(0.75, transfer=None)]
    assert list_helpful(others, trial(), failed(behind=True)) == others[:1]
    assert find_clearly_better(others, trial(), failed(behind=True)) is None


@given(st.sampled_from([0.5, 1.0]), st.sampled_from([4, 8]), st.sampled_from([0.5, 1.0]), st.sampled_from([4, 8]))
def test_gentler_is_an_order(one: float, early: int, other: float, late: int) -> None:
    first, second = trial(one, early), trial(other, late)
    assert not (is_gentler(first, second) and is_gentler(second, first))
