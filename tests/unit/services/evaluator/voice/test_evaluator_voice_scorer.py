import numpy as np
import pytest

from services.evaluator.voice.features.chunk import cut_to
from services.evaluator.voice.linear import TrainingClasses
from services.evaluator.voice.transfer import place


def test_negatives_are_half_base_half_impostors():
    classes = TrainingClasses(["a"] * 5, ["b"] * 7, [["c"] * 2, ["d"] * 4])
    weights = classes.weights / classes.weights.sum()
    assert weights[:5].sum() == pytest.approx(0.5)
    assert weights[5:12].sum() == pytest.approx(0.25)
    assert weights[12:14].sum() == weights[14:].sum() == pytest.approx(0.125)
    assert list(classes.labels) == [1] * 5 + [0] * 13


def test_the_author_scores_above_everybody(learned, write):
    author, base, other = (learned.scorer.score(write(writer, 50, 12)).mean(axis=0) for writer in (1, 2, 22))
    assert (author > base).all()
    assert (author > other).all()


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_scores_are_linear_in_the_share_of_the_author(learned, write, share):
    author, base = write(1, 60, 24), write(2, 60, 24)
    pairs = zip(author, base, strict=True)
    mixed = [f"{cut_to(a, round(200 * share))}\n{cut_to(b, round(200 * (1 - share)))}" for a, b in pairs]
    middle, low, high = (learned.scorer.score(texts).mean(axis=0) for texts in (mixed, base, author))
    assert np.abs(place(middle, low, high) - 100 * share).max() < 12


def test_a_text_without_words_has_no_score(learned):
    assert np.isnan(learned.scorer.score(["", "..."])).all()
