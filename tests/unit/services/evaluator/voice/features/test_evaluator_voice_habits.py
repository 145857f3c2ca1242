import pytest

from scriptorium.text.languages.language import ENGLISH, UNKNOWN, read_language
from services.evaluator.voice.features.habits import list_habits

HABITS = list_habits(ENGLISH)

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


def test_each_language_has_its_own_habits():
    german, french = list_habits(read_language("de")), list_habits(read_language("fr"))
    assert not [name for name in german if name.startswith("adverbs")]
    assert "contractions" not in french  # an elision is no choice
    assert french["adverbs in -ment"][0]("Il partit lentement, puis revint vivement.") == pytest.approx(2000 / 6)
    assert "contractions" in german
    assert german["contractions"][0]("Wie geht's? Es geht.") == pytest.approx(1000 / 4)
    assert "sentences that open with a personal pronoun" not in list_habits(UNKNOWN)


@pytest.mark.parametrize(
    ("code", "text", "share"),
    [
        ("fr", "« Oui », dit-il, et il sortit.", 24),
        ("fr", "— Oui, dit-il.\n\nIl sortit bientôt.", 45),
        ("de", "„Halt“, rief er und ging ab.", 21),
        ("de", "»Halt«, rief er und ging ab.", 21),
        ("es", "—Sí —dijo ella.\n\nY salió de allí.", 49),
        ("en", "— Yes, he said.\n\nHe went out.", 0),
    ],
)
def test_speech_is_marked_as_the_language_does_it(code, text, share):
    assert list_habits(read_language(code))["share of dialogue"][0](text) == pytest.approx(share, abs=3)


def test_a_french_pronoun_opens_a_sentence_though_it_is_elided():
    text = "J'ai peur. Élise dort. Il dort."
    habits = list_habits(read_language("fr"))
    assert habits["sentences that open with a personal pronoun"][0](text) == pytest.approx(200 / 3)
    assert habits["words per sentence"][0](text) == pytest.approx(6 / 3)
