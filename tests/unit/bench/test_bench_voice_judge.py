"""The second judge's numbers over mixtures."""

from __future__ import annotations

import pytest

from bench.voice_judge import VARIANTS, JudgedMixtures
from scriptorium.contracts.report.voice import Estimate


def add(mixtures: JudgedMixtures, share: float, transfer: float, second: float) -> None:
    estimate = Estimate(value=second, low=0, high=100, lower_bound=0)
    mixtures.add(share, transfer, dict.fromkeys(VARIANTS, estimate))


def test_the_largest_mean_deviation_counts_and_the_authors_own_text_does_not() -> None:
    mixtures = JudgedMixtures()
    for share, second in ((0.2, 10), (0.2, 24), (0.4, 45), (1.0, 150)):
        add(mixtures, share, 100 * share, second)
    assert mixtures.linearity_error() == pytest.approx(5)


def test_the_agreement_is_that_of_the_ranks() -> None:
    mixtures = JudgedMixtures()
    for share, transfer, second in ((0.2, 20, 1), (0.4, 41, 2), (0.6, 58, 50), (1.0, 100, -900)):
        add(mixtures, share, transfer, second)
    assert mixtures.agreement() == pytest.approx(1.0)
    add(mixtures, 0.8, 80, -7)
    assert mixtures.agreement() == pytest.approx(-0.2)


def test_without_mixtures_there_is_no_number() -> None:
    assert JudgedMixtures().linearity_error() != JudgedMixtures().linearity_error()
    assert JudgedMixtures().agreement() != JudgedMixtures().agreement()
