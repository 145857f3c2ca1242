"""The tally counts, keeps ties and readers apart, and says it in words."""

from services.api.blind_reading.answers import Answer, Choice
from services.api.blind_reading.score_plot import draw_scores
from services.api.blind_reading.tally import count_answers


def given(reader: str, *closer: Choice) -> list[Answer]:
    return [
        Answer(reader=reader, passage=number, created_at=1, first="base", closer=choice, better="cannot_tell")
        for number, choice in enumerate(closer)
    ]


def test_choices_are_counted_and_ties_stand_apart() -> None:
    answers = [*given("Ann", *["tuned"] * 9, "base", "cannot_tell"), *given("Bob", "base")]
    tally = count_answers(answers, {"Ann": 12, "Bob": 12})
    closer = tally.readers[0].closer
    assert (closer.tuned, closer.base, closer.cannot_tell, closer.share_percent) == (9, 1, 1, 90.0)
    assert (closer.low_percent, closer.high_percent) == (59.6, 98.2)
    assert closer.summary == (
        "The tuned model was chosen as closer to the author in 9 of 10 (90 %, 95 % interval 60–98 %); "
        "1 could not be told apart. That is more than chance would give (p = 0.021)."
    )
    assert (tally.answers, tally.closer.base, [entry.answered for entry in tally.readers]) == (12, 2, [11, 1])


def test_chance_is_named_where_it_would_do() -> None:
    assert count_answers(given("Ann", "base"), {"Ann": 1}).closer.summary.endswith("do as much (p = 1.00).")
    worse = count_answers(given("Ann", *["base"] * 20), {"Ann": 20}).closer
    assert worse.summary.endswith("That is less than chance would give (p < 0.001).")


def test_without_a_choice_there_is_no_share() -> None:
    better = count_answers(given("Ann", "tuned", "tuned"), {"Ann": 2}).better
    assert (better.share_percent, better.p_value) == (None, None)
    assert better.summary == "Which is better written: 2 could not be told apart."
    nobody = count_answers([], {})
    assert nobody.closer.summary == "Nobody has answered yet."
    assert draw_scores(nobody) is None


def test_the_picture_shows_the_questions_that_have_a_share() -> None:
    drawn = draw_scores(count_answers(given("Ann", "tuned", "base"), {"Ann": 2}))
    assert drawn
    assert [(bar.name, bar.label, bar.dot) for bar in drawn.bars] == [("Closer", "50 %", drawn.lines[0].at)]
    assert drawn.left <= drawn.bars[0].low < drawn.bars[0].dot < drawn.bars[0].high <= drawn.right
