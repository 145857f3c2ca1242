"""The leak rate: names of the book in stories that did not ask for them."""

import pytest

from scriptorium.contracts.report.scenes import LeakedName, SceneLeak
from scriptorium.scenes.choose import SceneChoice
from scriptorium.text.languages.language import ENGLISH
from services.evaluator.scenes.leak_rate import MAX_LEAK_SHARE, measure_leaks
from services.evaluator.scenes_outcome import measure_scenes
from services.evaluator.voice_inputs import EvaluationTexts
from tests.report_example import make_sample

CHOICE = SceneChoice("en", [], 3)
OWN = frozenset(["tarzan", "numa", "clayton"])
PLAIN = "Priya looked at the server."


def scenes(role, *texts):
    brief = "Write a passage. People and places: Priya."
    return [
        make_sample(role=role, split="scene", index=index, text=text, brief=brief, genuine="")
        for index, text in enumerate(texts)
    ]


def measure(base, tuned, own=OWN):
    return measure_leaks(scenes("base", *base), scenes("tuned", *tuned), own, CHOICE)


def test_leaks_are_counted_by_passage_and_by_name():
    tuned = ["Tarzan laughed, and Tarzan went.", "Here was Numa, and TARZAN.", PLAIN, "The tarzan of small letters."]
    result = measure([PLAIN] * 4, tuned)
    assert (result.tuned.passages, result.tuned.leaking, result.tuned.share) == (4, 2, 0.5)
    assert result.tuned.low == pytest.approx(0.150, abs=1e-3)
    assert result.names == [LeakedName(name="Tarzan", passages=2), LeakedName(name="Numa", passages=1)]
    assert result.leaking == [SceneLeak(index=0, names=["Tarzan"]), SceneLeak(index=1, names=["Numa", "Tarzan"])]
    assert (result.language, result.skipped, result.own_names) == ("en", 3, 3)
    assert result.outcome == "warn"
    assert "2 of 4 new scenes (50 %, 95 % interval 15 to 85 %)" in result.finding
    assert "Tarzan in 2, Numa in 1" in result.finding
    assert "data.rename" in result.next_step


def test_a_name_that_the_brief_gave_is_no_leak():
    assert measure([PLAIN], [PLAIN], own={"priya"}).tuned.leaking == 0


def test_a_name_that_the_base_writes_too_is_no_leak_and_its_own_rate_is_by_accident():
    base = ["Clayton came.", PLAIN, PLAIN]
    assert measure(base, ["Clayton came.", PLAIN, PLAIN]).tuned.leaking == 0
    assert measure(base, [PLAIN] * 3).base.leaking == 1  # no other scene of the base has that name
    assert measure(["Clayton came.", "Clayton left.", PLAIN], [PLAIN] * 3).base.leaking == 0


def test_few_leaks_pass_and_nothing_is_advised():
    result = measure([PLAIN] * 40, ["Tarzan.", *[PLAIN] * 39])
    assert 0 < result.tuned.share <= MAX_LEAK_SHARE
    assert (result.outcome, result.next_step) == ("pass", "")


def test_a_book_without_names_is_not_measured():
    result = measure([PLAIN], [PLAIN], own=frozenset())
    assert result.outcome == "not_measured"
    assert "no names of its own" in result.finding


def test_names_come_from_the_training_text_and_scenes_from_both_models():
    texts = EvaluationTexts(
        language=ENGLISH,
        author_train=["There was Tarzan."] * 3, author_dev=[], author_renamed=[], held_out=[], briefs=[], base=[],
        tuned=[], prompted=[], base_calibration=[], impostors=[],
    )  # fmt: skip
    test = make_sample(role="tuned", text="Tarzan again.")
    samples = [test, *scenes("base", PLAIN), *scenes("tuned", "Tarzan!")]
    result = measure_scenes(texts, samples, CHOICE)
    assert result is not None
    assert (result.own_names, result.tuned.leaking, result.tuned.passages) == (1, 1, 1)
    assert measure_scenes(texts, [test], CHOICE) is None
