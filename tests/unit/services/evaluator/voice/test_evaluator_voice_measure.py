import json
from dataclasses import replace

import pytest

from scriptorium.contracts.report.voice import Voice
from scriptorium.errors import EvaluationFailed
from scriptorium.jobs.reporter import SilentReporter
from services.evaluator.voice.inputs import CALIBRATION_TEXT, SEEN_AUTHORS
from services.evaluator.voice.measure import compare_voice, measure_voice


@pytest.fixture(scope="module")
def voice(inputs) -> Voice:
    return measure_voice(inputs, 0, SilentReporter())


def test_a_good_imitation_is_measured_as_one(voice):
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


def test_the_same_seed_gives_the_same_result(voice, inputs, learned):
    assert compare_voice(inputs, learned, 0, SilentReporter()) == voice


def test_the_base_itself_is_at_zero(inputs, learned):
    voice = compare_voice(replace(inputs, tuned=inputs.base), learned, 0, SilentReporter())
    assert voice.transfer.raw.value == pytest.approx(0, abs=1e-9)
    assert voice.separation.drift == pytest.approx(0, abs=1e-6)
    assert voice.verdict.name == "not_there"


def test_short_passages_count_as_the_base(inputs, learned):
    tuned = [text if index % 2 else "Too short." for index, text in enumerate(inputs.tuned)]
    voice = compare_voice(replace(inputs, tuned=tuned), learned, 0, SilentReporter())
    assert voice.transfer.raw.value == pytest.approx(50, abs=15)
    assert [sample.counted_as_base for sample in voice.samples] == [True, False] * 12
    assert "length" in voice.verdict.gates


def test_empty_passages_are_rejected_without_a_crash(inputs, learned):
    voice = compare_voice(replace(inputs, tuned=[""] * len(inputs.tuned)), learned, 0, SilentReporter())
    assert voice.verdict.name == "rejected"
    assert "length" in voice.verdict.gates
    assert voice.transfer.raw.value == pytest.approx(0, abs=1e-9)


def test_copied_passages_are_reported_with_their_place(inputs, learned):
    tuned = [inputs.author_train[0], *inputs.tuned[1:]]
    voice = compare_voice(replace(inputs, tuned=tuned), learned, 0, SilentReporter())
    (run,) = voice.samples[0].copied
    assert tuned[0][run.start : run.end] == run.text
    assert "memorisation" in voice.verdict.gates


def test_all_problems_are_reported_at_once(inputs):
    change = {"seen_impostors": [], "unseen_impostors": [inputs.unseen_impostors[0]], "base_calibration": []}
    with pytest.raises(EvaluationFailed) as error:
        replace(inputs, tuned=inputs.tuned[1:], **change)
    assert {problem.place for problem in error.value.problems} == {CALIBRATION_TEXT, SEEN_AUTHORS, "tuned"}
    with pytest.raises(EvaluationFailed, match="cannot be measured"):
        replace(inputs, unseen_impostors=[*inputs.unseen_impostors, inputs.seen_impostors[0]])


@pytest.mark.parametrize("side", ["base", "held_out"])
def test_without_anything_to_compare_with_it_fails(inputs, learned, side):
    pairs = zip(inputs.held_out, inputs.author_train, strict=False)
    held_out = [replace(passage, text=text) for passage, text in pairs]
    change = {"base": [""] * len(inputs.base)} if side == "base" else {"held_out": held_out}
    with pytest.raises(EvaluationFailed, match="nothing to compare with"):
        compare_voice(replace(inputs, **change), learned, 0, SilentReporter())
