from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from scriptorium.contracts import LossDrop
from scriptorium.contracts.report.document import LossPoint, TrainingLosses
from scriptorium.html.axis import axis_around
from scriptorium.html.loss_curve import MAX_POINTS, draw_curve
from scriptorium.sampling import spread
from services.evaluator.report.dot_plots import draw_loss_drops

finite = st.floats(min_value=-1e6, max_value=1e6)


@given(st.lists(finite, min_size=1, max_size=20))
def test_axis_holds_its_values_and_its_ticks(values):
    axis = axis_around(values, 0, 100)
    assert all(0 <= axis.place(value) <= 100 for value in values)
    ticks = axis.ticks()
    assert len(ticks) <= 7
    assert all(-0.1 <= axis.place(tick) <= 100.1 for tick in ticks)


def test_ticks_are_round():
    assert axis_around([0.0, 10.0], 0, 100).ticks() == [0, 5, 10]
    assert axis_around([3.02, 3.48], 0, 100).ticks() == [3.0, 3.2, 3.4]


def test_nothing_logged():
    assert draw_curve(TrainingLosses()) is None


def test_curve_falls_where_the_loss_falls():
    curve = draw_curve(
        TrainingLosses(
            train=[LossPoint(step=1, loss=3.9), LossPoint(step=9, loss=3.0)], dev=[LossPoint(step=9, loss=3.5)]
        )
    )
    assert curve is not None
    training, dev = curve.lines
    assert (training.name, dev.name) == ("training", "dev")
    (x1, y1), (x2, y2) = training.marks
    assert x1 < x2
    assert y1 < y2  # picture units run downwards
    assert abs(training.label_y - dev.label_y) >= 15
    assert "from 3.90 at step 1 to 3.00 at step 9" in curve.summary


def test_a_curve_of_preferences_says_so():
    curve = draw_curve(TrainingLosses(train=[LossPoint(step=1, loss=0.69)], preferences=True))
    assert curve is not None
    assert curve.summary == "The loss on the preferences trained was 0.69 at step 1."
    words = (curve.words.title, curve.words.axis, curve.words.meaning)
    assert not any("surprise" in text.lower() for text in words)
    assert curve.narrow
    assert curve.narrow.words == curve.words


def test_a_long_training_is_thinned_but_keeps_its_ends():
    points = [LossPoint(step=step, loss=3.0) for step in range(1, 100_001)]
    curve = draw_curve(TrainingLosses(train=points))
    assert curve is not None
    marks = curve.lines[0].marks
    assert len(marks) == MAX_POINTS + 1
    assert marks[-1][0] == curve.right


def drop(value: float, low: float, high: float) -> LossDrop:
    return LossDrop(passages=9, base=3, tuned=2, drop_percent=value, low_percent=low, high_percent=high)


def test_drops_share_one_axis_with_zero_on_it():
    plot = draw_loss_drops(drop(12, 10, 14), drop(-2, -3, 1))
    author, others = plot.rows
    assert plot.left <= others.low < others.dot < plot.lines[0].at < others.high < author.low < author.dot < author.high
    assert author.high <= plot.right
    assert others.label == "−2.0 %"


def test_drops_without_others():
    assert len(draw_loss_drops(drop(0, 0, 0), None).rows) == 1


@given(st.lists(st.integers()), st.integers(1, 40))
def test_spread_is_even_and_in_order(items, count):
    numbered = list(enumerate(items))
    chosen = spread(numbered, count)
    assert len(chosen) == min(count, len(items))
    positions = [position for position, _ in chosen]
    gaps = [later - earlier for earlier, later in pairwise(positions)]
    assert not gaps or max(gaps) - min(gaps) <= 1
    assert not positions or positions[0] == 0
