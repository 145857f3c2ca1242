"""T2 and its agreement with T, from readings whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from scriptorium.contracts.report.second_judge import MixtureCheck
from scriptorium.contracts.report.voice import Estimate
from services.evaluator.second_judge import judge as judge_module
from services.evaluator.second_judge.judge import judge_again
from services.evaluator.second_judge.read import Readings


def make_readings(share: float, gap: float = 0.1, prompts: int = 24) -> Readings:
    """Let the author's passages be likelier behind the author by `gap`; what a brief is about moves all columns."""
    chance = np.random.default_rng(3)

    def make(position: float) -> np.ndarray:
        subject = chance.normal(-3.8, 0.5, (prompts, 1))
        behind = np.array([gap * position, 0.0, 0.0])
        return np.asarray(subject + behind + chance.normal(0, 0.03, (prompts, 3)))

    return Readings(make(1), make(0), make(share), make(0.3), context_tokens=256, passage_tokens=200)


def around(value: float, half: float = 8.0) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, lower_bound=value - half)


def test_the_share_is_found_and_its_interval_holds_it():
    judge = judge_again(make_readings(0.6), around(60), 1)
    assert judge.transfer.low < 60 < judge.transfer.high
    assert judge.transfer.value == pytest.approx(60, abs=15)
    assert judge.impostors is not None
    assert judge.impostors.value == pytest.approx(30, abs=15)
    assert (judge.prompts, judge.agreement, judge.caveat) == (24, "agrees", "")


def test_a_disagreement_is_a_caveat_with_both_numbers():
    judge = judge_again(make_readings(0.1), around(85), 1)
    assert judge.agreement == "disagrees"
    assert f"at {judge.transfer.value:.0f}," in judge.caveat
    assert "T says 85" in judge.caveat


def test_what_the_judge_errs_on_mixtures_is_no_disagreement(monkeypatch):
    readings = make_readings(0.5)
    far = judge_again(readings, around(60), 1).transfer.high + 8 + 5  # five points above the judge's interval
    assert judge_again(readings, around(far), 1).agreement == "disagrees"
    monkeypatch.setattr(judge_module, "MIXTURES", MixtureCheck(deviation=6.0, date="2026-11-26"))
    assert judge_again(readings, around(far), 1).agreement == "agrees"


def test_without_a_gap_between_author_and_base_nothing_is_claimed():
    judge = judge_again(make_readings(0.5, gap=-0.1), around(85), 1)
    assert (judge.agreement, judge.caveat) == ("cannot_tell", "")
    assert judge.gap_bound <= 0
