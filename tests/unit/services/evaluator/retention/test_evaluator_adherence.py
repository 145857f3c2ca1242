import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.evaluator.retention.adherence import distinctive_words, measure_adherence
from services.evaluator.retention.verdict import judge_adherence

THINGS = ["lantern", "Meriem", "harbour", "thunder", "kettle", "orchard", "gallows", "saddle"]
BRIEFS = [f"Write a passage of about 300 words. In it: {one} and {other}." for one in THINGS for other in THINGS]
PAIRS = [(one, other) for one in THINGS for other in THINGS]


def passages(share: float) -> list[str]:
    """Texts of which so many name both things of their brief and the others none."""
    following = round(share * len(PAIRS))
    return [
        f"There was {one}, and {other}." if at < following else "It rained." for at, (one, other) in enumerate(PAIRS)
    ]


def test_the_distinctive_words_of_a_brief_are_not_those_of_its_phrasing():
    assert distinctive_words(BRIEFS)[1] == {"lantern", "meriem"}
    assert distinctive_words(["Describe rain and thunder."]) == [{"describe", "rain", "thunder"}]


def test_words_are_counted_whole_and_once():
    adherence = measure_adherence(["rain, thunder", "wind, storm"], ["rain rain", "storms"], ["RAIN", "wind, storm"], 1)
    assert (adherence.base, adherence.tuned) == (0.25, 0.75)
    assert adherence.points == pytest.approx(50)


@pytest.mark.parametrize(
    ("base", "tuned", "code"),
    [
        (0.5, 0.5, "briefs_kept"),
        (0.1, 0.4, "briefs_kept"),
        (0.5, 0.35, "briefs_lost"),
        (0.5, 0.42, "briefs_unsure"),
        (0.15, 0.08, "briefs_unseen"),
        (0.0, 0.0, "briefs_unseen"),
    ],
)
def test_the_verdict(base, tuned, code):
    assert judge_adherence(measure_adherence(BRIEFS, passages(base), passages(tuned), 1)).code == code


@given(st.lists(st.tuples(st.text(), st.text(), st.text()), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
def test_shares_are_shares_and_bounds_hold_the_change(rows, seed):
    briefs, base, tuned = (list(column) for column in zip(*rows, strict=True))
    adherence = measure_adherence(briefs, base, tuned, seed)
    assert 0 <= adherence.base <= 1
    assert 0 <= adherence.tuned <= 1
    assert adherence.points == pytest.approx(100 * (adherence.tuned - adherence.base))
    assert -100 <= adherence.low_points <= adherence.high_points <= 100
    assert measure_adherence(briefs, base, base, seed).points == 0
