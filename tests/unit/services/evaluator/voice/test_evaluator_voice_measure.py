import json
from dataclasses import replace

import pytest

from scriptorium.errors import EvaluationFailed
from scriptorium.jobs.reporter import SilentReporter
from services.evaluator.voice.inputs import CALIBRATION, SEEN
from services.evaluator.voice.measure import compare_voice, measure_voice
from services.evaluator.voice.result import Voice


@pytest.fixture(scope="module")
def voice(material) -> Voice:
    return measure_voice(material, 0, SilentReporter())


def test_an_author_imitated_well_is_found(voice):
    assert voice.transfer.raw.value == pytest.approx(100, abs=15)
    assert all(impostor.transfer.value < 60 for impostor in voice.impostors)
    assert voice.separation.author_base_auc > 0.95
    assert voice.separation.tuned_genuine_auc < 0.8
    assert voice.attribution.tuned > 0.8
    assert voice.attribution.base < 0.2
    assert voice.verdict.name == "production"


def test_it_goes_to_json_and_back(voice):
    text = voice.model_dump_json()
    assert Voice.model_validate(json.loads(text)) == voice


def test_the_same_seed_gives_the_same_result(voice, material, learned):
    assert compare_voice(material, learned, 0, SilentReporter()) == voice


def test_the_base_itself_is_at_zero(material, learned):
    voice = compare_voice(replace(material, tuned=material.base), learned, 0, SilentReporter())
    assert voice.transfer.raw.value == pytest.approx(0, abs=1e-9)
    assert voice.separation.drift == pytest.approx(0, abs=1e-6)
    assert voice.verdict.name == "not_there"


def test_short_passages_count_as_the_base(material, learned):
    tuned = [text if place % 2 else "Too short." for place, text in enumerate(material.tuned)]
    voice = compare_voice(replace(material, tuned=tuned), learned, 0, SilentReporter())
    assert voice.transfer.raw.value == pytest.approx(50, abs=15)
    assert [sample.counted_as_base for sample in voice.samples] == [True, False] * 12
    assert "length" in voice.verdict.gates


def test_nothing_written_at_all_is_rejected_and_no_crash(material, learned):
    voice = compare_voice(replace(material, tuned=[""] * len(material.tuned)), learned, 0, SilentReporter())
    assert voice.verdict.name == "rejected"
    assert "length" in voice.verdict.gates
    assert voice.transfer.raw.value == pytest.approx(0, abs=1e-9)


def test_copied_passages_show_where(material, learned):
    tuned = [material.author_train[0], *material.tuned[1:]]
    voice = compare_voice(replace(material, tuned=tuned), learned, 0, SilentReporter())
    (span,) = voice.samples[0].copied
    assert tuned[0][span.start : span.end] == span.text
    assert "memorisation" in voice.verdict.gates


def test_all_that_does_not_fit_is_said_at_once(material):
    with pytest.raises(EvaluationFailed) as error:
        replace(material, tuned=material.tuned[1:], seen=[], unseen=[material.unseen[0]], base_calibration=[])
    assert {problem.place for problem in error.value.problems} == {CALIBRATION, SEEN, "tuned"}
    with pytest.raises(EvaluationFailed, match="cannot be measured"):
        replace(material, unseen=[*material.unseen, material.seen[0]])


@pytest.mark.parametrize("which", ["base", "held_out"])
def test_with_nothing_to_compare_with_it_says_so(material, learned, which):
    held = [
        replace(passage, text=text) for passage, text in zip(material.held_out, material.author_train, strict=False)
    ]
    change = {"base": [""] * len(material.base)} if which == "base" else {"held_out": held}
    with pytest.raises(EvaluationFailed, match="nothing to compare with"):
        compare_voice(replace(material, **change), learned, 0, SilentReporter())
