import pytest

from services.evaluator.voice.features.habits import HABITS

TEXT = (
    "“I don't know,” said she; “it’s strangely quiet.” And he ran — quickly!\n\n"
    "But nobody came: the house, the yard, all was still. Was it over?"
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("words per sentence", 25 / 4),
        ("words per paragraph", 25 / 2),
        ("commas", 3000 / 25),
        ("semicolons", 1000 / 25),
        ("dashes", 1000 / 25),
        ("contractions", 2000 / 25),
        ("adverbs in -ly", 2000 / 25),
        ("sentences that open with a conjunction", 50),
        ("sentences that open with a personal pronoun", 25),
    ],
)
def test_habits_are_counted(name, value):
    assert HABITS[name][0](TEXT) == pytest.approx(value)


def test_dialogue_is_the_text_between_quotation_marks():
    assert 20 < HABITS["share of dialogue"][0](TEXT) < 50
    assert HABITS["share of dialogue"][0]("“Open speech\n\nand a paragraph after it") == pytest.approx(33, abs=2)


@pytest.mark.parametrize("name", HABITS)
def test_no_habit_fails_on_text_without_words(name):
    assert HABITS[name][0]("") == 0
    assert HABITS[name][0]("...") >= 0
