"""The tally counts, separates ties and readers, and puts the result into words."""

from services.api.blind_reading.answers import Choice, ReaderAnswer
from services.api.blind_reading.score_plot import draw_scores
from services.api.blind_reading.tally import count_answers


def answers_of(reader: str, *closer: Choice) -> list[ReaderAnswer]:
    return [
        ReaderAnswer(reader=reader, passage=number, created_at=1, first="base", closer=choice, better="cannot_tell")
        for number, choice in enumerate(closer)
    ]


def test_choices_are_counted_and_ties_stand_apart() -> None:
    answers = [*answers_of("Ann", *["tuned"] * 9, "base", "cannot_tell"), *answers_of("Bob", "base")]
    tally = count_answers(answers, {"Ann": 12, "Bob": 12})
    closer = tally.readers[0].closer
    assert (closer.tuned, closer.base, closer.cannot_tell, closer.share_percent) == (9, 1, 1, 90.0)
    assert (closer.low_percent, closer.high_percent) == (59.6, 98.2)
    assert closer.summary == (
        "The tuned model was chosen as closer to the author in 9 of 10 (90 %, 95 % interval 60–98 %); "
        "1 could not be told apart. That is more than chance would give: guessing would be as uneven in 2.1 % of "
        "readings (p = 0.021)."
    )
    assert (tally.answers, tally.closer.base, [entry.answered for entry in tally.readers]) == (12, 2, [11, 1])


def test_chance_is_named_if_it_could_explain_the_answers() -> None:
    assert count_answers(answers_of("Ann", "base"), {"Ann": 1}).closer.summary.endswith("No difference is shown.")
    slight = count_answers(answers_of("Ann", *["tuned"] * 4, "base"), {"Ann": 5}).closer
    assert slight.summary.endswith(
        "No difference is shown: guessing would be as uneven in 38 % of readings (p = 0.38)."
    )
    worse = count_answers(answers_of("Ann", *["base"] * 20), {"Ann": 20}).closer
    assert worse.summary.endswith("less than once in 1,000 readings (p < 0.001).")


def test_without_a_choice_there_is_no_share() -> None:
    better = count_answers(answers_of("Ann", "tuned", "tuned"), {"Ann": 2}).better
    assert (better.share_percent, better.p_value) == (None, None)
    assert better.summary == "Which is better written: 2 could not be told apart."
    nobody = count_answers([], {})
    assert nobody.closer.summary == "Nobody has answered yet."
    assert draw_scores(nobody) is None


def test_the_picture_shows_the_questions_that_have_a_share() -> None:
    plot = draw_scores(count_answers(answers_of("Ann", "tuned", "base"), {"Ann": 2}))
    assert plot
    assert [(bar.name, bar.label, bar.dot) for bar in plot.rows] == [("Closer", "50 %", plot.lines[0].at)]
    assert plot.left <= plot.rows[0].low < plot.rows[0].dot < plot.rows[0].high <= plot.right
